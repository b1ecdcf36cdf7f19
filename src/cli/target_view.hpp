// How targets look, as text and as JSON.
#pragma once

#include <cstdint>
#include <string>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"
#include "host/target.hpp"
#include "host/virtual_packages.hpp"

namespace hpcenv::cli {

/// The target with what its nodes have in common; overrides of `environment` do not count: it is
/// shown as it is.
struct TargetView {
  const host::Target& target;
  std::string subdir;
  host::VirtualPackages offered;
  std::optional<std::int64_t> age_days;  ///< of the oldest profile
};

/// Kind refused where the nodes are of different processors.
Result<TargetView> view_of(const host::Target& target, std::int64_t now);

/// {name, file, platform, age_days, old, reach, virtual_packages}
base::Json target_to_json(const TargetView& view);
/// "12.2", the CUDA of the least driver; "none".
std::string cuda_text(const TargetView& view);
/// "4 x NVIDIA A100-SXM4-40GB", the GPUs of a node or of the kinds of node, each once.
std::string gpus_of(const host::NodeProfile& node);
/// What a table says of the age: "3 days ago", "40 days ago (old)".
std::string age_cell(std::optional<std::int64_t> days);
/// The whole of it for a person: what every node offers, then the nodes.
std::string target_text(const TargetView& view, std::int64_t now);

}  // namespace hpcenv::cli
