#include "image/root_tree.hpp"

#include <catch2/catch_test_macros.hpp>
#include <ranges>

#include "unit/support/message_of.hpp"

using namespace hpcenv;
using base::TarEntry;
using image::RootInode;
using image::RootNode;
using image::RootTree;
using Type = TarEntry::Type;

namespace {

/// The size of a file stands for its contents, the mode of a directory for its attributes.
TarEntry file(const std::string& path, std::uint64_t size) {
  TarEntry entry;
  entry.path = path;
  entry.size = size;
  return entry;
}

TarEntry folder(const std::string& path, mode_t mode) {
  TarEntry entry;
  entry.type = Type::directory;
  entry.path = path;
  entry.mode = mode;
  return entry;
}

TarEntry link(Type type, const std::string& path, const std::string& target) {
  TarEntry entry;
  entry.type = type;
  entry.path = path;
  entry.target = target;
  return entry;
}

TarEntry soft_link(const std::string& path, const std::string& target) {
  return link(Type::symlink, path, target);
}

TarEntry hard_link(const std::string& path, const std::string& target) {
  return link(Type::hardlink, path, target);
}

using Layer = std::vector<TarEntry>;

void list(const RootNode& node, const std::string& path, std::vector<std::string>& lines) {
  for (const auto& [name, child] : node.children) {
    const std::string here = path + name;
    if (child->is_directory()) {
      lines.push_back(child->inode == nullptr ? here + "/"
                                              : fmt::format("{}/ {:o}", here, child->inode->mode));
      list(*child, here + "/", lines);
    } else if (child->inode->type == Type::symlink) {
      lines.push_back(fmt::format("{} -> {}", here, child->inode->target));
    } else {
      lines.push_back(fmt::format("{} {}", here, child->inode->size));
    }
  }
}

Result<> add_layer(RootTree& tree, const Layer& layer, std::vector<std::uint64_t>& stored) {
  tree.begin_layer("the layer");
  for (const TarEntry& entry : layer) {
    HPCENV_ASSIGN(const RootInode* inode, tree.add(entry));
    if (inode != nullptr) stored.push_back(inode->size);
  }
  if (tree.wants_again()) {
    for (const TarEntry& entry : layer) {
      HPCENV_ASSIGN(const RootInode* inode, tree.add_again(entry));
      if (inode != nullptr) stored.push_back(inode->size);
    }
  }
  return tree.end_layer();
}

struct Merged {
  std::vector<std::string> lines;
  std::vector<std::uint64_t> stored;  ///< sizes of the files whose contents were asked for
};

/// Layers as a manifest names them, the lowest first.
Result<Merged> merge(const std::vector<Layer>& layers) {
  RootTree tree;
  Merged merged;
  for (const Layer& layer : std::ranges::reverse_view(layers)) {
    HPCENV_TRY(add_layer(tree, layer, merged.stored));
  }
  tree.finish();
  list(tree.root(), "", merged.lines);
  return merged;
}

using Lines = std::vector<std::string>;

Lines lines_of(const std::vector<Layer>& layers) {
  const auto merged = merge(layers);
  REQUIRE(test::message_of(merged) == test::no_failure);
  return merged->lines;
}

std::string refusal_of(const std::vector<Layer>& layers) {
  const auto merged = merge(layers);
  REQUIRE_FALSE(merged.has_value());
  CHECK(merged.error().kind == ErrorKind::refused);
  return merged.error().message;
}

}  // namespace

TEST_CASE("higher layers win, and only what shows is stored") {
  const auto merged = merge({{file("a", 1), file("b", 2), file("c", 3)}, {file("b", 20)}});
  REQUIRE(merged.has_value());
  CHECK(merged->lines == Lines{"a 1", "b 20", "c 3"});
  CHECK(merged->stored == std::vector<std::uint64_t>{20, 1, 3});
}

