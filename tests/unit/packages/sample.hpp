// Packages and their records for the tests of this folder.
#pragma once

#include <string>

#include "base/hash.hpp"
#include "conda/package_record.hpp"
#include "unit/support/archive_writer.hpp"

namespace hpcenv::packages::sample {

struct Sample {
  conda::PackageRecord record;
  std::string archive;
};

/// `archive` under the record that a channel would have for it.
inline Sample sample_of(const std::string& name, std::string archive,
                        const std::string& suffix = ".conda") {
  Sample sample;
  sample.archive = std::move(archive);
  conda::PackageRecord& record = sample.record;
  record.name = name;
  record.version = "1.0";
  record.build = "h0_0";
  record.subdir = "linux-64";
  record.channel = "https://example.invalid/channel";
  record.file_name = record.dist_name() + suffix;
  record.url = record.channel + "/linux-64/" + record.file_name;
  record.sha256 = base::hash_text(base::HashKind::sha256, sample.archive);
  record.md5 = base::hash_text(base::HashKind::md5, sample.archive);
  record.size = sample.archive.size();
  return sample;
}

/// The info/paths.json that tells the truth about the files of a package.
inline test::TarEntry paths_json_of(const std::vector<test::TarEntry>& entries) {
  std::string list;
  for (const test::TarEntry& entry : entries) {
    if (entry.type != '0' || entry.path.starts_with("info/")) continue;
    list += fmt::format(
        R"({}{{"_path": "{}", "path_type": "hardlink", "sha256": "{}", "size_in_bytes": {}}})",
        list.empty() ? "" : ", ", entry.path, base::hash_text(base::HashKind::sha256, entry.data),
        entry.data.size());
  }
  return {"info/paths.json", fmt::format(R"({{"paths": [{}], "paths_version": 1}})", list)};
}

/// A whole `.conda` package with `payload` in share/NAME.txt.
inline Sample whole_package(const std::string& name, const std::string& payload = "payload") {
  auto entries = test::minimal_package(name, "1.0", "h0_0");
  entries.push_back({"share/" + name + ".txt", payload});
  entries.push_back(paths_json_of(entries));
  return sample_of(name, test::conda_of(entries, name + "-1.0-h0_0"));
}

}  // namespace hpcenv::packages::sample
