#include "index/index_cache.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <utility>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"

namespace hpcenv::index {

namespace {

constexpr std::int64_t longest_fresh = 86400;
constexpr std::int64_t schema = 1;
constexpr std::int64_t abandoned_after = 3600;

constexpr std::size_t key_length = 16;
constexpr std::string_view index_suffix = ".index";
constexpr std::string_view state_suffix = ".json";
constexpr std::string_view partial_suffix = ".partial";

bool has_key(std::string_view name) {
  return name.size() > key_length && std::ranges::all_of(name.substr(0, key_length), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// KEY.PID.COUNT.partial, and what base::write_file renames: .KEY.json.LETTERS
bool is_unfinished(std::string_view name) {
  if (has_key(name)) return name.substr(key_length).ends_with(partial_suffix);
  if (!name.starts_with('.') || !has_key(name.substr(1))) return false;
  return name.substr(1 + key_length).starts_with(fmt::format("{}.", state_suffix));
}

/// KEY.index, KEY.json, and the unfinished.
bool is_ours(std::string_view name) {
  if (is_unfinished(name)) return true;
  const std::string_view rest = has_key(name) ? name.substr(key_length) : std::string_view();
  return rest == index_suffix || rest == state_suffix;
}

base::Json json_of(const CacheState& state) {
  base::Json json = base::Json::object();
  json["schema"] = schema;
  json["url"] = state.url;
  json["source"] = state.source;
  json["etag"] = state.etag;
  json["last_modified"] = state.last_modified;
  json["cache_control"] = state.cache_control;
  json["checked"] = state.checked;
  json["checksum"] = fmt::format("{:016x}", state.checksum);
  return json;
}

std::optional<CacheState> state_from(const base::Json& json) {
  if (!json.is_object() || base::integer_or(json, "schema") != schema) return std::nullopt;
  CacheState state;
  state.url = base::string_or(json, "url");
  state.source = base::string_or(json, "source");
  state.etag = base::string_or(json, "etag");
  state.last_modified = base::string_or(json, "last_modified");
  state.cache_control = base::string_or(json, "cache_control");
  state.checked = base::integer_or(json, "checked");
  const std::string sum = base::string_or(json, "checksum");
  const auto read = std::from_chars(sum.data(), sum.data() + sum.size(), state.checksum, 16);
  if (read.ec != std::errc() || read.ptr != sum.data() + sum.size()) return std::nullopt;
  return state;
}

}  // namespace

std::int64_t fresh_seconds(const std::string& cache_control, std::int64_t unsaid) {
  std::int64_t seconds = unsaid;
  for (const std::string_view part : base::split(cache_control, ',')) {
    const std::string directive = base::to_lower(base::trim(part));
    if (directive == "no-cache" || directive == "no-store") return 0;
    if (!directive.starts_with("max-age=")) continue;
    const auto number = base::parse_unsigned(std::string_view(directive).substr(8));
    if (number.has_value()) {
      seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(*number, longest_fresh));
    }
  }
  return seconds;
}

IndexCache::IndexCache(std::filesystem::path directory, const std::string& subdir_url)
    : directory_(std::move(directory)),
      url_(conda::without_credentials(subdir_url)),
      key_(base::hash_text(base::HashKind::sha256, url_).substr(0, key_length)) {}

std::filesystem::path IndexCache::index_path() const {
  return directory_ / fmt::format("{}{}", key_, index_suffix);
}
std::filesystem::path IndexCache::state_path() const {
  return directory_ / fmt::format("{}{}", key_, state_suffix);
}

std::filesystem::path IndexCache::temporary_path() const {
  static std::atomic<unsigned> count{0};
  return directory_ / fmt::format("{}.{}.{}{}", key_, getpid(), count.fetch_add(1), partial_suffix);
}

std::optional<IndexCache::Cached> IndexCache::load() const {
  const auto text = base::read_file(state_path());
  if (!text.has_value()) return std::nullopt;
  const auto json = base::parse_json(*text, state_path().string());
  std::optional<CacheState> state = json.has_value() ? state_from(*json) : std::nullopt;
  if (!state.has_value() || state->url != url_) return std::nullopt;
  if (state->is_missing()) return Cached{std::move(*state), std::nullopt};
  Result<IndexReader> reader = IndexReader::open(index_path());
  // Another process may have renamed its index between our two reads: then they do not belong
  // together.
  if (!reader.has_value() || reader->checksum() != state->checksum) return std::nullopt;
  return Cached{std::move(*state), std::move(*reader)};
}

Result<> IndexCache::adopt(const std::filesystem::path& finished, CacheState state) const {
  HPCENV_TRY(base::rename_path(finished, index_path()));
  return write_state(std::move(state));
}

Result<> IndexCache::write_state(CacheState state) const {
  state.url = url_;
  return base::write_file(state_path(), base::dump_json(json_of(state)), 0600);
}

void IndexCache::discard() const {
  ::unlink(state_path().c_str());
  ::unlink(index_path().c_str());
}

namespace {

std::string url_of(const std::filesystem::path& directory, const std::string& name) {
  if (is_unfinished(name)) return {};
  const std::filesystem::path state =
      directory / fmt::format("{}{}", name.substr(0, key_length), state_suffix);
  const auto text = base::read_file(state);
  if (!text.has_value()) return {};
  const auto json = base::parse_json(*text, state.native());
  return json.has_value() ? base::string_or(*json, "url") : std::string();
}

}  // namespace

Result<std::vector<CachedIndexFile>> cached_index_files(const std::filesystem::path& directory) {
  std::vector<CachedIndexFile> files;
  const Result<std::vector<std::string>> names = base::list_directory(directory);
  if (!names.has_value()) {
    if (names.error().kind == ErrorKind::not_found) return files;
    return Failure(names.error());
  }
  for (const std::string& name : *names) {
    if (!is_ours(name)) continue;
    const std::filesystem::path path = directory / name;
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    files.push_back({path, url_of(directory, name), static_cast<std::uint64_t>(status.st_size)});
  }
  return files;
}

void sweep_index_cache(const std::filesystem::path& directory, std::int64_t now) {
  const Result<std::vector<std::string>> names = base::list_directory(directory);
  if (!names.has_value()) return;
  for (const std::string& name : *names) {
    if (!is_unfinished(name)) continue;
    const std::filesystem::path path = directory / name;
    struct stat status{};
    if (lstat(path.c_str(), &status) == 0 && now - status.st_mtime >= abandoned_after) {
      ::unlink(path.c_str());
    }
  }
}

}  // namespace hpcenv::index
