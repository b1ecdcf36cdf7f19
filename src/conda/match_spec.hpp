// CONTRACT. MatchSpec (CEP 29): `channel/subdir::name version build[key=value]` in all its written
// forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "conda/package_record.hpp"
#include "conda/version_spec.hpp"

namespace hpcenv::conda {

/// A pattern for text fields: exact, glob (`*`), or `^regex$`; case-insensitive as CEP 29 says.
class TextPattern {
 public:
  /// Matches everything.
  TextPattern() = default;
  static Result<TextPattern> parse(std::string_view text);
  bool matches(std::string_view value) const;
  bool accepts_all() const { return text_.empty() || text_ == "*"; }
  /// A plain word without wildcard.
  bool is_exact() const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

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
  std::string track_features;

  /// Kind bad_spec: "cannot read the spec 'numpy >>1': ...".
  static Result<MatchSpec> parse(std::string_view text);
  /// All fields but the channel (that one is compared by who knows the channel list:
  /// `channel_matches`). `version` is the record's, parsed once by the caller.
  bool matches(const PackageRecord& record, const Version& version) const;
  /// Parses the record's version; a record whose version cannot be read matches nothing.
  bool matches(const PackageRecord& record) const;
};

}  // namespace hpcenv::conda
