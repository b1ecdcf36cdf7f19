#include "packages/unpack.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "conda/channel.hpp"
#include "packages/content_check.hpp"
#include "packages/extract.hpp"

namespace hpcenv::packages {

namespace {

constexpr std::uintmax_t index_limit = std::uintmax_t{16} << 20U;

/// Counts and digests what the archive reader takes, and judges it when the source ends.
class CheckedSource {
 public:
  CheckedSource(const conda::PackageRecord& record, const base::ByteSource& source)
      : record_(record),
        source_(source),
        url_(conda::without_credentials(record.url)),
        hasher_(record.sha256.empty() ? base::HashKind::md5 : base::HashKind::sha256) {}

  Result<std::span<const std::byte>> next() {
    HPCENV_ASSIGN(const std::span<const std::byte> piece, source_());
    size_ += piece.size();
    if (record_.size.has_value() && size_ > *record_.size) {
      return wrong("size", std::to_string(*record_.size) + " bytes", "more");
    }
    if (piece.empty()) {
      HPCENV_TRY(judge());
    } else {
      hasher_.update(piece);
    }
    return piece;
  }

  /// After the archive reader gave up: a wrong digest explains more than what it stumbled over.
  Error explain(Error error) {
    if (error.kind != ErrorKind::refused || ended_ || !record_.size.has_value()) return error;
    while (!ended_) {
      const Result<std::span<const std::byte>> piece = next();
      if (!piece.has_value()) return piece.error();
    }
    return error;
  }

  const std::string& url() const { return url_; }
  std::uint64_t size() const { return size_; }
  bool has_digest() const { return !record_.sha256.empty() || !record_.md5.empty(); }

 private:
  Failure wrong(std::string_view what, std::string_view expected, std::string_view found) {
    ended_ = true;
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{}: wrong {}: the channel's index says {}, what came has {}", url_, what,
                    expected, found),
        "run the command again; if it stays, the index is out of date or something between here "
        "and the channel changes files: tell the channel or the mirror");
  }

  Result<> judge() {
    ended_ = true;
    if (record_.size.has_value() && size_ != *record_.size) {
      return wrong("size", std::to_string(*record_.size) + " bytes", std::to_string(size_));
    }
    const std::string found = hasher_.finish();
    if (!record_.sha256.empty()) {
      return found == record_.sha256 ? Result<>() : wrong("sha256", record_.sha256, found);
    }
    if (record_.md5.empty() || found == record_.md5) return {};
    return wrong("md5", record_.md5, found);
  }

  const conda::PackageRecord& record_;
  const base::ByteSource& source_;
  std::string url_;
  base::Hasher hasher_;
  std::uint64_t size_ = 0;
  bool ended_ = false;
};

constexpr const char* faulty_package =
    "report it to the channel; to go on without it, ask for another build";

/// What came is what the channel's index promised: the fault is in the package.
Error with_way_out(Error error) {
  if (error.kind == ErrorKind::refused && error.hints.empty())
    error.hints.emplace_back(faulty_package);
  return error;
}

Result<base::ArchiveFormat> format_of(const conda::PackageRecord& record) {
  if (record.file_name.ends_with(".conda")) return base::ArchiveFormat::conda;
  if (record.file_name.ends_with(".tar.bz2")) return base::ArchiveFormat::tar_bz2;
  return fail(ErrorKind::refused, "{}: neither a .conda nor a .tar.bz2 archive",
              conda::without_credentials(record.url));
}

/// The record's names become names in the cache.
Result<> check_names(const conda::PackageRecord& record) {
  for (const std::string& name : {record.dist_name(), record.file_name}) {
    const bool plain = !name.empty() && !name.starts_with('.') &&
                       name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
    if (!plain) {
      return fail(ErrorKind::refused, "{}: \"{}\" is no name for a package",
                  conda::without_credentials(record.url), name);
    }
  }
  return {};
}

Result<> check_index(const std::filesystem::path& package, const conda::PackageRecord& record,
                     const std::string& url) {
  const std::filesystem::path path = package / "info" / "index.json";
  std::error_code error;
  if (std::filesystem::file_size(path, error) > index_limit || error) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{}: the archive holds no usable info/index.json", url),
                     faulty_package);
  }
  HPCENV_ASSIGN(const std::string text, base::read_file(path));
  Result<base::Json> parsed = base::parse_json(text, url + "/info/index.json");
  if (!parsed.has_value()) return Failure(with_way_out(std::move(parsed).error()));
  const base::Json& index = *parsed;
  const std::string found =
      fmt::format("{}-{}-{}", base::string_or(index, "name"), base::string_or(index, "version"),
                  base::string_or(index, "build"));
  if (found == record.dist_name()) return {};
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{}: the channel's index says that this is {}, the archive says that it is {}",
                  url, record.dist_name(), found),
      faulty_package);
}

Result<> write_record(const std::filesystem::path& package, const conda::PackageRecord& record) {
  return base::write_file(package / "info" / "repodata_record.json",
                          base::dump_json(conda::record_to_json(record)));
}

/// Nothing where nobody looked, or what was seen is not as it should be.
using CheckedPaths = std::optional<std::vector<conda::PackagePath>>;

Result<CheckedPaths> read_archive(base::ArchiveFormat format, const std::filesystem::path& package,
                                  CheckedSource& checked, const UnpackRules& rules) {
  HPCENV_ASSIGN(DirectoryWriter writer, DirectoryWriter::open(package, checked.url()));
  const base::ByteSource source = [&checked, &writer] {
    Result<std::span<const std::byte>> piece = checked.next();
    writer.note_packed(checked.size());
    return piece;
  };
  const auto checksums =
      checked.has_digest() ? base::ArchiveChecksums::skip : base::ArchiveChecksums::compare;
  HPCENV_TRY(base::read_package_archive(format, source, writer, checked.url(), checksums));
  if (rules.safety == SafetyChecks::disabled) return CheckedPaths();
  auto written = check_written(package, writer.written(), checked.url());
  if (written.has_value()) return CheckedPaths(std::move(*written));
  if (rules.safety != SafetyChecks::warn) return Failure(std::move(written).error());
  if (rules.reporter != nullptr) {
    rules.reporter->warning(written.error().message + " (safety_checks: warn)");
  }
  return CheckedPaths();
}

}  // namespace

Result<conda::UnpackedPackage> unpack_into(const PackageCache& cache,
                                           const conda::PackageRecord& record,
                                           const base::ByteSource& source,
                                           const UnpackRules& rules) {
  HPCENV_TRY(check_names(record));
  HPCENV_ASSIGN(const base::ArchiveFormat format, format_of(record));
  HPCENV_ASSIGN(Workspace workspace, cache.make_workspace());
  CheckedSource checked(record, source);
  Result<CheckedPaths> read = read_archive(format, workspace.package(), checked, rules);
  if (!read.has_value()) {
    return Failure(with_way_out(checked.explain(std::move(read).error())));
  }
  workspace.paths = std::move(*read);
  HPCENV_TRY(check_index(workspace.package(), record, checked.url()));
  HPCENV_TRY(write_record(workspace.package(), record));
  return cache.publish(std::move(workspace), record, rules.existing);
}

}  // namespace hpcenv::packages
