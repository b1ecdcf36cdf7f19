#include "conda/explicit_file.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/match_spec.hpp"
#include "conda/path_text.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {

namespace {

constexpr std::string_view explicit_mark = "@EXPLICIT";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::size_t md5_length = 32;
constexpr std::size_t sha256_length = 64;

std::string_view without_mark(std::string_view text) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<> take_hash(std::string_view hash, ExplicitPackage& package) {
  constexpr std::string_view kind = "sha256:";
  const bool named = hash.starts_with(kind);
  if (named) hash.remove_prefix(kind.size());
  if (is_hex(hash, sha256_length)) {
    package.sha256 = hash;
  } else if (!named && is_hex(hash, md5_length)) {
    package.md5 = hash;
  } else {
    return fail_hint(ErrorKind::refused, fmt::format("'#{}' is no hash", hash.substr(0, 80)),
                     "after # stand 32 (md5) or 64 (sha256) of the characters 0-9a-f, or sha256: "
                     "and 64 of them");
  }
  return {};
}

bool is_archive(std::string_view name) {
  return name.ends_with(".conda") || name.ends_with(".tar.bz2");
}

Result<ExplicitPackage> parse_package(std::string_view line, const SpecFileReading& reading) {
  ExplicitPackage package;
  const std::size_t anchor = std::min(line.find('#'), line.size());
  if (anchor < line.size()) HPCENV_TRY(take_hash(line.substr(anchor + 1), package));
  const std::string place = expand_home(
      expand_variables(line.substr(0, anchor), reading.environment), reading.environment);
  package.file_name = place.substr(place.rfind('/') + 1);
  if (!is_archive(package.file_name)) {
    return fail_hint(ErrorKind::refused, fmt::format("'{}' names no package", line.substr(0, 120)),
                     "every line of an @EXPLICIT file is the url or path of a .conda or .tar.bz2");
  }
  const std::size_t scheme = place.find("://");
  if (scheme == std::string::npos) {
    package.url =
        path_to_url(place, reading.working_directory, reading.environment.get_or("HOME", ""));
    return package;
  }
  const std::string word = base::to_lower(std::string_view(place).substr(0, scheme));
  if (word != "http" && word != "https" && word != "file") {
    return fail_hint(ErrorKind::refused,
                     fmt::format("'{}' is no address that hpcenv can read", line.substr(0, 120)),
                     "use https://, http://, file:// or a path");
  }
  package.url = place;
  return package;
}

/// `# platform: linux-64`, and what other tools hide in comments.
void read_comment(std::string_view comment, std::string_view source, std::size_t number,
                  SpecFile& file) {
  constexpr std::string_view platform = "platform:";
  comment = base::trim(comment);
  if (comment.starts_with(platform)) {
    const std::string_view word = base::trim(comment.substr(platform.size()));
    if (is_known_subdir(word)) file.platform = word;
  } else if (comment.starts_with("pip ") && comment.contains(" @ ")) {
    file.warnings.push_back(
        fmt::format("{}:{}: the comment asks for a PyPI package, which is not installed: {}",
                    source, number, comment.substr(0, comment.find(" @ "))));
  }
}

Error placed(Error error, std::string_view source, std::size_t number) {
  error.message = fmt::format("{}:{}: {}", source, number, error.message);
  return error;
}

}  // namespace

bool is_explicit_file(std::string_view text) {
  return std::ranges::any_of(base::split_lines(without_mark(text)), [](std::string_view line) {
    return base::trim(line) == explicit_mark;
  });
}

Result<SpecFile> parse_spec_file(std::string_view text, std::string_view source,
                                 const SpecFileReading& reading) {
  SpecFile file;
  file.is_explicit = is_explicit_file(text);
  std::size_t number = 0;
  for (const std::string_view raw : base::split_lines(without_mark(text))) {
    ++number;
    const std::string_view line = base::trim(raw);
    if (line.empty() || line == explicit_mark) continue;
    if (line.starts_with('#')) {
      read_comment(line.substr(1), source, number, file);
    } else if (file.is_explicit) {
      auto package = parse_package(line, reading);
      if (!package.has_value()) {
        return Failure(placed(std::move(package).error(), source, number));
      }
      package->line = number;
      file.packages.push_back(std::move(*package));
    } else if (line.starts_with('@')) {
      return fail_hint(
          ErrorKind::bad_spec,
          fmt::format("{}:{}: cannot read the spec '{}'", source, number, line.substr(0, 80)),
          "an explicit file has a line with @EXPLICIT alone");
    } else {
      const auto spec = MatchSpec::parse(line);
      if (!spec.has_value()) return Failure(placed(spec.error(), source, number));
      file.specs.emplace_back(line);
    }
  }
  return file;
}

}  // namespace hpcenv::conda
