#include <string_view>

#include "base/tar_archive.hpp"
#include "fuzz/fuzz.hpp"
#include "image/root_tree.hpp"

namespace {

using hpcenv::image::RootNode;
using hpcenv::image::RootTree;

/// Puts a layer into the tree; in the second reading, what the first passed over.
class Layer final : public hpcenv::base::TarSink {
 public:
  Layer(RootTree& tree, bool again) : tree_(tree), again_(again) {}
  hpcenv::Result<> begin(const hpcenv::base::TarEntry& entry) override {
    HPCENV_TRY(again_ ? tree_.add_again(entry) : tree_.add(entry));
    return {};
  }
  hpcenv::Result<> data(std::span<const std::byte> /*bytes*/) override { return {}; }
  hpcenv::Result<> end() override { return {}; }

 private:
  RootTree& tree_;
  bool again_;
};

hpcenv::Result<> read(std::string_view layer, RootTree& tree, bool again) {
  std::span<const std::byte> rest = std::as_bytes(std::span(layer));
  const auto source = [&]() -> hpcenv::Result<std::span<const std::byte>> {
    return std::exchange(rest, std::span<const std::byte>{});
  };
  Layer sink(tree, again);
  return hpcenv::base::read_tar(source, hpcenv::base::TarCompression::any, sink, "fuzz");
}

hpcenv::Result<> add_layer(std::string_view layer, RootTree& tree) {
  tree.begin_layer("fuzz");
  HPCENV_TRY(read(layer, tree, false));
  if (tree.wants_again()) HPCENV_TRY(read(layer, tree, true));
  return tree.end_layer();
}

/// A tree that can be written: every name has something behind it, and none leaves its directory.
void check(const RootNode& node) {
  for (const auto& [name, child] : node.children) {
    hpcenv::fuzz::require(!name.empty() && name != "." && name != "..");
    hpcenv::fuzz::require(name.find('/') == std::string::npos);
    hpcenv::fuzz::require(!child->is_whiteout);
    if (child->is_directory()) {
      hpcenv::fuzz::require(child->inode != nullptr || !child->children.empty());
      check(*child);
    } else {
      hpcenv::fuzz::require(child->children.empty());
      hpcenv::fuzz::require(child->inode->type != hpcenv::base::TarEntry::Type::hardlink);
    }
  }
}

}  // namespace

// The first byte says after how many blocks of 512 bytes the lower of two layers begins.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = hpcenv::fuzz::text_of(data + 1, size - 1);
  const std::size_t cut = std::min<std::size_t>(text.size(), std::size_t{data[0]} * 512);
  RootTree tree;
  const bool is_good = add_layer(text.substr(0, cut), tree).has_value() &&
                       add_layer(text.substr(cut), tree).has_value();
  if (!is_good) return 0;
  tree.finish();
  check(tree.root());
  return 0;
}
