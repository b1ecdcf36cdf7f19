#include "conda/match_spec.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/key_values.hpp"
#include "conda/platform.hpp"

namespace hpcenv::conda {

namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::size_t length_limit = 4096;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '+' || c == '*';
}

/// Name, version and build with blanks between, as nearly all records write it: no brackets, hash,
/// channel, feature or archive.
bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return c == '[' || c == ']' || c == '(' || c == ')' || c == '#' || c == ':' || c == '@';
  });
}

bool is_archive_name(std::string_view text) {
  return text.ends_with(".conda") || text.ends_with(".tar.bz2");
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

Failure bad_spec(std::string_view text, std::string_view reason) {
  return fail(ErrorKind::bad_spec, "cannot read the spec '{}': {}", text.substr(0, 200), reason);
}

/// Version and build of the part after the name, as written.
struct Tail {
  std::string version;
  std::string build;
};

/// Where a build begins: behind the last blank or single `=` that no operator precedes, if no
/// operator follows either (`>=1.8, <2` has none, `=1.8=b0` and `>=1.8 b0` have one).
std::size_t find_build(std::string_view text) {
  if (text.ends_with('$')) {
    const std::size_t regex = std::max(text.rfind(" ^") + 1, text.rfind("=^") + 1);
    if (regex != 0 && text.substr(0, regex - 1).find_first_not_of(" =") != std::string_view::npos) {
      return regex;
    }
  }
  if (text.starts_with('^')) return std::string_view::npos;
  const std::size_t separator = text.find_last_of(" \t=");
  if (separator == std::string_view::npos || separator + 1 == text.size()) {
    return std::string_view::npos;
  }
  const std::string_view before = base::trim(text.substr(0, separator));
  if (before.empty() || std::string_view("=!|,<>~(").contains(before.back())) {
    return std::string_view::npos;
  }
  // No build begins with '!': that is the mark of an epoch.
  if (text[separator + 1] == '!' ||
      text.find_first_of(",|<>~()", separator) != std::string_view::npos) {
    return std::string_view::npos;
  }
  return separator + 1;
}

Result<Tail> split_tail(std::string_view text, std::string_view whole) {
  Tail tail;
  text = base::trim(text);
  const std::size_t build = find_build(text);
  std::string_view version = text;
  if (build != std::string_view::npos) {
    tail.build = text.substr(build);
    version = base::trim(text.substr(0, build - 1));
  }
  // `pkg=1.8` is fuzzy, `pkg=1.8=b0` exact; conda, libmamba and rattler read `pkg =1.8 b0` as exact
  // too, where CEP 29 has it fuzzy.
  const bool single = version.starts_with('=') && !version.starts_with("==");
  if (single && !tail.build.empty() && version.find_first_of("=,|", 1) == std::string_view::npos) {
    version.remove_prefix(1);
  }
  if (version == "=" || (version.empty() && !tail.build.empty())) {
    return bad_spec(whole, "a version is missing");
  }
  tail.version = version;
  return tail;
}

/// Takes what stands before the name: `channel::`, `channel/subdir::`, `channel:namespace:`.
std::string_view take_channel(std::string_view text, MatchSpec& spec) {
  // A url before `::` may hold operators (`?a=b`): the double colon decides first.
  const std::size_t name_end = text.find_first_of(" =<>!~");
  std::size_t colon = text.rfind("::");
  if (colon != std::string_view::npos && text.substr(0, colon).contains(' ')) {
    colon = std::string_view::npos;
  }
  std::size_t name = colon + 2;
  if (colon == std::string_view::npos) {
    colon = text.substr(0, name_end).rfind(':');
    if (colon == std::string_view::npos || text.substr(colon).starts_with("://")) return text;
    name = colon + 1;
    // What stands between the two last single colons is a namespace, which CEP 29 ignores.
    const std::size_t first = colon == 0 ? std::string_view::npos : text.rfind(':', colon - 1);
    colon = first != std::string_view::npos && !text.substr(first).starts_with("://") ? first : 0;
  }
  std::string_view channel = base::trim(text.substr(0, colon));
  if (channel.ends_with(']') && channel.contains('[')) {
    const std::size_t bracket = channel.rfind('[');
    spec.subdir = base::to_lower(channel.substr(bracket + 1, channel.size() - bracket - 2));
    channel = channel.substr(0, bracket);
  }
  const std::size_t slash = channel.rfind('/');
  if (slash != std::string_view::npos && is_known_subdir(channel.substr(slash + 1))) {
    spec.subdir = channel.substr(slash + 1);
    channel = channel.substr(0, slash);
  }
  spec.channel = channel == "*" ? std::string_view() : channel;
  return text.substr(name);
}

/// Takes the name and gives what follows it.
Result<std::string_view> take_name(std::string_view text, MatchSpec& spec, std::string_view whole) {
  std::size_t end = 0;
  if (text.starts_with('^')) {
    end = text.find('$');
    if (end == std::string_view::npos) return bad_spec(whole, "the '$' of the name is missing");
    ++end;
  } else {
    while (end < text.size() && is_name_character(text[end])) ++end;
  }
  if (end == 0) return bad_spec(whole, "a package name is missing");
  HPCENV_ASSIGN(spec.name, TextPattern::parse(text.substr(0, end)));
  const std::string_view rest = text.substr(end);
  if (!rest.empty() && !std::string_view(" \t=<>!~").contains(rest.front())) {
    return bad_spec(whole, fmt::format("'{}' cannot stand in a package name", rest.front()));
  }
  return rest;
}

Result<> set_version(MatchSpec& spec, std::string_view text, std::string_view whole) {
  if (text.empty()) return {};
  auto version = VersionSpec::parse(text);
  if (!version.has_value()) return bad_spec(whole, version.error().message);
  spec.version = std::move(version).value();
  return {};
}

Result<> set_build(MatchSpec& spec, std::string_view text, std::string_view whole) {
  auto build = TextPattern::parse(text);
  if (!build.has_value()) return bad_spec(whole, build.error().message);
  spec.build = std::move(build).value();
  return {};
}

/// The field of a key whose value is kept as text; nullptr for other keys.
std::string* text_field(MatchSpec& spec, std::string_view key) {
  if (key == "fn") return &spec.file_name;
  if (key == "url") return &spec.url;
  if (key == "md5") return &spec.md5;
  if (key == "sha256") return &spec.sha256;
  if (key == "license") return &spec.license;
  if (key == "license_family") return &spec.license_family;
  if (key == "track_features") return &spec.track_features;
  if (key == "features") return &spec.features;
  if (key == "subdir") return &spec.subdir;
  return nullptr;
}

Result<> apply_key(MatchSpec& spec, const KeyValue& pair, std::string_view whole) {
  const auto& [key, value] = pair;
  // `name` is ignored by CEP 29; the others are leftovers of old solvers that decide nothing.
  if (key == "name" || key == "namespace" || key == "optional" || key == "target") return {};
  if (key == "when" || key == "extras" || key == "flags") {
    return bad_spec(whole, fmt::format("'{}' belongs to repodata v3, which is not read yet", key));
  }
  if (value.empty()) return bad_spec(whole, fmt::format("the value of '{}' is missing", key));
  if (key == "version") return set_version(spec, value, whole);
  if (key == "build") return set_build(spec, value, whole);
  if (key == "build_number") {
    spec.build_number = value;
    return {};
  }
  if (key == "channel") {
    MatchSpec channel;
    take_channel(value + "::x", channel);
    spec.channel = channel.channel;
    if (!channel.subdir.empty()) spec.subdir = channel.subdir;
    return {};
  }
  std::string* field = text_field(spec, key);
  if (field == nullptr) return bad_spec(whole, fmt::format("'{}' is no key of a spec", key));
  const auto pattern = TextPattern::parse(value);
  if (!pattern.has_value()) return bad_spec(whole, pattern.error().message);
  *field = value;
  return {};
}

/// `url`, `url#md5`, `url#sha256:...`, or the bare name of an archive.
Result<MatchSpec> parse_archive(std::string_view text) {
  MatchSpec spec;
  spec.text = text;
  std::string_view place = text.substr(0, text.find('#'));
  if (place.size() < text.size()) {
    std::string_view hash = text.substr(place.size() + 1);
    const bool sha256 = hash.starts_with("sha256:") || hash.size() == 64;
    if (hash.starts_with("sha256:")) hash.remove_prefix(7);
    if (hash.starts_with("md5:")) hash.remove_prefix(4);
    if (!is_hex(hash) || hash.size() != (sha256 ? 64U : 32U)) {
      return bad_spec(text, "what follows '#' is neither an md5 nor a sha256");
    }
    (sha256 ? spec.sha256 : spec.md5) = base::to_lower(hash);
  }
  const std::size_t slash = place.rfind('/');
  const std::string_view file = slash == std::string_view::npos ? place : place.substr(slash + 1);
  const auto dist = parse_dist_name(file);
  if (!dist.has_value()) return bad_spec(text, "it does not end with name-version-build");
  (slash == std::string_view::npos ? spec.file_name : spec.url) = place;
  HPCENV_ASSIGN(spec.name, TextPattern::parse(dist->name));
  HPCENV_TRY(set_version(spec, "==" + dist->version, text));
  HPCENV_TRY(set_build(spec, dist->build, text));
  return spec;
}

bool text_matches(const std::string& wanted, std::string_view value) {
  if (wanted.empty()) return true;
  const auto pattern = TextPattern::parse(wanted);
  return pattern.has_value() && pattern->matches(value);
}

/// Name, version and build.
Result<> parse_positional(MatchSpec& spec, std::string_view named) {
  HPCENV_ASSIGN(const std::string_view rest, take_name(named, spec, spec.text));
  HPCENV_ASSIGN(const Tail tail, split_tail(rest, spec.text));
  HPCENV_TRY(set_version(spec, tail.version, spec.text));
  return set_build(spec, tail.build, spec.text);
}

}  // namespace

