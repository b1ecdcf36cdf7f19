// A temporary environment of an image's packages: for what only running programs can make. Python
// compiles in it, link scripts write into it, activation scripts are recorded in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "image/package_entries.hpp"
#include "ops/image_contents.hpp"
#include "prefix/create.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

struct StageRequest {
  const ImageContents& contents;
  const std::vector<conda::UnpackedPackage>& packages;
  const prefix::Layout& layout;  ///< for the prefix in the image
  std::optional<prefix::PythonFacts> python;
  std::string prefix;                          ///< in the image
  std::vector<std::size_t> compiled_packages;  ///< whose bytecode is wanted
  /// Where the packages are installed: what is on record of its activation scripts is used.
  std::optional<EnvironmentRef> environment;
  prefix::LinkOptions link;
};

/// What came of it, all of it for the prefix in the image. The files lie in the stage, which is
/// removed with this object.
class Stage {
 public:
  Stage() = default;
  Stage(Stage&& other) noexcept;
  Stage& operator=(Stage&& other) noexcept;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();

  std::vector<image::CompiledFile> bytecode;
  std::vector<image::LayerEntry> written;  ///< files that link scripts and activation left
  shell::Activation activation;
  std::vector<std::string> notes;  ///< for the user, a sentence each
  bool is_complete = true;         ///< else python could not compile: layers lack bytecode

 private:
  friend Result<Stage> make_stage(const StageRequest&, const Locations&, const Seams&);
  std::filesystem::path folder_;
};

/// Made below the root, linked from the package cache. Where nothing has to be run, or packages are
/// for another platform, nothing is made; the latter is said in `notes`. A post-link script that
/// fails is kind refused.
Result<Stage> make_stage(const StageRequest& request, const Locations& locations,
                         const Seams& seams);

}  // namespace hpcenv::ops
