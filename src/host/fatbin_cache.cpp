#include "host/fatbin_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::host {

namespace {

namespace fs = std::filesystem;

constexpr int format = 1;
/// What this run did not ask for is forgotten above this; a hundred bytes each.
constexpr std::size_t entry_limit = 20000;
constexpr std::size_t size_limit = std::size_t{16} << 20U;

std::optional<FileIdentity> identity_of(const fs::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  constexpr std::int64_t second = 1'000'000'000;
  return FileIdentity{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                      status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec};
}

/// Only what this user wrote and nobody else can change.
std::optional<std::string> read_own(const fs::path& file) {
  const base::Fd fd(open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) return std::nullopt;
  const bool own = S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
                   (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!own || status.st_size <= 0 || static_cast<std::uint64_t>(status.st_size) > size_limit) {
    return std::nullopt;
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + filled, text.size() - filled);
    if (got <= 0) return std::nullopt;
    filled += static_cast<std::size_t>(got);
  }
  return text;
}

std::string codes_text(const std::map<GpuCode, std::size_t>& codes) {
  std::vector<std::string> words;
  words.reserve(codes.size());
  for (const auto& [code, count] : codes) words.push_back(fmt::format("{}*{}", code.text(), count));
  return base::join(words, " ");
}

/// False where a word is not one of `codes_text`.
bool read_codes(std::string_view text, std::map<GpuCode, std::size_t>& codes) {
  for (const std::string_view word : base::split_words(text)) {
    const std::size_t star = word.find('*');
    if (star == std::string_view::npos) return false;
    const auto code = parse_gpu_code(word.substr(0, star));
    const auto count = base::parse_unsigned(word.substr(star + 1));
    if (!code || !count) return false;
    codes[*code] = *count;
  }
  return true;
}

std::string key_text(const FileIdentity& identity) {
  return fmt::format("{} {} {} {}", identity.device, identity.inode, identity.size,
                     static_cast<std::uint64_t>(identity.modified_ns));
}

std::optional<FileIdentity> read_key(std::string_view text) {
  const std::vector<std::string_view> words = base::split_words(text);
  if (words.size() != 4) return std::nullopt;
  std::array<std::uint64_t, 4> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = base::parse_unsigned(words[i]);
    if (!number) return std::nullopt;
    numbers.at(i) = *number;
  }
  return FileIdentity{numbers[0], numbers[1], numbers[2], static_cast<std::int64_t>(numbers[3])};
}

/// All of it or nothing.
std::map<FileIdentity, FatbinTargets> parse(std::string_view text) {
  const auto document = base::parse_json(text, "what was found in libraries");
  if (!document || !document->is_object()) return {};
  if (document->value("format", base::Json()) != base::Json(format)) return {};
  const auto files = document->find("files");
  if (files == document->end() || !files->is_object()) return {};
  std::map<FileIdentity, FatbinTargets> found;
  for (const auto& [key, value] : files->items()) {
    const auto identity = read_key(key);
    FatbinTargets targets;
    if (!identity || !read_codes(base::string_or(value, "sass"), targets.sass) ||
        !read_codes(base::string_or(value, "ptx"), targets.ptx)) {
      return {};
    }
    found.emplace(*identity, std::move(targets));
  }
  return found;
}

}  // namespace

FatbinCache::FatbinCache(fs::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  if (const auto text = read_own(file_)) known_ = parse(*text);
}

Result<FatbinTargets> FatbinCache::scan(const fs::path& library) {
  const auto identity = identity_of(library);
  if (!identity) return scan_fatbin_path(library);
  const auto known = known_.find(*identity);
  if (known != known_.end()) {
    used_.insert(*known);
    return known->second;
  }
  HPCENV_ASSIGN(FatbinTargets targets, scan_fatbin_path(library));
  ++reads_;
  used_[*identity] = targets;
  known_[*identity] = targets;
  return targets;
}

Result<> FatbinCache::save() {
  if (file_.empty() || reads_ == 0) return {};
  const auto& kept = known_.size() > entry_limit ? used_ : known_;
  base::Json files = base::Json::object();
  for (const auto& [identity, targets] : kept) {
    base::Json& entry = files[key_text(identity)] = base::Json::object();
    if (!targets.sass.empty()) entry["sass"] = codes_text(targets.sass);
    if (!targets.ptx.empty()) entry["ptx"] = codes_text(targets.ptx);
  }
  base::Json document;
  document["format"] = format;
  document["files"] = std::move(files);
  HPCENV_TRY(base::make_directories(file_.parent_path()));
  constexpr mode_t own = 0600;
  return base::write_file(file_, base::dump_json_line(document), own);
}

}  // namespace hpcenv::host
