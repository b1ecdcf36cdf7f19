// The file system that the layers of an image make together. Layers are given from the top down,
// so that what a higher one hides is known when a lower one is read: one pass over each layer is
// enough, and no content is stored that nobody sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/tar_archive.hpp"

namespace hpcenv::image {

/// One file, directory, link or node; hard links share it.
struct RootInode {
  base::TarEntry::Type type = base::TarEntry::Type::file;  ///< never hardlink
  mode_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  std::string target;
  std::map<std::string, std::string> xattrs;
  std::size_t number = 0;  ///< in the order in which they were found
};

/// A name in a directory. `inode` is null for directories that no layer has an entry of.
struct RootNode {
  static constexpr std::uint32_t lowest = std::numeric_limits<std::uint32_t>::max();
  using Children = std::map<std::string, std::unique_ptr<RootNode>, std::less<>>;
  Children children;  ///< by name, bytewise
  RootInode* inode = nullptr;
  bool is_whiteout = false;
  std::uint32_t layer = 0;  ///< that made it, counted from the top
  // Layers below these do not show here.
  std::uint32_t shut = lowest;     ///< for what is in the directory
  std::uint32_t settled = lowest;  ///< for its attributes

  bool is_directory() const {
    return !is_whiteout && (inode == nullptr || inode->type == base::TarEntry::Type::directory);
  }
};

/// Rules: whiteouts and opaque directories of the OCI specification; what is no directory hides a
/// directory below it and the other way round, and a symbolic link of a lower layer is replaced,
/// never followed (as engines do that stack directories). Of two entries with one path in a layer
/// the last counts.
class RootTree {
 public:
  RootTree();
  RootTree(RootTree&&) noexcept = default;
  RootTree& operator=(RootTree&&) noexcept = default;
  ~RootTree();

  /// The next layer down; the first call is for the topmost. `name` stands in messages.
  void begin_layer(std::string name);
  /// The inode whose contents follow where the entry is a file that shows, else null. Refused:
  /// paths with "..", entries below what is no directory in the same layer.
  Result<RootInode*> add(const base::TarEntry& entry);
  /// Whether the layer has to be read again: it has hard links to files that a higher layer
  /// replaced, whose contents were passed over.
  bool wants_again() const { return !wanted_.empty(); }
  /// In the second reading: as `add`, for those files only.
  Result<RootInode*> add_again(const base::TarEntry& entry);
  /// Refused: a hard link to what its layer does not have (engines refuse such a layer too).
  Result<> end_layer();

  /// After the last layer: takes out what no longer stands for anything (whiteouts, and directories
  /// that were made for them alone), and device nodes: only root could unpack them, and whoever
  /// runs an image mounts those of the machine.
  void finish();
  const RootNode& root() const { return *root_; }
  /// How many inodes were handed out; those that were replaced are counted.
  std::size_t inodes() const { return inodes_.size(); }

 private:
  using Parts = std::vector<std::string_view>;
  Result<Parts> parts_of(std::string_view path) const;
  Result<RootNode*> open_directory(const Parts& parts, std::size_t depth);
  Result<> hide(const Parts& parts);
  Result<RootInode*> place(RootNode& parent, std::string_view name, const base::TarEntry& entry);
  Result<RootInode*> fill(RootNode& node, const base::TarEntry& entry);
  Result<> link(RootNode& node, const base::TarEntry& entry);
  void pass_over(const Parts& parts, const base::TarEntry& entry);
  std::string wanted_path(const Parts& parts) const;
  RootInode* make_inode(const base::TarEntry& entry);
  const RootNode* find(const Parts& parts) const;

  std::unique_ptr<RootNode> root_;
  std::deque<RootInode> inodes_;
  std::uint32_t layer_ = 0;
  std::uint32_t layers_ = 0;
  std::string layer_name_;
  std::map<std::string, RootInode*, std::less<>> wanted_;         ///< path -> for whom
  std::map<std::string, std::string, std::less<>> hidden_links_;  ///< hard links passed over
};

}  // namespace hpcenv::image
