// What several checks ask of a subject.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conda/prefix_record.hpp"
#include "doctor/finding.hpp"
#include "host/cuda_tables.hpp"

namespace hpcenv::doctor {

/// Null where the environment lacks it, or there is no environment.
const conda::PrefixRecord* find_package(const Subject& subject, std::string_view name);

/// CUDA of the environment, and the package that says so: cuda-version, else cudatoolkit, else
/// cuda-cudart.
struct Toolkit {
  host::CudaVersion version;
  std::string package;
};
std::optional<Toolkit> toolkit_of(const Subject& subject);

/// The libcuda that programs get; null where there is none.
const host::LibcudaCandidate* winning_library(const host::NodeProfile& profile);
/// CUDA of the node's driver.
std::optional<host::CudaVersion> driver_cuda(const host::NodeProfile& profile);
/// "driver 535.261.03", from the kernel module or the library's file; "the driver" where neither
/// says.
std::string driver_words(const host::NodeProfile& profile);
bool has_gpu(const host::NodeProfile& profile);
/// Whether nodes of a partition have GPUs that Slurm knows of.
bool has_gpus(const slurm::Partition& partition);
/// The GPUs that the driver told of: of the library that programs get, or of the node's own behind
/// it. Empty: host::why_no_devices says why.
const std::vector<host::CudaDevice>& known_devices(const host::NodeProfile& profile);

/// What a user can do where programs are shown no GPU of a node that has some.
Remedy ask_for_gpu(const Subject& subject);
/// How a container gets the driver of its host.
Remedy bring_driver_in(const Subject& subject);
/// For what only the administrators can mend: to leave the node, and tell them of its `fault`.
Remedy other_node(const Subject& subject, std::string_view fault);

/// Compute capabilities of the node's GPUs, 8.0 as {8, 0}; the lowest first.
using Capability = std::pair<int, int>;
std::set<Capability> capabilities(const host::NodeProfile& profile);
std::string capability_text(const Capability& capability);
/// "7.0, 8.0"
std::string capabilities_text(const std::set<Capability>& gpus);
/// The first that CUDA 13 and cuDNN 9.11 have code for (facts/cuda.md 3 and 4).
inline constexpr Capability turing{7, 5};
/// That no check on the node's GPUs can be made, and why.
Finding capabilities_unknown(const Subject& subject);
/// "1 GPU", "2 GPUs"
std::string gpus_text(std::size_t count);
/// "this node", or "the target gpu".
std::string node_words(const Subject& subject);

/// The command that makes the environment anew under NAME-`suffix`, with what was asked for, the
/// channels that it came from, for the target that is judged, and `specs` besides. Wishes for a
/// package that `specs` names are left out; where those choose another CUDA, wishes for packages
/// that are tied to one keep their names only.
std::string recreate_command(const Subject& subject, std::string_view suffix,
                             const std::vector<std::string>& specs);
/// The same, from one channel.
std::string recreate_command_from(const Subject& subject, std::string_view suffix,
                                  const std::vector<std::string>& specs,
                                  const std::string& channel);
/// " -n NAME" or " -p PREFIX", for commands that change the environment as it is.
std::string environment_option(const Subject& subject);

/// A variable of the examined node.
std::string variable(const Subject& subject, std::string_view name);
/// The non-empty entries of a variable that holds a list of paths.
std::vector<std::string> path_entries(const Subject& subject, std::string_view name);

}  // namespace hpcenv::doctor
