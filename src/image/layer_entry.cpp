#include "image/layer_entry.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "image/tar_header.hpp"

namespace hpcenv::image {

void complete(std::vector<LayerEntry>& entries) {
  std::set<std::string, std::less<>> there;
  for (const LayerEntry& entry : entries) there.insert(entry.path);
  std::set<std::string, std::less<>> missing;
  for (const LayerEntry& entry : entries) {
    std::string_view path = entry.path;
    for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos;
         slash = path.rfind('/')) {
      path = path.substr(0, slash);
      if (there.contains(path) || !missing.emplace(path).second) break;
    }
  }
  for (const std::string& path : missing) {
    LayerEntry& entry = entries.emplace_back();
    entry.kind = LayerEntry::Kind::directory;
    entry.path = path;
    entry.mode = 0755;
    entry.modified = undated;
  }
  std::ranges::sort(entries, {}, &LayerEntry::path);
}

Result<> check_name(std::string_view path, const std::string& what) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.starts_with(".wh.")) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} holds {}, which no image can: '{}' means the removal of a file",
                               what, path, name),
                   "rename the file, or leave it out");
}

std::uint64_t tar_size(const std::vector<LayerEntry>& entries) {
  std::uint64_t total = tar_end;
  for (const LayerEntry& entry : entries) {
    total += tar_block;
    if (entry.kind == LayerEntry::Kind::file) total += entry.size + tar_padding(entry.size);
    if (entry.kind == LayerEntry::Kind::text) {
      total += entry.text.size() + tar_padding(entry.text.size());
    }
  }
  return total;
}

}  // namespace hpcenv::image
