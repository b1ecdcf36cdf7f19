#include "host/cuda_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "base/text.hpp"

namespace hpcenv::host {

namespace {

struct Branch {
  int number;
  CudaVersion cuda;
};

// What cuDriverGetVersion of each branch reports; it never changes within a branch. Measured for
// 340..555, for the later ones the pairs of conda-forge's cuda-compat and NVIDIA's release notes
// (facts/cuda.md 1.3). Branches from oldest to newest.
constexpr std::array branches = {
    Branch{340, {6, 5}},  Branch{390, {9, 1}},  Branch{410, {10, 0}}, Branch{418, {10, 1}},
    Branch{440, {10, 2}}, Branch{450, {11, 0}}, Branch{455, {11, 1}}, Branch{460, {11, 2}},
    Branch{465, {11, 3}}, Branch{470, {11, 4}}, Branch{495, {11, 5}}, Branch{510, {11, 6}},
    Branch{515, {11, 7}}, Branch{520, {11, 8}}, Branch{525, {12, 0}}, Branch{530, {12, 1}},
    Branch{535, {12, 2}}, Branch{545, {12, 3}}, Branch{550, {12, 4}}, Branch{555, {12, 5}},
    Branch{560, {12, 6}}, Branch{565, {12, 7}}, Branch{570, {12, 8}}, Branch{575, {12, 9}},
    Branch{580, {13, 0}}, Branch{590, {13, 1}}, Branch{595, {13, 2}}, Branch{610, {13, 3}},
    Branch{615, {13, 4}}, Branch{616, {13, 4}},
};

constexpr const char* long_term = "long-term support branch";
constexpr const char* production = "production branch";
constexpr const char* new_features = "new-feature branch";

// NVIDIA's "Supported Drivers and CUDA Toolkit Versions" of September 2026 and, for the branches
// before 2022, its PDF of March 2021 (facts/cuda.md 1.4). Left out where no source says when.
constexpr std::array lives = {
    BranchLife{340, production, 0},      BranchLife{390, production, 0},
    BranchLife{410, new_features, 0},    BranchLife{418, long_term, 202203},
    BranchLife{440, production, 202011}, BranchLife{450, long_term, 202307},
    BranchLife{455, new_features, 0},    BranchLife{460, production, 202201},
    BranchLife{465, new_features, 0},    BranchLife{470, long_term, 0},
    BranchLife{495, new_features, 0},    BranchLife{510, production, 0},
    BranchLife{515, production, 0},      BranchLife{520, new_features, 0},
    BranchLife{525, production, 0},      BranchLife{530, new_features, 0},
    BranchLife{535, long_term, 202606},  BranchLife{545, new_features, 0},
    BranchLife{550, production, 0},      BranchLife{555, new_features, 0},
    BranchLife{560, new_features, 0},    BranchLife{565, new_features, 0},
    BranchLife{570, production, 202602}, BranchLife{575, new_features, 0},
    BranchLife{580, long_term, 202806},  BranchLife{590, new_features, 0},
    BranchLife{595, production, 202703}, BranchLife{610, new_features, 202608},
};

struct LastBranch {
  int capability;  ///< below it, ten times major plus minor
  int branch;
};
// facts/cuda.md 1.6: Fermi, Kepler, and Maxwell, Pascal and Volta together.
constexpr std::array last_branches = {LastBranch{30, 390}, LastBranch{50, 470},
                                      LastBranch{75, 580}};

// The first ids of Turing (TU102) and of Blackwell (GB100).
constexpr unsigned long first_turing_id = 0x1e00;
constexpr unsigned long first_blackwell_id = 0x2900;

struct Floor {
  CudaVersion toolkit;
  const char* driver;
};

// From 11 on one driver floor for a whole major (minor-version compatibility); before, each release
// has its own (CUDA release notes, table "CUDA Toolkit and Corresponding Driver Versions").
constexpr std::array major_floors = {
    Floor{{11, 0}, "450.80.02"},
    Floor{{12, 0}, "525.60.13"},
    Floor{{13, 0}, "580.65.06"},
};
constexpr std::array release_floors = {
    Floor{{8, 0}, "375.26"},  Floor{{9, 0}, "384.81"},  Floor{{9, 1}, "390.46"},
    Floor{{9, 2}, "396.26"},  Floor{{10, 0}, "410.48"}, Floor{{10, 1}, "418.39"},
    Floor{{10, 2}, "440.33"},
};
// The last release of a major that is over.
constexpr std::array last_releases = {CudaVersion{11, 8}, CudaVersion{12, 9}};

struct FirstToolkit {
  int capability;  // 75 is 7.5
  CudaVersion toolkit;
};
// The architecture lists of nvcc and CMake's CMakeCUDAArchitecturesAll (facts/cuda.md 3); by
// capability.
constexpr std::array first_toolkits = {
    FirstToolkit{60, {8, 0}},   FirstToolkit{61, {8, 0}},   FirstToolkit{62, {8, 0}},
    FirstToolkit{70, {9, 0}},   FirstToolkit{72, {9, 0}},   FirstToolkit{75, {10, 0}},
    FirstToolkit{80, {11, 0}},  FirstToolkit{86, {11, 1}},  FirstToolkit{87, {11, 4}},
    FirstToolkit{88, {13, 0}},  FirstToolkit{89, {11, 8}},  FirstToolkit{90, {11, 8}},
    FirstToolkit{100, {12, 8}}, FirstToolkit{103, {12, 9}}, FirstToolkit{107, {13, 4}},
    FirstToolkit{110, {13, 0}}, FirstToolkit{120, {12, 8}}, FirstToolkit{121, {12, 9}},
};
struct Lowest {
  CudaVersion from;
  int capability;
};
constexpr std::array lowest_capabilities = {Lowest{{13, 0}, 75}, Lowest{{12, 0}, 50},
                                            Lowest{{11, 0}, 35}, Lowest{{9, 0}, 30}};

// CUresult: names from cuda.h, what it means on a cluster and what to do from users' reports
// (facts/cuda.md 2.2).
constexpr std::array errors = {
    CudaError{0, "CUDA_SUCCESS", "no error", ""},
    CudaError{1, "CUDA_ERROR_INVALID_VALUE", "the driver refused an argument",
              "Report this as a bug of hpcenv."},
    CudaError{2, "CUDA_ERROR_OUT_OF_MEMORY", "the GPU's or the job's memory is full",
              "Look with nvidia-smi who uses the GPU, or ask for more memory for the job."},
    CudaError{3, "CUDA_ERROR_NOT_INITIALIZED", "the driver could not be initialised",
              "Look at the code of cuInit."},
    CudaError{34, "CUDA_ERROR_STUB_LIBRARY",
              "this libcuda is the stub that programs are linked against, not a driver",
              "Take the directory with 'stubs' in its name out of LD_LIBRARY_PATH."},
    CudaError{35, "CUDA_ERROR_INSUFFICIENT_DRIVER", "the driver is older than the toolkit's major",
              "Use another partition, or an environment with an older cuda-version."},
    CudaError{36, "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER", "the driver lacks a newer feature",
              "Pin cuda-version to what the driver supports."},
    CudaError{46, "CUDA_ERROR_DEVICE_UNAVAILABLE",
              "the GPU admits one process only and is taken, or admits none",
              "Ask for a free GPU, and start one process a GPU."},
    CudaError{100, "CUDA_ERROR_NO_DEVICE",
              "the driver shows no GPU: none is there, the job was given none, or "
              "CUDA_VISIBLE_DEVICES hides it",
              "Ask Slurm for a GPU (--gpus=1), and look at CUDA_VISIBLE_DEVICES."},
    CudaError{101, "CUDA_ERROR_INVALID_DEVICE",
              "CUDA_VISIBLE_DEVICES holds a wrong or a repeated index",
              "Unset or correct CUDA_VISIBLE_DEVICES."},
    CudaError{102, "CUDA_ERROR_DEVICE_NOT_LICENSED", "the virtual GPU has no licence",
              "Tell the administrators that the vGPU licence of this node is missing."},
    CudaError{200, "CUDA_ERROR_INVALID_IMAGE", "GPU code is damaged",
              "Create the environment again."},
    CudaError{209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the library has no code for this GPU",
              "Use packages that were built for this GPU, or another partition."},
    CudaError{214, "CUDA_ERROR_ECC_UNCORRECTABLE", "the GPU's memory is broken",
              "Report the node to the administrators and leave it out (--exclude)."},
    CudaError{218, "CUDA_ERROR_INVALID_PTX", "the driver cannot compile the library's PTX",
              "Pin cuda-version to what the driver supports."},
    CudaError{221, "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
              "libnvidia-ptxjitcompiler of the driver is missing",
              "In a container: let the runtime bring the whole driver in (apptainer --nv)."},
    CudaError{222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
              "the library's PTX is newer than the driver",
              "Pin cuda-version to what the driver supports."},
    CudaError{223, "CUDA_ERROR_JIT_COMPILATION_DISABLED", "compilation of PTX is switched off",
              "Unset CUDA_DISABLE_PTX_JIT and CUDA_DISABLE_JIT."},
    CudaError{304, "CUDA_ERROR_OPERATING_SYSTEM", "the kernel refused a call of the driver",
              "Tell the administrators: /dev/nvidia-uvm may be missing on this node."},
    CudaError{800, "CUDA_ERROR_NOT_PERMITTED", "the driver forbids it",
              "Look which libcuda is loaded, and whether the node allows GPU use here."},
    CudaError{801, "CUDA_ERROR_NOT_SUPPORTED", "this libcuda is made for another platform",
              "Look which libcuda is loaded."},
    CudaError{802, "CUDA_ERROR_SYSTEM_NOT_READY",
              "the NVSwitch fabric of this node is not up (nvidia-fabricmanager)",
              "Tell the administrators that nvidia-fabricmanager does not run or has another "
              "version than the driver; use another node."},
    CudaError{803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
              "libcuda and the kernel module are of different versions",
              "Take compat directories out of LD_LIBRARY_PATH; else the node needs a reboot."},
    CudaError{804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
              "a forward-compatibility libcuda on a GPU that may not use it",
              "Take the compat directory out of LD_LIBRARY_PATH."},
    CudaError{805, "CUDA_ERROR_MPS_CONNECTION_FAILED", "the MPS daemon does not answer",
              "Unset CUDA_MPS_PIPE_DIRECTORY, or start MPS."},
    CudaError{806, "CUDA_ERROR_MPS_RPC_FAILURE", "the MPS daemon failed",
              "Unset CUDA_MPS_PIPE_DIRECTORY, or start MPS again."},
    CudaError{807, "CUDA_ERROR_MPS_SERVER_NOT_READY", "the MPS server is not ready",
              "Try again, or unset CUDA_MPS_PIPE_DIRECTORY."},
    CudaError{808, "CUDA_ERROR_MPS_MAX_CLIENTS_REACHED", "MPS serves no more processes",
              "Start fewer processes on this GPU."},
    CudaError{809, "CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED", "MPS has no connection left",
              "Start fewer processes on this GPU."},
    CudaError{810, "CUDA_ERROR_MPS_CLIENT_TERMINATED", "MPS ended this process",
              "Look at the other processes on this GPU."},
    CudaError{999, "CUDA_ERROR_UNKNOWN",
              "the driver failed without saying why, often because nvidia-uvm is not loaded",
              "Run nvidia-modprobe -u -c=0, or tell the administrators to load nvidia_uvm."},
};

constexpr CudaError unknown_error{-1, "unknown code", "hpcenv does not know this code",
                                  "Look the code up in CUDA's driver API reference."};

/// 535 of "535.261.03"; 0 where that is no version of a driver.
int branch_of(std::string_view driver_version) {
  constexpr std::uint64_t limit = 9999;
  const auto number = base::parse_unsigned(base::split(driver_version, '.')[0]);
  return number && *number <= limit ? static_cast<int>(*number) : 0;
}

}  // namespace

std::string CudaVersion::text() const { return fmt::format("{}.{}", major, minor); }

std::optional<CudaVersion> cuda_version_from_code(int code) {
  if (code < 1000 || code > 99999) return std::nullopt;
  return CudaVersion{code / 1000, code % 1000 / 10};
}

std::optional<CudaVersion> parse_cuda_version(std::string_view text) {
  const auto pieces = base::split(text, '.');
  if (pieces.empty()) return std::nullopt;
  constexpr std::uint64_t limit = 999;
  const auto major = base::parse_unsigned(pieces[0]);
  const auto minor = pieces.size() > 1 ? base::parse_unsigned(pieces[1]) : std::uint64_t{0};
  if (!major || !minor || *major > limit || *minor > limit) return std::nullopt;
  return CudaVersion{static_cast<int>(*major), static_cast<int>(*minor)};
}

std::optional<CudaVersion> cuda_of_driver(std::string_view driver_version) {
  const auto found = std::ranges::find(branches, branch_of(driver_version), &Branch::number);
  if (found == branches.end()) return std::nullopt;
  return found->cuda;
}

std::optional<BranchLife> branch_life(std::string_view driver_version) {
  const auto found = std::ranges::find(lives, branch_of(driver_version), &BranchLife::branch);
  if (found == lives.end()) return std::nullopt;
  return *found;
}

bool is_newer_than_table(std::string_view driver_version) {
  return branch_of(driver_version) > lives.back().branch;
}

std::optional<int> last_branch_for(int major, int minor) {
  const auto found = std::ranges::find_if(last_branches, [&](const LastBranch& row) {
    return major > 0 && std::int64_t{major} * 10 + minor < row.capability;
  });
  if (found == last_branches.end()) return std::nullopt;
  return found->branch;
}

ModuleFlavour flavour_for(int major, int minor) {
  constexpr int turing = 75;
  constexpr int blackwell = 100;
  if (major <= 0) return ModuleFlavour::either;
  const std::int64_t capability = std::int64_t{major} * 10 + minor;
  if (capability < turing) return ModuleFlavour::proprietary;
  return capability < blackwell ? ModuleFlavour::either : ModuleFlavour::open;
}

ModuleFlavour flavour_for_pci(std::string_view pci_id) {
  const std::string text(pci_id.starts_with("0x") ? pci_id.substr(2) : std::string_view{});
  constexpr int hexadecimal = 16;
  unsigned long id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id, hexadecimal);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return ModuleFlavour::either;
  if (id < first_turing_id) return ModuleFlavour::proprietary;
  return id < first_blackwell_id ? ModuleFlavour::either : ModuleFlavour::open;
}