TEST_CASE("paths are the same however they are written") {
  CHECK(lines_of({{folder("./", 0700), file("./usr//bin/./x", 1)}, {file("/usr/bin/y", 2)}}) ==
        Lines{"usr/", "usr/bin/", "usr/bin/x 1", "usr/bin/y 2"});
}

TEST_CASE("a directory is merged; its attributes are those of the highest layer that names it") {
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {folder("d", 0750), file("d/b", 2)}}) ==
        Lines{"d/ 750", "d/a 1", "d/b 2"});
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {file("d/b", 2)}}) ==
        Lines{"d/ 700", "d/a 1", "d/b 2"});
}

TEST_CASE("a whiteout hides what lower layers have") {
  CHECK(lines_of({{file("d/a", 1), file("d/b", 2)}, {file("d/.wh.a", 0)}}) == Lines{"d/", "d/b 2"});
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {file(".wh.d", 0)}}).empty());
  CHECK(lines_of({{file("a", 1)}, {file(".wh.a", 0)}, {file("a", 3)}}) == Lines{"a 3"});
  // Made anew above a whiteout, with nothing of what was there.
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {file(".wh.d", 0)}, {file("d/b", 2)}}) ==
        Lines{"d/", "d/b 2"});
}

TEST_CASE("a whiteout does not hide its own layer") {
  for (const bool first : {true, false}) {
    Layer upper{folder("d", 0750), file("d/new", 2)};
    upper.insert(first ? upper.begin() : upper.end(), file(".wh.d", 0));
    CHECK(lines_of({{folder("d", 0700), file("d/old", 1)}, upper}) == Lines{"d/ 750", "d/new 2"});
    upper.push_back(file("x", 5));
    CHECK(lines_of({{folder("d", 0700), file("d/old", 1)}, upper, {file("d/top", 3)}}) ==
          Lines{"d/ 750", "d/new 2", "d/top 3", "x 5"});
  }
}

TEST_CASE("an opaque directory shows nothing of lower layers, but keeps their attributes") {
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1), file("d/s/b", 2)},
                  {file("d/.wh..wh..opq", 0), file("d/c", 3)}}) == Lines{"d/ 700", "d/c 3"});
  CHECK(lines_of({{file("d/s/b", 2)}, {file("d/s/e", 1)}, {file("d/.wh..wh..opq", 0)}}).empty());
  CHECK(lines_of({{file("a", 1)}, {file(".wh..wh..opq", 0), file("b", 2)}}) == Lines{"b 2"});
}

TEST_CASE("notes of old engines are no whiteouts") {
  CHECK(lines_of({{file("plnk", 1), file(".wh..wh.plnk", 0), file(".wh..wh.aufs/x", 0)}}) ==
        Lines{".wh..wh.aufs/", ".wh..wh.aufs/x 0", "plnk 1"});
}

TEST_CASE("a change of type takes away what was there, down through all layers") {
  CHECK(lines_of({{file("d/a", 1)}, {file("d", 2)}}) == Lines{"d 2"});
  CHECK(lines_of({{file("d", 1)}, {file("d/a", 2)}}) == Lines{"d/", "d/a 2"});
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {file("d", 2)}, {file("d/b", 3)}}) ==
        Lines{"d/", "d/b 3"});
  CHECK(lines_of({{folder("d", 0700), file("d/a", 1)}, {soft_link("d", "e")}, {file("d/b", 3)}}) ==
        Lines{"d/", "d/b 3"});
}

TEST_CASE("a symbolic link of a lower layer is replaced, not followed") {
  CHECK(lines_of({{file("usr/bin/sh", 1), soft_link("bin", "usr/bin")}, {file("bin/x", 2)}}) ==
        Lines{"bin/", "bin/x 2", "usr/", "usr/bin/", "usr/bin/sh 1"});
}

