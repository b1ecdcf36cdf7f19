#include "ops/image_words.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::ops {

TEST_CASE("many files that nobody owns are told in few sentences") {
  const std::vector<std::string> notes = unowned_notes(
      {"lib/python3.12/site-packages/foo/a.py", "lib/python3.12/site-packages/foo/b.py",
       "lib/python3.12/site-packages/one.py", "bin/tool", "notes", "share/x/y/z"},
      "not in the image");
  CHECK(notes ==
        std::vector<std::string>{
            "bin/tool is of no package: not in the image",
            "lib/python3.12/site-packages/foo (2 files) is of no package: not in the image",
            "lib/python3.12/site-packages/one.py is of no package: not in the image",
            "notes is of no package: not in the image",
            "share/x is of no package: not in the image"});
  std::vector<std::string> many;
  many.reserve(25);
  for (int i = 0; i < 25; ++i) many.push_back(fmt::format("bin/tool{}", i));
  CHECK(unowned_notes(many, "x").size() == 11);
  CHECK(unowned_notes(many, "x").back() == "15 more such places are not named");
  CHECK(unowned_notes({}, "x").empty());
}

TEST_CASE("the key of files is no annotation: it is of this disk") {
  LayerReport layer;
  layer.content = image::LayerContent::files;
  layer.title = "/opt/w";
  layer.key = "sha256:00";
  CHECK(layer_annotations(layer) ==
        image::Annotations{{"org.hpcenv.content", "files"}, {"org.hpcenv.path", "/opt/w"}});
  layer.content = image::LayerContent::packages;
  layer.packages = {"a-1-0", "b-1-0"};
  CHECK(layer_annotations(layer) == image::Annotations{{"org.hpcenv.content", "packages"},
                                                       {"org.hpcenv.key", "sha256:00"},
                                                       {"org.hpcenv.packages", "a-1-0 b-1-0"}});
}

}  // namespace hpcenv::ops
