#include "image/package_entries.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "conda/channel.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link.hpp"
#include "prefix/noarch_python.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

bool is_for_builders(std::string_view path, const std::optional<prefix::PythonFacts>& python) {
  if (path.ends_with(".a")) return true;
  for (const std::string_view folder :
       {"share/man", "share/doc", "share/gtk-doc", "share/info", "lib/cmake"}) {
    if (is_below(path, folder)) return true;
  }
  return python && is_below(path, fmt::format("lib/python{}/test", python->minor));
}

/// The layout is in the packages' order.
auto paths_of(const ImageTree& tree, std::size_t package) {
  return std::ranges::equal_range(tree.layout.paths, package, {}, &prefix::PlannedPath::package);
}

std::int64_t clamped(std::int64_t modified, std::int64_t newest) {
  return newest > 0 ? std::min(modified, newest) : modified;
}

std::string in_image(const ImageTree& tree, std::string_view path) {
  return fmt::format("{}/{}", std::string_view(tree.prefix).substr(1), path);
}

Result<LayerEntry> entry_point(const ImageTree& tree, const prefix::PlannedPath& path) {
  LayerEntry entry;
  entry.kind = LayerEntry::Kind::text;
  entry.path = in_image(tree, path.target);
  entry.mode = 0755;
  entry.modified = undated;
  entry.is_noted = true;
  if (!tree.python) {
    return fail(ErrorKind::bug, "an entry point '{}' was planned without python", path.target);
  }
  entry.text = prefix::entry_point_script(*path.entry_point, *tree.python, tree.prefix);
  return entry;
}

Result<LayerEntry> source_entry(const ImageTree& tree, const prefix::PlannedPath& path) {
  const conda::UnpackedPackage& package = tree.packages.at(path.package);
  LayerEntry entry;
  entry.path = in_image(tree, path.target);
  entry.source = package.directory / path.source.path;
  struct stat status{};
  if (lstat(entry.source.c_str(), &status) != 0) {
    if (errno != ENOENT) {
      return fail_errno(errno, fmt::format("cannot examine {}", entry.source.native()));
    }
    return fail_hint(ErrorKind::refused,
                     fmt::format("the unpacked package {} lacks '{}', which it lists",
                                 package.directory.native(), path.source.path),
                     fmt::format("remove {} and try again", package.directory.native()));
  }
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    entry.kind = LayerEntry::Kind::symlink;
    entry.mode = 0777;
    // Nobody unpacks the dates of links.
    entry.modified = undated;
    entry.text = fs::read_symlink(entry.source, error).native();
    if (error) {
      return fail_errno(error.value(), fmt::format("cannot read {}", entry.source.native()));
    }
    return entry;
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::refused, "{} is neither a file nor a link", entry.source.native());
  }
  entry.modified = clamped(status.st_mtim.tv_sec, tree.newest);
  entry.mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
  entry.size = static_cast<std::uint64_t>(status.st_size);
  if (path.is_patched()) {
    entry.patch = Patch{path.source.mode, path.source.placeholder, tree.prefix};
  }
  const bool is_listed = !path.source.sha256.empty() && path.source.size == entry.size;
  entry.is_noted = path.is_patched() || !is_listed;
  return entry;
}

}  // namespace

bool is_kept(const ImageTree& tree, const prefix::PlannedPath& path) {
  if (is_below(path.target, prefix::own_folder)) return false;
  return !tree.is_slim || !is_for_builders(path.target, tree.python);
}

std::vector<std::string> lost_paths(const ImageTree& tree, std::size_t package) {
  std::vector<std::string> lost;
  for (const prefix::PlannedPath& path : paths_of(tree, package)) {
    if (is_below(path.target, prefix::own_folder)) lost.push_back(path.target);
  }
  return lost;
}

Result<std::vector<LayerEntry>> package_entries(const ImageTree& tree, std::size_t package) {
  std::vector<LayerEntry> entries;
  for (const prefix::PlannedPath& path : paths_of(tree, package)) {
    if (!is_kept(tree, path)) continue;
    HPCENV_TRY(check_name(path.target, tree.packages.at(package).record.dist_name()));
    if (path.is_directory()) {
      LayerEntry directory;
      directory.kind = LayerEntry::Kind::directory;
      directory.path = in_image(tree, path.target);
      directory.mode = 0755;
      directory.modified = undated;
      entries.push_back(std::move(directory));
      continue;
    }
    HPCENV_ASSIGN(LayerEntry entry, path.entry_point.has_value() ? entry_point(tree, path)
                                                                 : source_entry(tree, path));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<> add_bytecode(const ImageTree& tree, const CompiledFile& file,
                      std::vector<LayerEntry>& entries) {
  LayerEntry entry;
  entry.path = in_image(tree, file.path);
  entry.source = file.source;
  entry.modified = undated;
  entry.is_noted = true;
  struct stat status{};
  if (lstat(file.source.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorKind::io, "the bytecode {} has gone", file.source.native());
  }
  entry.size = static_cast<std::uint64_t>(status.st_size);
  const auto brought = std::ranges::find(entries, entry.path, &LayerEntry::path);
  if (brought == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *brought = std::move(entry);
  }
  return {};
}

conda::PrefixRecord image_record(const ImageTree& tree, std::size_t package,
                                 const std::map<std::string, std::string>& noted) {
  conda::PrefixRecord record;
  record.record = tree.packages.at(package).record;
  record.record.url = conda::without_credentials(record.record.url);
  record.record.channel = conda::without_credentials(record.record.channel);
  record.link_type = conda::LinkType::copy;
  for (const prefix::PlannedPath& path : paths_of(tree, package)) {
    if (!is_kept(tree, path)) continue;
    conda::InstalledPath installed = prefix::installed_path(path);
    const auto digest = noted.find(in_image(tree, path.target));
    if (path.entry_point.has_value()) installed.path_type = "unix_python_entry_point";
    if (path.source.type == conda::PathType::softlink) installed.path_type = "softlink";
    if (path.is_patched()) {
      installed.placeholder = path.source.placeholder;
      installed.file_mode = path.source.mode == conda::FileMode::binary ? "binary" : "text";
    }
    if (digest != noted.end()) {
      installed.sha256_in_prefix = digest->second;
      if (path.entry_point.has_value()) installed.sha256 = digest->second;
    } else if (installed.path_type == "hardlink") {
      installed.sha256_in_prefix = path.source.sha256;
    }
    record.paths.push_back(std::move(installed));
  }
  return record;
}

}  // namespace hpcenv::image
