#include "unit/prefix/package_tree.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "prefix/state.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::test {

namespace fs = std::filesystem;

namespace {

base::Json entry_of(const TreeFile& file) {
  base::Json entry;
  entry["_path"] = file.path;
  entry["path_type"] = "hardlink";
  if (!file.target.empty()) {
    entry["path_type"] = "softlink";
    return entry;
  }
  entry["sha256"] = base::hash_text(base::HashKind::sha256, file.text);
  entry["size_in_bytes"] = file.text.size();
  if (file.no_link) entry["no_link"] = true;
  if (!file.mode.empty()) {
    entry["file_mode"] = file.mode;
    entry["prefix_placeholder"] = placeholder();
  }
  return entry;
}

base::Json write_file(const TreeFile& file, const fs::path& directory) {
  if (file.path.ends_with('/')) {
    fs::create_directories(directory / file.path);
    base::Json entry;
    entry["_path"] = file.path.substr(0, file.path.size() - 1);
    entry["path_type"] = "directory";
    return entry;
  }
  const fs::path path = directory / file.path;
  if (!file.target.empty()) {
    fs::create_directories(path.parent_path());
    fs::create_symlink(file.target, path);
  } else {
    put_file(path, file.text);
    chmod(path.c_str(), file.permissions);
  }
  return entry_of(file);
}

std::string describe(const fs::path& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return "missing";
  const std::string bits = fmt::format("{:o} ", status.st_mode & 07777U);
  if (S_ISLNK(status.st_mode)) return "link to " + fs::read_symlink(path).string();
  if (S_ISDIR(status.st_mode)) return bits + "directory";
  return bits + base::hash_file(base::HashKind::sha256, path).value();
}

}  // namespace

std::string placeholder() {
  std::string text = "/home/builder/env";
  while (text.size() < 255) text += "_placehold";
  return text.substr(0, 255);
}

conda::UnpackedPackage unpack(const TreePackage& package, const fs::path& cache) {
  conda::UnpackedPackage unpacked;
  conda::PackageRecord& record = unpacked.record;
  record.name = package.name;
  record.version = package.version;
  record.build = "0";
  record.subdir = package.noarch == conda::Noarch::none ? "linux-64" : "noarch";
  record.noarch = package.noarch;
  record.channel = "https://conda.anaconda.org/conda-forge";
  record.file_name = record.dist_name() + ".conda";
  record.url = fmt::format("{}/{}/{}", record.channel, record.subdir, record.file_name);
  unpacked.directory = cache / record.dist_name();
  unpacked.archive = cache / record.file_name;
  base::Json paths = base::Json::array();
  fs::create_directories(unpacked.directory / "info");
  for (const TreeFile& file : package.files) paths.push_back(write_file(file, unpacked.directory));
  base::Json document;
  document["paths"] = std::move(paths);
  document["paths_version"] = 1;
  put_file(unpacked.directory / "info/paths.json", base::dump_json(document));
  if (!package.entry_points.empty()) {
    base::Json link;
    link["noarch"]["type"] = "python";
    link["noarch"]["entry_points"] = package.entry_points;
    put_file(unpacked.directory / "info/link.json", base::dump_json(link));
  }
  return unpacked;
}

std::string python_minor() {
  static const std::string minor = [] {
    base::ProcessRequest request;
    request.argv = {"/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"};
    const auto result = base::make_process_runner()->run(request);
    if (!result.has_value() || !result->succeeded()) throw std::runtime_error("no python3");
    return std::string(base::trim(result->output));
  }();
  return minor;
}

TreePackage python_package() {
  TreePackage package{"python"};
  package.version = python_minor() + ".2";
  package.files = {
      {"bin/python" + python_minor(), "#!/bin/sh\nexec /usr/bin/python3 \"$@\"\n", "", 0755},
      {"bin/python", "", "", 0755, "python" + python_minor()}};
  return package;
}

prefix::Plan plan_for(const fs::path& prefix, const std::vector<conda::UnpackedPackage>& packages) {
  prefix::Plan plan;
  plan.prefix = prefix;
  for (const conda::UnpackedPackage& package : packages) plan.link.push_back(package.record);
  plan.command_line = "hpcenv create";
  return plan;
}

prefix::LinkOptions plain_options() {
  prefix::LinkOptions options;
  options.jobs = 1;
  options.bytecode = prefix::LinkOptions::Bytecode::leave;
  options.environment.set("PATH", "/usr/bin:/bin");
  options.now = 1'700'000'000;
  return options;
}

Result<prefix::Prepared> create(const fs::path& prefix,
                                const std::vector<conda::UnpackedPackage>& packages,
                                const prefix::LinkOptions& options) {
  const auto runner = base::make_process_runner();
  base::NullReporter reporter;
  HPCENV_ASSIGN(
      prefix::Prepared prepared,
      prefix::prepare_create(plan_for(prefix, packages), packages, options, *runner, reporter));
  Result<std::vector<std::string>> messages = prefix::commit_create(prepared, *runner);
  if (!messages.has_value()) {
    prefix::discard(prepared);
    return Failure(std::move(messages).error());
  }
  for (std::string& message : *messages) prepared.messages.push_back(std::move(message));
  return prepared;
}

Result<> remove_environment(const fs::path& prefix) {
  base::NullReporter reporter;
  return prefix::remove_environment(prefix, {.purpose = "test"}, reporter);
}

std::map<std::string, std::string> snapshot(const fs::path& root) {
  std::map<std::string, std::string> entries;
  entries["."] = describe(root);
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    entries[entry.path().lexically_relative(root).string()] = describe(entry.path());
  }
  return entries;
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> disagreeing_paths(const fs::path& prefix) {
  std::vector<std::string> paths;
  const prefix::PrefixState state = prefix::read_state(prefix).value();
  for (const conda::PrefixRecord& package : state.packages) {
    for (const conda::InstalledPath& path : package.paths) {
      const bool unsaid = path.path_type == "softlink" || path.path_type == "directory" ||
                          path.path_type == "pyc_file";
      if (unsaid && base::path_exists(prefix / path.path)) continue;
      const auto digest = base::hash_file(base::HashKind::sha256, prefix / path.path);
      if (!digest.has_value() || *digest != path.sha256_in_prefix) paths.push_back(path.path);
    }
  }
  return paths;
}

}  // namespace hpcenv::test
