// An environment as a container image: packages from the package cache become layers, with the
// environment's path in the image written in while they are written out. No daemon, no root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "image/added_files.hpp"
#include "image/layer_plan.hpp"
#include "image/layout_writer.hpp"
#include "image/run_config.hpp"
#include "ops/change.hpp"
#include "ops/image_base.hpp"

namespace hpcenv::ops {

struct ImageRequest {
  std::optional<EnvironmentRef> environment;  ///< -n, -p; else what `choice` wishes
  ChangeRequest choice;                       ///< -f, --recipe; how to fetch and link for both
  std::string name;                           ///< of the environment in the image
  std::string prefix;                         ///< in the image; empty: /opt/envs/NAME
  std::string base = std::string(usual_base);
  std::vector<image::AddedPath> added;
  image::RunWishes run;
  image::LayerCompression compression = image::LayerCompression::gzip;
  std::size_t max_layers = image::most_layers;
  enum class GpuVariables { set, leave };
  GpuVariables gpu_variables = GpuVariables::set;
  enum class Slim { no, yes };
  Slim slim = Slim::no;
  enum class Format {
    oci_archive,
    oci_dir,
    squashfs,  ///< one file that Apptainer, enroot, pyxis and Charliecloud run
  };
  Format format = Format::oci_archive;
  std::string reference;  ///< the full name under which engines load it; may be empty
  std::filesystem::path out;
  std::string against;  ///< an image (file, directory, name) to compare with; empty: none
  std::optional<std::int64_t> source_date;  ///< SOURCE_DATE_EPOCH
  std::string tool;                         ///< "hpcenv 1.0"
};

struct LayerReport {
  image::LayerContent content = image::LayerContent::packages;
  std::vector<std::string> packages;  ///< name-version-build
  std::string title;                  ///< for people: the package, the added path, "base"
  std::string key;                    ///< image::layer_key; empty for other layers
  enum class State {
    planned,
    made,
    kept,  ///< its blob was there already
  };
  State state = State::planned;
  image::KnownLayer layer;     ///< not yet, where planned
  std::uint64_t estimate = 0;  ///< of the blob, bytes, where planned
  bool is_shared = false;      ///< the image `against` has it
};

struct ImageReport {
  std::string name;
  std::string prefix;
  std::string reference;
  ImageBase base;
  std::vector<LayerReport> layers;  ///< the lowest first
  std::vector<conda::PackageRecord> packages;
  std::optional<std::string> cuda;
  std::string created;
  image::ImageConfig config;
  image::Descriptor manifest;  ///< empty where nothing was built
  std::vector<std::filesystem::path> boms;
  std::vector<std::string> notes;
};

struct ImageSeams {
  const Seams& local;
  const image::RegistrySeams& registry;  ///< where a base may come from
  image::RegistryOptions registry_options;
};

using ImageOutcome = std::variant<ImageReport, solve::Conflict>;

/// With `choice.run` dry nothing is fetched or written. Otherwise `out` appears by one rename when
/// the image is whole; what a killed run had finished is used. Same packages, same options, same
/// program: the same digests. Kinds beside those of the steps: refused for a base that packages do
/// not run on, for more layers than engines take, for a path that a link of the base is in the way
/// of; no_space before anything is written.
Result<ImageOutcome> build_image(const ImageRequest& request, const Locations& locations,
                                 const ImageSeams& seams);

}  // namespace hpcenv::ops
