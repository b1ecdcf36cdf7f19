// MatchSpec (CEP 29): `channel/subdir::name version build[key=value]` in all its written
// forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/package_record.hpp"
#include "conda/text_pattern.hpp"
#include "conda/version_spec.hpp"

namespace hpcenv::conda {

struct MatchSpec {
  std::string text;  ///< as given
  TextPattern name;
  VersionSpec version;
  TextPattern build;
  std::optional<std::string> build_number;
  std::string channel;  ///< name or url, empty: any
  std::string subdir;
  std::string file_name;
  std::string url;
  std::string md5;
  std::string sha256;
  std::string license;
  std::string license_family;
  std::string features;
  std::string track_features;

  /// Kind bad_spec: "cannot read the spec 'numpy >>1': ...".
  static Result<MatchSpec> parse(std::string_view text);
  /// All fields but the channel (that one is compared by who knows the channel list:
  /// `channel_matches`). `version` is the record's, parsed once by the caller.
  bool matches(const PackageRecord& record, const Version& version) const;
  /// Parses the record's version; a record whose version cannot be read matches nothing.
  bool matches(const PackageRecord& record) const;
  /// Whether nothing but name and version is asked for.
  bool asks_only_version() const;
  /// The same as `matches` for who has compared name and version already.
  bool matches_beside_version(const PackageRecord& record) const;

 private:
  /// Whether anything but name, version, build and channel is asked for.
  bool has_rare_fields() const;
  bool track_features_match(const PackageRecord& record) const;
};

}  // namespace hpcenv::conda
