#include "image/root_tree.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::image {

namespace {

using base::TarEntry;
using Type = TarEntry::Type;

constexpr std::string_view whiteout_prefix = ".wh.";
constexpr std::string_view opaque_mark = ".wh..wh..opq";
/// Of Linux; trees as deep as this are walked by functions that call themselves.
constexpr std::size_t longest_path = 4096;
constexpr std::size_t longest_name = 255;

std::string joined(const std::vector<std::string_view>& parts) {
  std::string path;
  for (const std::string_view part : parts) {
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

void describe(RootInode& inode, const TarEntry& entry) {
  inode.type = entry.type;
  inode.mode = entry.mode;
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  inode.size = entry.size;
  inode.modified = entry.modified;
  inode.target = entry.target;
  inode.xattrs = entry.xattrs;
}

/// Closes a node to the layers below `layer`.
void close_to_lower(RootNode& node, std::uint32_t layer) {
  node.shut = std::min(node.shut, layer);
  node.settled = std::min(node.settled, layer);
}

bool is_device(const RootNode& node) {
  return node.inode != nullptr &&
         (node.inode->type == Type::character_device || node.inode->type == Type::block_device);
}

void take_out_needless(RootNode& node) {
  for (auto child = node.children.begin(); child != node.children.end();) {
    take_out_needless(*child->second);
    const bool is_empty = child->second->inode == nullptr && child->second->children.empty();
    child = is_empty || is_device(*child->second) ? node.children.erase(child) : std::next(child);
  }
}

}  // namespace

RootTree::RootTree() : root_(std::make_unique<RootNode>()) {}
RootTree::~RootTree() = default;

void RootTree::begin_layer(std::string name) {
  layer_ = layers_++;
  layer_name_ = std::move(name);
  hidden_links_.clear();
}

Result<RootTree::Parts> RootTree::parts_of(std::string_view path) const {
  Parts parts;
  for (const std::string_view part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      return fail(ErrorKind::refused, "{}: the path {} leaves the image", layer_name_, path);
    }
    if (part.size() > longest_name) {
      return fail(ErrorKind::refused, "{}: the name {}... is longer than {} bytes", layer_name_,
                  part.substr(0, 40), longest_name);
    }
    parts.push_back(part);
  }
  if (path.size() <= longest_path) return parts;
  return fail(ErrorKind::refused, "{}: the path {}... is longer than {} bytes", layer_name_,
              path.substr(0, 80), longest_path);
}

RootInode* RootTree::make_inode(const TarEntry& entry) {
  RootInode& inode = inodes_.emplace_back();
  inode.number = inodes_.size() - 1;
  describe(inode, entry);
  return &inode;
}

/// The directory of the first `depth` parts, made where it is missing; null where it does not show.
Result<RootNode*> RootTree::open_directory(const Parts& parts, std::size_t depth) {
  RootNode* node = root_.get();
  for (std::size_t i = 0; i < depth; ++i) {
    if (node->shut < layer_) return nullptr;
    const auto found = node->children.find(parts[i]);
    if (found == node->children.end()) {
      auto& slot = node->children[std::string(parts[i])];
      slot = std::make_unique<RootNode>();
      slot->layer = layer_;
      node = slot.get();
      continue;
    }
    node = found->second.get();
    if (node->is_directory()) continue;
    if (node->layer < layer_) return nullptr;
    if (!node->is_whiteout) {
      return fail(ErrorKind::refused, "{}: {} lies below {}, which is no directory in this layer",
                  layer_name_, joined(parts),
                  joined(Parts(parts.begin(),
                               std::next(parts.begin(), static_cast<std::ptrdiff_t>(i + 1)))));
    }
    node->is_whiteout = false;
    close_to_lower(*node, layer_);
  }
  return node->shut < layer_ ? nullptr : node;
}

/// What `.wh.NAME` and `.wh..wh..opq` say; other names of that kind are notes of old engines.
Result<> RootTree::hide(const Parts& parts) {
  const std::string_view mark = parts.back();
  if (mark.starts_with(".wh..wh.") && mark != opaque_mark) return {};
  HPCENV_ASSIGN(RootNode * parent, open_directory(parts, parts.size() - 1));
  if (parent == nullptr) return {};
  if (mark == opaque_mark) {
    parent->shut = std::min(parent->shut, layer_);
    return {};
  }
  const std::string_view name = mark.substr(whiteout_prefix.size());
  if (name.empty()) return {};
  const auto found = parent->children.find(name);
  if (found == parent->children.end()) {
    auto& slot = parent->children[std::string(name)];
    slot = std::make_unique<RootNode>();
    slot->layer = layer_;
    slot->is_whiteout = true;
    return {};
  }
  close_to_lower(*found->second, layer_);
  return {};
}

const RootNode* RootTree::find(const Parts& parts) const {
  const RootNode* node = root_.get();
  for (const std::string_view part : parts) {
    const auto found = node->children.find(part);
    if (found == node->children.end()) return nullptr;
    node = found->second.get();
  }
  return node;
}

Result<> RootTree::link(RootNode& node, const TarEntry& entry) {
  HPCENV_ASSIGN(const Parts target, parts_of(entry.target));
  const RootNode* found = find(target);
  if (found != nullptr && found->layer == layer_ && found->inode != nullptr &&
      found->inode->type != Type::directory) {
    node.inode = found->inode;
    return {};
  }
  RootInode*& wanted = wanted_[wanted_path(target)];
  if (wanted == nullptr) wanted = make_inode(entry);
  node.inode = wanted;
  return {};
}

Result<RootInode*> RootTree::fill(RootNode& node, const TarEntry& entry) {
  node.children.clear();
  node.is_whiteout = false;
  if (entry.type == Type::hardlink) {
    HPCENV_TRY(link(node, entry));
    return nullptr;
  }
  node.inode = make_inode(entry);
  return entry.type == Type::file ? node.inode : nullptr;
}

Result<RootInode*> RootTree::place(RootNode& parent, std::string_view name, const TarEntry& entry) {
  auto& slot = parent.children[std::string(name)];
  if (slot == nullptr) {
    slot = std::make_unique<RootNode>();
    slot->layer = layer_;
    return fill(*slot, entry);
  }
  RootNode& node = *slot;
  const bool is_mine = node.layer == layer_;
  if (node.is_directory() && entry.type == Type::directory) {
    if (is_mine || (node.inode == nullptr && node.settled >= layer_)) {
      node.inode = make_inode(entry);
    }
    return nullptr;
  }
  if (!is_mine) {
    // A file here hides what lower layers have in a directory of this name.
    if (node.is_directory()) close_to_lower(node, layer_);
    return nullptr;
  }
  close_to_lower(node, layer_);
  return fill(node, entry);
}

void RootTree::pass_over(const Parts& parts, const TarEntry& entry) {
  if (entry.type != Type::hardlink) return;
  const auto target = parts_of(entry.target);
  if (target.has_value()) hidden_links_.insert_or_assign(joined(parts), wanted_path(*target));
}

/// A hard link that was passed over is another name of what it names.
std::string RootTree::wanted_path(const Parts& parts) const {
  std::string path = joined(parts);
  const auto alias = hidden_links_.find(path);
  return alias == hidden_links_.end() ? path : alias->second;
}

Result<RootInode*> RootTree::add(const TarEntry& entry) {
  HPCENV_ASSIGN(const Parts parts, parts_of(entry.path));
  if (parts.empty()) {
    if (entry.type == Type::directory && root_->inode == nullptr) root_->inode = make_inode(entry);
    return nullptr;
  }
  if (parts.back().starts_with(whiteout_prefix)) {
    HPCENV_TRY(hide(parts));
    return nullptr;
  }
  HPCENV_ASSIGN(RootNode * parent, open_directory(parts, parts.size() - 1));
  if (parent == nullptr) {
    pass_over(parts, entry);
    return nullptr;
  }
  const auto before = parent->children.find(parts.back());
  if (before != parent->children.end() && before->second->layer < layer_) {
    const bool is_merged = before->second->is_directory() && entry.type == Type::directory;
    if (!is_merged) pass_over(parts, entry);
  }
  return place(*parent, parts.back(), entry);
}

Result<RootInode*> RootTree::add_again(const TarEntry& entry) {
  HPCENV_ASSIGN(const Parts parts, parts_of(entry.path));
  const auto found = wanted_.find(joined(parts));
  if (found == wanted_.end() || entry.type == Type::hardlink || entry.type == Type::directory) {
    return nullptr;
  }
  RootInode* inode = found->second;
  describe(*inode, entry);
  wanted_.erase(found);
  return inode->type == Type::file ? inode : nullptr;
}

void RootTree::finish() { take_out_needless(*root_); }

Result<> RootTree::end_layer() {
  if (wanted_.empty()) return {};
  return fail(ErrorKind::refused, "{}: a hard link names {}, which this layer does not have",
              layer_name_, wanted_.begin()->first);
}

}  // namespace hpcenv::image
