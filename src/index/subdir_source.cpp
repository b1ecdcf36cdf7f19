#include "index/subdir_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "index/index_builder.hpp"
#include "index/index_sink.hpp"
#include "net/url.hpp"

namespace hpcenv::index {

namespace {

/// The forms in which a channel may offer the same, best first.
struct Form {
  const char* file;
  Packing packing;
};
constexpr std::array<Form, 2> forms = {
    {{"repodata.json.zst", Packing::zstd}, {"repodata.json", Packing::none}}};

struct Part {
  Part(std::size_t channel_position, std::string subdir_name, std::string address,
       const std::filesystem::path& directory)
      : channel(channel_position),
        subdir(std::move(subdir_name)),
        url(std::move(address)),
        cache(directory, url) {}

  std::size_t channel;
  std::string subdir;
  std::string url;  ///< of the subdir; may hold credentials
  IndexCache cache;
  std::optional<IndexCache::Cached> cached;
  bool current = false;  ///< `cached` may be used, or says that there is nothing
};

/// Feeds the reporter while several bodies come in.
class CountingSink final : public net::BodySink {
 public:
  CountingSink(std::unique_ptr<IndexSink> sink, std::filesystem::path file)
      : path(std::move(file)), inner(std::move(sink)) {}
  CountingSink(CountingSink&&) = default;
  CountingSink& operator=(CountingSink&&) = delete;
  CountingSink(const CountingSink&) = delete;
  CountingSink& operator=(const CountingSink&) = delete;
  /// What came whole is of no use where another body of the same load failed.
  ~CountingSink() override {
    inner.reset();
    if (!path.empty()) ::unlink(path.c_str());
  }
  Result<> begin(const net::HttpResponse& head) override {
    if (head.size.has_value()) size = *head.size;
    return inner->begin(head);
  }
  Result<bool> write(std::span<const std::byte> bytes) override {
    Result<bool> taken = inner->write(bytes);
    if (on_progress) on_progress();
    return taken;
  }
  Result<> end() override { return inner->end(); }
  void abandon(const Error& error) override { inner->abandon(error); }

  std::filesystem::path path;
  std::unique_ptr<IndexSink> inner;
  std::uint64_t size = 0;
  std::function<void()> on_progress;
};

class Loader {
 public:
  Loader(const IndexRequest& request, net::HttpClient& client, const base::Clock& clock,
         base::Reporter& reporter)
      : request_(request), client_(client), clock_(clock), reporter_(reporter) {}

  Result<std::vector<SubdirSource>> load() {
    HPCENV_TRY(base::make_directories(request_.cache_directory));
    sweep_index_cache(request_.cache_directory, clock_.now());
    list_parts();
    HPCENV_TRY(use_cache());
    for (const Form& form : forms) HPCENV_TRY(fetch(form));
    HPCENV_TRY(note_missing());
    HPCENV_TRY(check_channels());
    return take_sources();
  }

 private:
  void list_parts() {
    for (std::size_t i = 0; i < request_.channels.size(); ++i) {
      for (const std::string& subdir : request_.subdirs) {
        parts_.emplace_back(i, subdir, request_.channels[i].base_url + "/" + subdir,
                            request_.cache_directory);
      }
    }
  }

  /// Takes from the cache what need not be asked for.
  Result<> use_cache() {
    const std::int64_t now = clock_.now();
    for (Part& part : parts_) {
      part.cached = part.cache.load();
      const bool local = net::is_file_url(part.url);
      if (request_.offline == IndexRequest::Offline::yes && !local) {
        if (!part.cached.has_value()) return no_offline_copy(part);
        part.current = true;
      } else if (part.cached.has_value() && !local) {
        const CacheState& state = part.cached->state;
        const std::int64_t age = now - state.checked;
        part.current =
            age >= 0 && age < fresh_seconds(state.cache_control, request_.fresh_for_seconds);
      }
    }
    return {};
  }

  static Failure no_offline_copy(const Part& part) {
    return fail_hint(ErrorKind::not_found,
                     fmt::format("{} was never fetched, and this is offline",
                                 conda::without_credentials(part.url)),
                     "run the command once without --offline");
  }

  /// Asks for one form of every part that is still open, all at once.
  Result<> fetch(const Form& form) {
    std::vector<Part*> open;
    for (Part& part : parts_) {
      if (!part.current) open.push_back(&part);
    }
    if (open.empty()) return {};
    std::vector<CountingSink> sinks;
    std::vector<net::Transfer> transfers;
    sinks.reserve(open.size());
    for (const Part* part : open) {
      HPCENV_ASSIGN(CountingSink sink, make_sink(*part, form));
      sinks.push_back(std::move(sink));
      transfers.push_back({make_request(*part, form), &sinks.back()});
    }
    for (CountingSink& sink : sinks) sink.on_progress = [&] { report(sinks); };
    auto outcomes = client_.get_all(transfers);
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!outcomes[i].has_value())
        return Failure(explain(std::move(outcomes[i]).error(), *open[i]));
    }
    for (std::size_t i = 0; i < open.size(); ++i) {
      HPCENV_TRY(settle(*open[i], form, *outcomes[i], sinks[i]));
    }
    return {};
  }