std::optional<std::string> driver_floor(CudaVersion toolkit) {
  for (const Floor& floor : major_floors) {
    if (floor.toolkit.major == toolkit.major) return floor.driver;
  }
  for (const Floor& floor : release_floors) {
    if (floor.toolkit == toolkit) return floor.driver;
  }
  return std::nullopt;
}

bool is_older_driver(std::string_view driver, std::string_view than) {
  const auto numbers_of = [](std::string_view text) {
    std::vector<std::uint64_t> numbers;
    for (const std::string_view piece : base::split(text, '.')) {
      numbers.push_back(base::parse_unsigned(piece).value_or(0));
    }
    return numbers;
  };
  return numbers_of(driver) < numbers_of(than);
}

std::optional<CudaVersion> newest_cuda_for(std::string_view driver_version) {
  std::optional<CudaVersion> newest;
  for (const Floor& floor : release_floors) {
    if (!is_older_driver(driver_version, floor.driver)) newest = floor.toolkit;
  }
  for (const Floor& floor : major_floors) {
    if (is_older_driver(driver_version, floor.driver)) continue;
    const auto* last = std::ranges::find(last_releases, floor.toolkit.major, &CudaVersion::major);
    newest = last == last_releases.end() ? floor.toolkit : *last;
  }
  return newest;
}

