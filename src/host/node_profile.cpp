#include "host/node_profile.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "host/cpu.hpp"
#include "host/cuda_tables.hpp"
#include "host/nvidia.hpp"
#include "host/proxy.hpp"
#include "host/storage.hpp"
#include "host/system.hpp"

namespace hpcenv::host {

namespace {

// Variables that checks read. Named one by one: SLURM_JWT, CONDA_TOKEN and the like are secrets.
constexpr std::array environment_names = {
    "HOME",
    "PATH",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "TRITON_CACHE_DIR",
    "TORCH_HOME",
    "HF_HOME",
    "CUPY_CACHE_DIR",
    "SCRATCH",
    "WORK",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LD_AUDIT",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "CUDA_HOME",
    "CUDA_PATH",
    "CUDA_ROOT",
    "CUDACXX",
    "CXX",
    "NVCC_PREPEND_FLAGS",
    "NVCC_APPEND_FLAGS",
    "NVCC_CCBIN",
    "CUDA_MPS_PIPE_DIRECTORY",
    "CUDA_CACHE_PATH",
    "CUDA_DISABLE_PTX_JIT",
    "NVIDIA_VISIBLE_DEVICES",
    "CONDA_PREFIX",
    "CONDA_SHLVL",
    "CONDA_DEFAULT_ENV",
    "CONDA_EXE",
    "MAMBA_ROOT_PREFIX",
    "CONDA_OVERRIDE_ARCHSPEC",
    "CONDA_OVERRIDE_CUDA",
    "CONDA_OVERRIDE_CUDA_ARCH",
    "CONDA_OVERRIDE_GLIBC",
    "CONDA_OVERRIDE_LINUX",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
    "PYTHONUSERBASE",
    "LOADEDMODULES",
    "_LMFILES_",
    "LMOD_CMD",
    "SLURM_JOB_ID",
    "SLURM_JOB_PARTITION",
    "SLURM_JOB_GPUS",
    "SLURM_STEP_GPUS",
    "SLURM_CPUS_ON_NODE",
    "SLURM_MEM_PER_NODE",
    "SLURM_NTASKS",
    "SLURM_GPUS_ON_NODE",
    "SLURM_GPUS",
    "SLURM_NNODES",
    "SLURM_GPUS_PER_TASK",
    "SLURM_EXPORT_ENV",
    "SLURM_TMPDIR",
    "SLURMD_NODENAME",
    "SBATCH_EXPORT",
    "SBATCH_PARTITION",
    "SBATCH_ACCOUNT",
    "SBATCH_QOS",
    "SBATCH_TIMELIMIT",
    "SBATCH_GRES",
    "SBATCH_GPUS",
    "PBS_JOBFS",
    "HPCENV_ROOT",
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "HPCENV_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SINGULARITY_NAME",
    "SINGULARITY_CONTAINER",
    "APPTAINER_NAME",
    "APPTAINER_CONTAINER",
    "KUBERNETES_SERVICE_HOST",
};

std::uint64_t memory_of(std::string_view meminfo) {
  for (const std::string_view line : base::split_lines(meminfo)) {
    const std::vector<std::string_view> words = base::split_words(line);
    if (words.size() < 2 || words[0] != "MemTotal:") continue;
    constexpr std::uint64_t kibibyte = 1024;
    return base::parse_unsigned(words[1]).value_or(0) * kibibyte;
  }
  return 0;
}

}  // namespace

base::Environment allowed_environment(const base::Environment& all) {
  base::Environment kept;
  for (const char* name : environment_names) {
    auto value = all.get(name);
    if (!value) continue;
    kept.set(name, is_proxy_variable(name) ? masked_proxy(*value) : *std::move(value));
  }
  return kept;
}

Result<NodeProfile> probe_node(const HostReader& reader, base::ProcessRunner& runner,
                               const base::Clock& clock, ProbeDepth depth, ProbeScope scope) {
  NodeProfile profile;
  profile.hostname = reader.hostname();
  profile.taken_at = reader.taken_at().value_or(clock.now());
  profile.machine = reader.machine();
  profile.kernel = reader.kernel_release();
  // Without the file nothing is known, which is not the same as a processor of the oldest kind.
  if (const auto cpuinfo = reader.read_text("/proc/cpuinfo")) {
    profile.cpu = microarchitecture(*cpuinfo, profile.machine);
  }
  profile.memory_bytes = memory_of(reader.read_text("/proc/meminfo").value_or(""));
  if (scope == ProbeScope::everything) {
    profile.system = read_system(reader);
    profile.mounts = node_storage(reader, runner);
  }
  profile.environment = allowed_environment(reader.environment());
  NvidiaProbe nvidia = probe_nvidia(reader, clock, depth, scope);
  HPCENV_TRY(base::check_interrupt());
  profile.nvidia = std::move(nvidia.facts);
  profile.glibc = std::move(nvidia.glibc);
  return profile;
}

const LibcudaCandidate* driver_library(const NodeProfile& profile) {
  const NvidiaFacts& nvidia = profile.nvidia;
  const auto is_real = [](const LibcudaCandidate& candidate) {
    return !candidate.is_stub && candidate.cuda_version.has_value();
  };
  // Codes of a library that does not belong to this kernel module or GPU (facts/cuda.md 2.2).
  const auto fits = [&](const LibcudaCandidate& candidate) {
    constexpr int mismatch = 803;
    constexpr int no_compatibility = 804;
    return is_real(candidate) && candidate.init_code != mismatch &&
           candidate.init_code != no_compatibility;
  };
  const bool has_winner = nvidia.winner && *nvidia.winner < nvidia.libcuda.size();
  const LibcudaCandidate* winner = has_winner ? &nvidia.libcuda[*nvidia.winner] : nullptr;
  if (winner != nullptr && fits(*winner)) return winner;
  // One that does not start yields to one that does, not to any other.
  const bool tells = winner != nullptr && is_real(*winner);
  const auto better = std::ranges::find_if(nvidia.libcuda, [&](const LibcudaCandidate& candidate) {
    return fits(candidate) && (!tells || candidate.init_code == 0);
  });
  if (better != nvidia.libcuda.end()) return &*better;
  if (tells) return winner;
  const auto first = std::ranges::find_if(nvidia.libcuda, is_real);
  return first == nvidia.libcuda.end() ? nullptr : &*first;
}

std::optional<std::string> cuda_version_of(const NodeProfile& profile) {
  const LibcudaCandidate* driver = driver_library(profile);
  if (driver == nullptr) return std::nullopt;
  const auto version = cuda_version_from_code(*driver->cuda_version);
  if (!version) return std::nullopt;
  return version->text();
}

std::optional<std::string> cuda_arch_of(const NodeProfile& profile) {
  constexpr int most = 99;
  std::optional<std::pair<int, int>> lowest;
  for (const LibcudaCandidate& candidate : profile.nvidia.libcuda) {
    for (const CudaDevice& device : candidate.devices) {
      const std::pair<int, int> capability{device.capability_major, device.capability_minor};
      const bool believable = capability.first > 0 && capability.first <= most &&
                              capability.second >= 0 && capability.second <= most;
      if (believable && (!lowest || capability < *lowest)) lowest = capability;
    }
  }
  if (!lowest) return std::nullopt;
  return fmt::format("{}.{}", lowest->first, lowest->second);
}

}  // namespace hpcenv::host