Result<MatchSpec> MatchSpec::parse(std::string_view text) {
  text = base::trim(text);
  if (text.size() > length_limit) return bad_spec(text, "it is too long");
  const std::string_view place = text.substr(0, text.find('#'));
  if (is_archive_name(place) && place.find_first_of(" =<>[]") == std::string_view::npos) {
    return parse_archive(text);
  }
  if (is_plain(text)) {
    MatchSpec spec;
    spec.text = text;
    HPCENV_TRY(parse_positional(spec, text));
    return spec;
  }
  if (const std::size_t comment = text.find(" #"); comment != std::string_view::npos) {
    text = base::trim(text.substr(0, comment));
  }
  MatchSpec spec;
  spec.text = text;
  std::string_view positional = text;
  auto pairs = take_key_values(positional);
  if (!pairs.has_value()) return bad_spec(text, pairs.error().message);
  if (positional.starts_with('@')) {
    spec.track_features = positional.substr(1);
    positional = "*";
  }
  HPCENV_TRY(parse_positional(spec, base::trim(take_channel(positional, spec))));
  for (const KeyValue& pair : *pairs) HPCENV_TRY(apply_key(spec, pair, text));
  return spec;
}

bool MatchSpec::matches(const PackageRecord& record, const Version& record_version) const {
  return name.matches(record.name) && version.matches(record_version) &&
         matches_beside_version(record);
}

