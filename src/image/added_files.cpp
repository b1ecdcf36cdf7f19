#include "image/added_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

/// Weights and data, which do not compress (float32 to 0.93 of its size).
constexpr std::uint64_t large_size = std::uint64_t{64} << 20U;
constexpr auto left_out_names =
    std::to_array<std::string_view>({".git", ".hg", ".svn", "__pycache__"});

bool is_same_or_below(std::string_view path, std::string_view folder) {
  return path == folder ||
         (path.starts_with(folder) && (folder == "/" || path[folder.size()] == '/'));
}

class Reading {
 public:
  Reading(AddedLayer& layer, std::int64_t modified) : layer_(layer), modified_(modified) {}

  Result<> add(const fs::path& source, const std::string& target, bool is_top) {
    HPCENV_TRY(base::check_interrupt());
    HPCENV_TRY(check_name(target, source.native()));
    struct stat status{};
    // What is named may be a link; what lies in it stays as it is.
    const int failed = is_top ? stat(source.c_str(), &status) : lstat(source.c_str(), &status);
    if (failed != 0) {
      if (errno == ENOENT && is_top) {
        return fail(ErrorKind::not_found, "there is no {}, which --add names", source.native());
      }
      return fail_errno(errno, fmt::format("cannot examine {}", source.native()));
    }
    if (S_ISDIR(status.st_mode)) return add_directory(source, target);
    if (S_ISLNK(status.st_mode)) return add_link(source, target);
    if (S_ISREG(status.st_mode)) {
      add_file(source, target, status);
      return {};
    }
    return fail(ErrorKind::refused,
                "{} is neither a file nor a directory nor a link: it cannot be "
                "added",
                source.native());
  }

 private:
  LayerEntry& entry(LayerEntry::Kind kind, const std::string& target, std::uint32_t mode) {
    LayerEntry& entry = layer_.entries.emplace_back();
    entry.kind = kind;
    entry.path = target.substr(1);
    entry.mode = mode;
    entry.modified = modified_;
    return entry;
  }

  Result<> add_directory(const fs::path& source, const std::string& target) {
    if (target != "/") entry(LayerEntry::Kind::directory, target, 0755);
    HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(source));
    for (const std::string& name : names) {
      if (std::ranges::find(left_out_names, name) != left_out_names.end()) {
        layer_.notes.push_back(fmt::format("{} is left out", (source / name).native()));
        continue;
      }
      HPCENV_TRY(add(source / name, (target == "/" ? "" : target) + "/" + name, false));
    }
    return {};
  }

  Result<> add_link(const fs::path& source, const std::string& target) {
    std::error_code error;
    entry(LayerEntry::Kind::symlink, target, 0777).text = fs::read_symlink(source, error).native();
    if (!error) return {};
    return fail_errno(error.value(), fmt::format("cannot read {}", source.native()));
  }

  void add_file(const fs::path& source, const std::string& target, const struct stat& status) {
    const std::uint32_t mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
    LayerEntry& file = entry(LayerEntry::Kind::file, target, mode);
    file.source = source;
    file.size = static_cast<std::uint64_t>(status.st_size);
    layer_.bytes += file.size;
    layer_.state += fmt::format("{} {}.{} {}.{} {}\n", status.st_size, status.st_mtim.tv_sec,
                                status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                                status.st_ctim.tv_nsec, status.st_ino);
  }

  AddedLayer& layer_;
  std::int64_t modified_;
};

}  // namespace

Result<AddedPath> parse_added(const std::string& text) {
  const std::size_t colon = text.rfind(":/");
  if (colon == 0 || colon == std::string::npos) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("--add '{}' does not say where it goes in the image", text),
                     fmt::format("--add {}:/opt/{}", text.substr(0, text.find(':')),
                                 fs::path(text.substr(0, text.find(':'))).filename().native()));
  }
  const std::string target = text.substr(colon + 1);
  for (const std::string_view part : base::split(target, '/')) {
    if (part == "..") {
      return fail(ErrorKind::usage, "--add '{}': the place in the image has '..' in it", text);
    }
  }
  std::string clean = fs::path(target).lexically_normal().native();
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return AddedPath{fs::path(text.substr(0, colon)), std::move(clean)};
}

Result<AddedLayer> read_added(const AddedPath& added, const std::string& prefix,
                              std::int64_t modified) {
  if (is_same_or_below(added.target, prefix) || is_same_or_below(prefix, added.target)) {
    const bool is_root = added.target == "/";
    if (!is_root) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} would go to {}, into the environment {}",
                                   added.source.native(), added.target, prefix),
                       "choose a place beside it, such as /opt/app");
    }
  }
  AddedLayer layer;
  layer.added = added;
  HPCENV_TRY(Reading(layer, modified).add(added.source, added.target, true));
  for (const LayerEntry& entry : layer.entries) {
    if (!is_same_or_below("/" + entry.path, prefix)) continue;
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} holds /{}, which is in the environment", added.source.native(), entry.path),
        "choose a place beside it, such as /opt/app");
  }
  layer.is_large = layer.bytes >= large_size;
  complete(layer.entries);
  return layer;
}

std::string added_key(const AddedLayer& layer, std::string_view compression) {
  base::Hasher hasher(base::HashKind::sha256);
  hasher.update(fmt::format("added 1\n{}\n{}", compression, layer.state));
  for (const LayerEntry& entry : layer.entries) {
    hasher.update(fmt::format("{}\n{}\n{} {} {}\n", entry.path, entry.text,
                              static_cast<int>(entry.kind), entry.mode, entry.modified));
  }
  return digest_of_hex(hasher.finish());
}

void order_layers(std::vector<AddedLayer>& layers) {
  std::ranges::stable_sort(layers, std::greater<>(), &AddedLayer::is_large);
}

}  // namespace hpcenv::image