  Result<CountingSink> make_sink(const Part& part, const Form& form) {
    const std::filesystem::path path = part.cache.temporary_path();
    const std::string name = conda::without_credentials(part.url) + "/" + form.file;
    HPCENV_ASSIGN(auto builder, IndexBuilder::create(path, name, form.packing));
    return CountingSink(std::make_unique<IndexSink>(std::move(builder), client_), path);
  }

  static net::HttpRequest make_request(const Part& part, const Form& form) {
    // Some stores answer 403 for what is not there; for the last form that is an error.
    net::HttpRequest asked{part.url + "/" + form.file, {}, {404, 410}};
    if (form.packing == Packing::zstd) asked.accept.push_back(403);
    if (!part.cached.has_value() || part.cached->state.source != form.file) return asked;
    const CacheState& state = part.cached->state;
    if (!state.etag.empty()) asked.headers.emplace_back("If-None-Match", state.etag);
    if (!state.last_modified.empty()) {
      asked.headers.emplace_back("If-Modified-Since", state.last_modified);
    }
    return asked;
  }

  void report(const std::vector<CountingSink>& sinks) {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    for (const CountingSink& sink : sinks) {
      done += sink.inner->received();
      total += sink.size;
    }
    reporter_.progress(done, std::max(done, total), base::Unit::bytes);
  }

  static Error explain(Error error, const Part& part) {
    const bool transient = error.kind == ErrorKind::network;
    if (transient && part.cached.has_value() && !part.cached->state.is_missing()) {
      error.hints.emplace_back("--offline uses the index that was fetched before");
    }
    return error;
  }

  Result<> settle(Part& part, const Form& form, const net::HttpResponse& response,
                  CountingSink& sink) {
    if (response.status >= 400) return {};
    part.current = true;
    CacheState state{
        {},           form.file, response.etag, response.last_modified, response.cache_control,
        clock_.now(), 0};
    if (response.status == 304) {
      state.checksum = part.cached->state.checksum;
      // A 304 need not repeat what has not changed.
      if (state.etag.empty()) state.etag = part.cached->state.etag;
      if (state.last_modified.empty()) state.last_modified = part.cached->state.last_modified;
      return part.cache.write_state(std::move(state));
    }
    HPCENV_ASSIGN(const BuiltIndex built, sink.inner->take_built());
    warn(part, built);
    state.checksum = built.checksum;
    HPCENV_ASSIGN(IndexReader reader, IndexReader::open(sink.path));
    HPCENV_TRY(part.cache.adopt(sink.path, state));
    part.cached = IndexCache::Cached{std::move(state), std::move(reader)};
    return {};
  }

  void warn(const Part& part, const BuiltIndex& built) {
    if (built.unreadable == 0) return;
    const bool one = built.unreadable == 1;
    reporter_.warning(fmt::format("{} of {} cannot be read and {} left out, the first: {}",
                                  one ? "1 record" : fmt::format("{} records", built.unreadable),
                                  conda::without_credentials(part.url), one ? "is" : "are",
                                  built.first_unreadable));
  }

  /// What no form was found of.
  Result<> note_missing() {
    for (Part& part : parts_) {
      if (part.current) continue;
      CacheState state;
      state.checked = clock_.now();
      part.cached = IndexCache::Cached{state, std::nullopt};
    }
    return {};
  }

  Result<> check_channels() {
    for (std::size_t i = 0; i < request_.channels.size(); ++i) {
      const bool any = std::ranges::any_of(parts_, [i](const Part& part) {
        return part.channel == i && part.cached->reader.has_value();
      });
      if (any) continue;
      const std::string url = conda::without_credentials(request_.channels[i].base_url);
      return fail_hint(ErrorKind::not_found,
                       fmt::format("no such channel: {} (it has no repodata.json of {})", url,
                                   base::join(request_.subdirs, " or ")),
                       "check the spelling of the channel; -c takes a name like conda-forge, an "
                       "address or a path");
    }
    // Only now: of a channel that does not exist nothing is remembered.
    for (Part& part : parts_) {
      if (part.cached->state.is_missing() && !part.current && !net::is_file_url(part.url)) {
        HPCENV_TRY(part.cache.write_state(part.cached->state));
      }
    }
    return {};
  }

  std::vector<SubdirSource> take_sources() {
    std::vector<SubdirSource> sources;
    for (Part& part : parts_) {
      if (!part.cached->reader.has_value()) continue;
      sources.push_back({part.channel, part.subdir, std::move(*part.cached->reader), part.cache});
    }
    return sources;
  }

  const IndexRequest& request_;
  net::HttpClient& client_;
  const base::Clock& clock_;
  base::Reporter& reporter_;
  std::vector<Part> parts_;
};

}  // namespace

Result<std::vector<SubdirSource>> load_sources(const IndexRequest& request, net::HttpClient& client,
                                               const base::Clock& clock, base::Reporter& reporter) {
  return Loader(request, client, clock, reporter).load();
}

}  // namespace hpcenv::index