bool MatchSpec::matches_beside_version(const PackageRecord& record) const {
  if (!build.matches(record.build)) return false;
  if (!has_rare_fields()) return true;
  return (!build_number.has_value() ||
          text_matches(*build_number, std::to_string(record.build_number))) &&
         text_matches(subdir, record.subdir) && text_matches(file_name, record.file_name) &&
         text_matches(without_credentials(url), without_credentials(record.url)) &&
         text_matches(md5, record.md5) && text_matches(sha256, record.sha256) &&
         text_matches(license, record.license) &&
         text_matches(license_family, record.license_family) &&
         text_matches(features, record.features) && track_features_match(record);
}

bool MatchSpec::asks_only_version() const {
  return build.accepts_all() && channel.empty() && !has_rare_fields();
}

bool MatchSpec::matches(const PackageRecord& record) const {
  const auto parsed = Version::parse(record.version);
  return parsed.has_value() && matches(record, *parsed);
}

bool MatchSpec::has_rare_fields() const {
  return build_number.has_value() || !subdir.empty() || !file_name.empty() || !url.empty() ||
         !md5.empty() || !sha256.empty() || !license.empty() || !license_family.empty() ||
         !features.empty() || !track_features.empty();
}

bool MatchSpec::track_features_match(const PackageRecord& record) const {
  if (track_features.empty() || text_matches(track_features, record.track_features)) return true;
  const auto words = base::split_words(record.track_features);
  return std::any_of(words.begin(), words.end(),
                     [this](std::string_view word) { return text_matches(track_features, word); });
}

}  // namespace hpcenv::conda