TEST_CASE("of two entries with one path in a layer the last counts") {
  CHECK(lines_of({{file("a", 1), file("a", 2)}}) == Lines{"a 2"});
  CHECK(lines_of({{folder("d", 0700), folder("d", 0750)}}) == Lines{"d/ 750"});
  CHECK(lines_of({{file("d/a", 1), soft_link("d", "x")}}) == Lines{"d -> x"});
  CHECK(lines_of({{file("d/old", 1)}, {file("d", 1), folder("d", 0700), file("d/a", 2)}}) ==
        Lines{"d/ 700", "d/a 2"});
}

TEST_CASE("hard links share their file") {
  RootTree tree;
  std::vector<std::uint64_t> stored;
  REQUIRE(add_layer(tree, {file("a", 7), hard_link("b", "./a"), hard_link("c", "b")}, stored));
  const auto inode = [&](const char* name) {
    return tree.root().children.find(name)->second->inode;
  };
  CHECK(inode("a") == inode("b"));
  CHECK(inode("b") == inode("c"));
  CHECK(stored.size() == 1);
}

TEST_CASE("a hard link keeps a file that a higher layer has replaced or removed") {
  const Layer lower{file("a", 7), hard_link("b", "a"), hard_link("c", "a")};
  const auto replaced = merge({lower, {file("a", 9)}});
  REQUIRE(replaced.has_value());
  CHECK(replaced->lines == Lines{"a 9", "b 7", "c 7"});
  CHECK(replaced->stored == std::vector<std::uint64_t>{9, 7});
  CHECK(lines_of({lower, {file(".wh.a", 0)}}) == Lines{"b 7", "c 7"});
  CHECK(lines_of({lower, {file(".wh.b", 0), file(".wh.c", 0)}}) == Lines{"a 7"});
  // The name that is linked to was itself a link that does not show.
  CHECK(lines_of({{file("a", 7), hard_link("b", "a"), hard_link("c", "b")},
                  {file(".wh.a", 0), file(".wh.b", 0)}}) == Lines{"c 7"});
  CHECK(lines_of({{file("d/a", 7), hard_link("d/b", "d/a"), hard_link("c", "d/b")},
                  {file(".wh.d", 0)}}) == Lines{"c 7"});
  CHECK(lines_of({{soft_link("a", "x"), hard_link("b", "a")}, {file(".wh.a", 0)}}) ==
        Lines{"b -> x"});
}

TEST_CASE("layers that no engine unpacks are refused in words") {
  CHECK(refusal_of({{file("a/../../etc/passwd", 1)}}) ==
        "the layer: the path a/../../etc/passwd leaves the image");
  CHECK(refusal_of({{file("a", 1)}, {hard_link("b", "a")}}) ==
        "the layer: a hard link names a, which this layer does not have");
  CHECK(refusal_of({{folder("d", 0700), hard_link("b", "d")}}) ==
        "the layer: a hard link names d, which this layer does not have");
  CHECK(refusal_of({{hard_link("b", "../x")}}) == "the layer: the path ../x leaves the image");
  CHECK(refusal_of({{soft_link("lib", "usr/lib"), file("lib/x", 1)}}) ==
        "the layer: lib/x lies below lib, which is no directory in this layer");
  CHECK(refusal_of({{file(std::string(300, 'n'), 1)}}).ends_with("is longer than 255 bytes"));
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "d/";
  CHECK(refusal_of({{file(deep, 1)}}).ends_with("is longer than 4096 bytes"));
}

TEST_CASE("device nodes hide what is below them, and are left out") {
  const Layer devices{link(Type::character_device, "dev/null", ""),
                      link(Type::block_device, "a", ""), hard_link("b", "a"),
                      link(Type::fifo, "pipe", "")};
  CHECK(lines_of({{file("a", 1), file("c", 2)}, devices}) == Lines{"c 2", "pipe 0"});
}

TEST_CASE("names are bytes, in the order of bytes") {
  CHECK(lines_of({{file("\xc3\xa9", 1), file("Z", 2), file("a", 3), file("\xff", 4)}}) ==
        Lines{"Z 2", "a 3", "\xc3\xa9 1", "\xff 4"});
}
