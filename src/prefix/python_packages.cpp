#include "prefix/python_packages.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Relative to the prefix; empty without python.
std::string site_packages(const PrefixState& state) {
  for (const conda::PrefixRecord& package : state.packages) {
    if (package.record.name != "python") continue;
    if (!package.record.python_site_packages_path.empty()) {
      return package.record.python_site_packages_path;
    }
    const std::string& version = package.record.version;
    const std::string minor = version.substr(0, version.find('.', version.find('.') + 1));
    return "lib/python" + minor + "/site-packages";
  }
  return "";
}

/// The folder of metadata that a path lies in, or is.
std::string_view metadata_of(std::string_view path) {
  for (const std::string_view ending : {".dist-info", ".egg-info"}) {
    const std::size_t found = path.find(ending);
    if (found == std::string_view::npos) continue;
    const std::size_t end = found + ending.size();
    if (end == path.size() || path[end] == '/') return path.substr(0, end);
  }
  return "";
}

std::set<std::string, std::less<>> owned_metadata(const PrefixState& state) {
  std::set<std::string, std::less<>> owned;
  for (const conda::PrefixRecord& package : state.packages) {
    for (const conda::InstalledPath& path : package.paths) {
      if (const std::string_view folder = metadata_of(path.path); !folder.empty()) {
        owned.emplace(folder);
      }
    }
  }
  return owned;
}

/// The value of a field in the head of METADATA or PKG-INFO, which ends at an empty line.
std::string field_of(std::string_view text, std::string_view name) {
  for (const std::string_view line : base::split_lines(text)) {
    if (base::trim(line).empty()) break;
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return std::string(base::trim(line.substr(name.size() + 1)));
    }
  }
  return "";
}

bool read_package(const fs::path& metadata, PythonPackage& package) {
  auto text = base::read_file(metadata / "METADATA");
  if (!text.has_value()) text = base::read_file(metadata / "PKG-INFO");
  if (!text.has_value()) text = base::read_file(metadata);
  if (!text.has_value()) return false;
  package.name = field_of(*text, "Name");
  package.version = field_of(*text, "Version");
  if (const auto installer = base::read_file(metadata / "INSTALLER")) {
    package.installer = base::trim(*installer);
  }
  const fs::path file = metadata / "direct_url.json";
  const auto direct = base::read_file(file);
  const auto json = direct.has_value() ? base::parse_json(*direct, file.native())
                                       : Result<base::Json>(base::Json::object());
  if (json.has_value() && json->is_object()) {
    package.origin = base::string_or(*json, "url");
    const auto info = json->find("dir_info");
    package.editable = info != json->end() && info->is_object() && info->contains("editable") &&
                       (*info)["editable"] == true;
  }
  return !package.name.empty();
}

/// Names as PyPI compares them: `-`, `_` and `.` are one, so are capitals.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : base::to_lower(name)) {
    plain += c == '.' || c == '_' ? '-' : c;
  }
  return plain;
}

/// Whether a conda package of that very name and version is there, or the metadata says that conda
/// put it there: most are settled so, without a look at all paths of all packages.
bool is_surely_owned(const PrefixState& state, std::string_view folder, const fs::path& metadata) {
  const std::string_view stem = folder.substr(0, folder.rfind('.'));
  const std::size_t dash = stem.find('-');
  const std::string name = plain_name(stem.substr(0, dash));
  const std::string_view version = dash == std::string_view::npos ? "" : stem.substr(dash + 1);
  const auto same = [&](const conda::PrefixRecord& package) {
    return package.record.version == version && plain_name(package.record.name) == name;
  };
  if (std::ranges::any_of(state.packages, same)) return true;
  const auto installer = base::read_file(metadata / "INSTALLER");
  return installer.has_value() && base::trim(*installer) == "conda";
}

}  // namespace

std::vector<PythonPackage> python_packages(const PrefixState& state) {
  std::vector<PythonPackage> packages;
  const std::string folder = site_packages(state);
  const auto names = base::list_directory(state.prefix / folder);
  if (folder.empty() || !names.has_value()) return packages;
  std::vector<std::string> doubtful;
  for (const std::string& name : *names) {
    if (metadata_of(name) == name && !is_surely_owned(state, name, state.prefix / folder / name)) {
      doubtful.push_back(fmt::format("{}/{}", folder, name));
    }
  }
  if (doubtful.empty()) return packages;
  const auto whole = read_state(state.prefix);
  const auto owned = owned_metadata(whole.has_value() ? *whole : state);
  for (const std::string& path : doubtful) {
    PythonPackage package;
    if (!owned.contains(path) && read_package(state.prefix / path, package)) {
      packages.push_back(std::move(package));
    }
  }
  std::ranges::sort(packages, {},
                    [](const PythonPackage& package) { return base::to_lower(package.name); });
  return packages;
}

}  // namespace hpcenv::prefix