std::optional<CudaVersion> first_cuda_running_on(int capability_major, int capability_minor) {
  std::optional<CudaVersion> first;
  for (const FirstToolkit& known : first_toolkits) {
    const bool runs =
        known.capability / 10 == capability_major && known.capability % 10 <= capability_minor;
    if (runs && (!first || known.toolkit < *first)) first = known.toolkit;
  }
  return first;
}

std::optional<CudaVersion> first_cuda_for(int capability_major, int capability_minor) {
  const auto* const found =
      std::ranges::find(first_toolkits, std::int64_t{capability_major} * 10 + capability_minor,
                        &FirstToolkit::capability);
  if (found == first_toolkits.end()) return std::nullopt;
  return found->toolkit;
}

int lowest_capability_of(CudaVersion toolkit) {
  for (const Lowest& lowest : lowest_capabilities) {
    if (toolkit >= lowest.from) return lowest.capability;
  }
  return 20;
}

std::optional<std::string> first_branch_with(CudaVersion toolkit) {
  const auto found =
      std::ranges::find_if(branches, [&](const Branch& branch) { return branch.cuda >= toolkit; });
  if (found == branches.end()) return std::nullopt;
  return std::to_string(found->number);
}

const CudaError& cuda_error(int code) {
  const auto found =
      std::ranges::find_if(errors, [&](const CudaError& error) { return error.code == code; });
  return found == errors.end() ? unknown_error : *found;
}

}  // namespace hpcenv::host
