#include "packages/url_package.hpp"

#include "base/fs.hpp"
#include "base/json.hpp"

namespace hpcenv::packages {

namespace {

/// Nothing that only a channel or an archive knows stands in it.
bool is_bare(const conda::PackageRecord& record) {
  return record.depends.empty() && record.constrains.empty() && record.license.empty() &&
         !record.timestamp.has_value();
}

Result<conda::PackageRecord> read_record(const std::filesystem::path& file,
                                         const conda::PackageRecord& asked) {
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const base::Json json, base::parse_json(text, file.native()));
  HPCENV_ASSIGN(conda::PackageRecord record,
                conda::record_from_json(json, asked.file_name, asked.channel,
                                        asked.url.substr(0, asked.url.rfind('/'))));
  record.url = asked.url;
  if (!asked.sha256.empty()) record.sha256 = asked.sha256;
  if (!asked.md5.empty()) record.md5 = asked.md5;
  if (record.subdir.empty()) record.subdir = asked.subdir;
  return record;
}

}  // namespace

Result<conda::UnpackedPackage> with_whole_record(conda::UnpackedPackage package,
                                                 const PackageCache& cache) {
  const std::filesystem::path note = package.directory / "info" / "repodata_record.json";
  const auto noted = read_record(note, package.record);
  if (noted.has_value() && !is_bare(*noted)) {
    package.record = *noted;
    return package;
  }
  HPCENV_ASSIGN(package.record,
                read_record(package.directory / "info" / "index.json", package.record));
  if (package.directory.parent_path() == cache.directory()) {
    HPCENV_TRY(base::write_file(note, base::dump_json(conda::record_to_json(package.record))));
  }
  return package;
}

}  // namespace hpcenv::packages
