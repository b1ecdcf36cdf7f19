#include "index/channel_index.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/parallel.hpp"
#include "conda/match_spec.hpp"
#include "index/closure.hpp"
#include "index/json_cursor.hpp"
#include "index/record_reader.hpp"
#include "index/subdir_source.hpp"
#include "net/url.hpp"

namespace hpcenv::index {

namespace {

/// What the records of one subdir share.
struct Origin {
  std::size_t channel = 0;
  std::string channel_url;
  std::string base_url;  ///< where the archives lie
  std::optional<std::int64_t> exclude_newer;
};

/// The records of one block, and what could not be read.
struct Harvest {
  struct Item {
    conda::PackageRecord record;
    Section section = Section::tar_bz2;
  };
  std::vector<Item> items;
  std::size_t unreadable = 0;
  std::string first_unreadable;

  void skip(std::string reason) {
    if (unreadable++ == 0) first_unreadable = std::move(reason);
  }
};

Result<Origin> origin_of(const SubdirSource& source, const IndexRequest& request) {
  const std::string& channel = request.channels[source.channel].base_url;
  const std::string directory = channel + "/" + source.subdir;
  const std::string& stated = source.reader.base_url();
  Origin origin{source.channel, channel, directory, request.exclude_newer};
  if (stated.empty()) return origin;
  origin.base_url = net::join_url(directory, stated);
  while (origin.base_url.ends_with('/')) origin.base_url.pop_back();
  // A remote channel must not make us read files of this machine.
  const bool allowed = net::is_http_url(origin.base_url) ||
                       (net::is_file_url(origin.base_url) && net::is_file_url(channel));
  if (allowed) return origin;
  return fail(ErrorKind::refused, "{}: its base_url {} is no address of a server",
              conda::without_credentials(directory), stated);
}

/// Records without any time stay: the request says nothing of them.
bool is_too_new(const conda::PackageRecord& record, std::string_view object, const Origin& origin) {
  if (!origin.exclude_newer.has_value()) return false;
  const auto indexed = indexed_timestamp(object);
  const auto time = indexed.has_value() ? indexed : record.timestamp;
  return time.has_value() && *time > *origin.exclude_newer;
}

void read_entry(JsonCursor& cursor, const Origin& origin, Section section, Harvest& harvest) {
  std::string_view file;
  std::string_view object;
  Scan scan = cursor.string(file);
  if (scan == Scan::ok) scan = cursor.expect(':');
  if (scan == Scan::ok) scan = cursor.value(object);
  if (scan != Scan::ok) return harvest.skip("damaged text");
  auto record = read_record(object, std::string(file), origin.channel_url, origin.base_url);
  if (!record.has_value()) return harvest.skip(record.error().message);
  if (is_too_new(*record, object, origin)) return;
  harvest.items.push_back({std::move(*record), section});
}

Result<> read_block(const IndexReader& reader, const WantedBlock& wanted, const Origin& origin,
                    Harvest& harvest) {
  HPCENV_ASSIGN(const std::string text, reader.block(wanted.block));
  for (const Run& run : wanted.runs) {
    JsonCursor cursor(std::string_view(text).substr(run.begin, run.size));
    while (cursor.peek() != '\0') {
      const std::size_t before = cursor.position();
      read_entry(cursor, origin, run.section, harvest);
      if (cursor.position() == before) break;
    }
  }
  return {};
}

/// Which texts of `depends` are specs of one package, and which versions are versions; each text is
/// read once.
class ReadableTexts {
 public:
  /// Why a record cannot be used, if it cannot.
  std::optional<std::string> unreadable_in(const conda::PackageRecord& record) {
    if (!is_version(record.version)) {
      return fmt::format("'{}' is no version", record.version);
    }
    for (const std::string& text : record.depends) {
      const auto known = reasons_.find(text);
      const std::string& reason = known != reasons_.end()
                                      ? known->second
                                      : reasons_.emplace(text, reason_of(text)).first->second;
      if (!reason.empty()) return reason;
    }
    return std::nullopt;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  bool is_version(const std::string& text) {
    const auto known = versions_.find(text);
    if (known != versions_.end()) return known->second;
    return versions_.emplace(text, conda::Version::parse(text).has_value()).first->second;
  }

  static std::string reason_of(const std::string& text) {
    const auto spec = conda::MatchSpec::parse(text);
    if (!spec.has_value()) return spec.error().message;
    return spec->name.is_exact() ? "" : fmt::format("'{}' names no single package", text);
  }

  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> reasons_;
  std::unordered_map<std::string, bool> versions_;
};

/// Leaves out the records whose version or dependencies cannot be read.
void drop_unreadable(std::span<Harvest> harvests, ReadableTexts& texts) {
  for (Harvest& harvest : harvests) {
    std::erase_if(harvest.items, [&](const Harvest::Item& item) {
      const auto reason = texts.unreadable_in(item.record);
      if (reason.has_value()) harvest.skip(item.record.file_name + ": " + *reason);
      return reason.has_value();
    });
  }
}

std::string_view stem_of(std::string_view file_name) {
  for (const std::string_view suffix : {".conda", ".tar.bz2"}) {
    if (file_name.ends_with(suffix)) return file_name.substr(0, file_name.size() - suffix.size());
  }
  return file_name;
}

/// Puts the records of one subdir into the index: without what the channel has removed, and without
/// the `.tar.bz2` whose `.conda` is there too.
void gather(std::span<Harvest> harvests, const SubdirSource& source,
            std::vector<IndexedRecord>& records) {
  const std::unordered_set<std::string_view> removed(source.reader.removed().begin(),
                                                     source.reader.removed().end());
  std::unordered_set<std::string> better;
  for (const Harvest& harvest : harvests) {
    for (const Harvest::Item& item : harvest.items) {
      if (item.section == Section::conda) better.emplace(stem_of(item.record.file_name));
    }
  }
  for (Harvest& harvest : harvests) {
    for (Harvest::Item& item : harvest.items) {
      const bool twin = item.section == Section::tar_bz2 &&
                        better.contains(std::string(stem_of(item.record.file_name)));
      if (twin || removed.contains(item.record.file_name)) continue;
      records.push_back({std::move(item.record), source.channel});
    }
  }
}

void warn(std::span<const Harvest> harvests, const Origin& origin, const std::string& subdir,
          base::Reporter& reporter) {
  std::size_t count = 0;
  std::string first;
  for (const Harvest& harvest : harvests) {
    if (count == 0) first = harvest.first_unreadable;
    count += harvest.unreadable;
  }
  if (count == 0) return;
  reporter.warning(fmt::format("{} of {}/{} cannot be read and {} left out, the first: {}",
                               count == 1 ? "1 record" : fmt::format("{} records", count),
                               conda::without_credentials(origin.channel_url), subdir,
                               count == 1 ? "is" : "are", first));
}

/// What one attempt gives.
struct Attempt {
  ChannelIndex index;
  std::optional<std::size_t> damaged;  ///< a source whose cached form turned out to be damaged
};

Result<> read_blocks(std::span<const SubdirSource> sources, std::span<const WantedBlock> wanted,
                     std::span<const Origin> origins, std::span<Harvest> harvests,
                     std::atomic<std::size_t>& damaged) {
  return base::parallel_for(
      wanted.size(), base::available_processors(), [&](std::size_t i) -> Result<> {
        const std::size_t source = wanted[i].source;
        Result<> read = read_block(sources[source].reader, wanted[i], origins[source], harvests[i]);
        if (!read.has_value() && read.error().kind == ErrorKind::refused) damaged.store(source);
        return read;
      });
}

Result<Attempt> attempt(const IndexRequest& request, std::span<const SubdirSource> sources,
                        base::Reporter& reporter) {
  std::vector<const IndexReader*> readers;
  std::vector<Origin> origins;
  for (const SubdirSource& source : sources) {
    readers.push_back(&source.reader);
    HPCENV_ASSIGN(Origin origin, origin_of(source, request));
    origins.push_back(std::move(origin));
  }
  HPCENV_ASSIGN(const std::vector<WantedBlock> wanted,
                wanted_blocks(readers, request.root_names, request.reach));
  std::vector<Harvest> harvests(wanted.size());
  std::atomic<std::size_t> damaged{sources.size()};
  Result<> read = read_blocks(sources, wanted, origins, harvests, damaged);
  if (damaged.load() < sources.size()) return Attempt{{}, damaged.load()};
  HPCENV_TRY(std::move(read));
  Attempt done{{request.channels, {}, all_names(readers)}, {}};
  ReadableTexts texts;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto own = std::ranges::equal_range(wanted, i, {}, &WantedBlock::source);
    const std::span<Harvest> part(harvests.begin() + (own.begin() - wanted.begin()), own.size());
    drop_unreadable(part, texts);
    warn(part, origins[i], sources[i].subdir, reporter);
    gather(part, sources[i], done.index.records);
  }
  return done;
}

}  // namespace

Result<ChannelIndex> load_index(const IndexRequest& request, net::HttpClient& client,
                                const base::Clock& clock, base::Reporter& reporter) {
  const std::size_t most_rounds = request.channels.size() * request.subdirs.size() + 1;
  for (std::size_t round = 0; round < most_rounds; ++round) {
    HPCENV_ASSIGN(const std::vector<SubdirSource> sources,
                  load_sources(request, client, clock, reporter));
    HPCENV_ASSIGN(Attempt done, attempt(request, sources, reporter));
    if (!done.damaged.has_value()) return std::move(done.index);
    // Each round throws one cached form away; what was just fetched is sound.
    sources[*done.damaged].cache.discard();
  }
  return fail_hint(ErrorKind::io,
                   fmt::format("the cached index in {} is damaged and cannot be replaced",
                               request.cache_directory.string()),
                   "remove that directory");
}

}  // namespace hpcenv::index
