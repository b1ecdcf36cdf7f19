// NVIDIA's tables as data: driver branches, floors, error codes (facts/cuda.md; source of
// each beside it in the .cpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hpcenv::host {

/// major.minor, ordered.
struct CudaVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const CudaVersion&) const = default;
  std::string text() const;
};

/// 12020 -> 12.2; nullopt outside 1000..99999.
std::optional<CudaVersion> cuda_version_from_code(int code);
std::optional<CudaVersion> parse_cuda_version(std::string_view text);
/// Highest CUDA of a driver by its branch ("535.261.03" -> 12.2); nullopt for a branch that the
/// table does not know.
std::optional<CudaVersion> cuda_of_driver(std::string_view driver_version);
/// Lowest driver version that runs a toolkit of that version ("12.4" -> "525.60.13"), by
/// minor-version compatibility.
std::optional<std::string> driver_floor(CudaVersion toolkit);
/// Numbers between dots, one after the other; what is no number counts as 0.
bool is_older_driver(std::string_view driver, std::string_view than);
/// The newest CUDA that a driver runs, by minor-version compatibility too ("450.51.05" -> 10.2);
/// nullopt for one before CUDA 8.
std::optional<CudaVersion> newest_cuda_for(std::string_view driver_version);
/// The first toolkit that makes machine code that runs on a compute capability (8.6 -> 11.0, for
/// 8.0's runs there); nullopt where the table does not know its major.
std::optional<CudaVersion> first_cuda_running_on(int capability_major, int capability_minor);
/// The first toolkit that makes machine code for that very one (8.6 -> 11.1).
std::optional<CudaVersion> first_cuda_for(int capability_major, int capability_minor);
/// The lowest compute capability that a toolkit still makes machine code for, 75 for 7.5.
int lowest_capability_of(CudaVersion toolkit);
/// Branches from oldest to newest that carry at least that CUDA: the first one ("13.0" -> "580").
std::optional<std::string> first_branch_with(CudaVersion toolkit);

/// How long NVIDIA keeps a driver branch.
struct BranchLife {
  int branch;
  const char* kind;  ///< "long-term support branch"
  int last_month;    ///< 202806: its updates end in June 2028; 0: they ended before the table was
                     ///< made
};
/// Of the branch of a driver version; nullopt for one that the table does not know.
std::optional<BranchLife> branch_life(std::string_view driver_version);
/// Whether the table ends before that driver's branch.
bool is_newer_than_table(std::string_view driver_version);
/// The last branch that drives GPUs of that compute capability; nullopt while there is no last one.
std::optional<int> last_branch_for(int major, int minor);

/// The flavour of the kernel module that a GPU works with.
enum class ModuleFlavour { either, proprietary, open };
ModuleFlavour flavour_for(int major, int minor);
/// The same from the PCI id of the device ("0x1db6"), where the module that is loaded does not take
/// the GPU. NVIDIA hands ids out in the order of its architectures, so two bounds tell them apart.
ModuleFlavour flavour_for_pci(std::string_view pci_id);

struct CudaError {
  int code;
  const char* name;
  const char* meaning;
  const char* advice;
};
/// Never null; an unknown code gives a row that says so.
const CudaError& cuda_error(int code);

}  // namespace hpcenv::host
