// E07, of the group shell: where programs keep the GPU code that they compile.
#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/shell_facts.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

struct Cache {
  const char* variable;                 ///< that moves it
  const char* usual;                    ///< below the home directory
  bool in_user_cache;                   ///< whether XDG_CACHE_HOME moves it too
  std::array<const char*, 3> packages;  ///< that use it; nullptr: none more
};

constexpr std::array caches = {
    Cache{"CUDA_CACHE_PATH", ".nv/ComputeCache", false, {"cuda-version", "cudatoolkit", nullptr}},
    Cache{"TRITON_CACHE_DIR", ".triton/cache", false, {"triton", nullptr, nullptr}},
    Cache{"TORCH_HOME", ".cache/torch", true, {"pytorch", "torchvision", nullptr}},
    Cache{"HF_HOME", ".cache/huggingface", true, {"transformers", "huggingface_hub", "datasets"}},
    Cache{"CUPY_CACHE_DIR", ".cupy/kernel_cache", false, {"cupy-core", "cupy", nullptr}},
};

bool is_used(const Subject& subject, const Cache& cache) {
  if (subject.environment == nullptr) {
    const bool of_driver = std::string_view(cache.variable) == "CUDA_CACHE_PATH";
    return of_driver && has_gpu(*subject.profile);
  }
  return std::ranges::any_of(cache.packages, [&](const char* package) {
    return package != nullptr && find_package(subject, package) != nullptr;
  });
}

std::string place_of(const Subject& subject, const Cache& cache) {
  if (std::string set = shell_variable(subject, cache.variable); !set.empty()) return set;
  constexpr std::string_view user_cache = ".cache/";
  const std::string moved = cache.in_user_cache ? shell_variable(subject, "XDG_CACHE_HOME") : "";
  if (!moved.empty()) {
    return moved + "/" + std::string(cache.usual).substr(user_cache.size());
  }
  const std::string home = shell_variable(subject, "HOME");
  return home.empty() ? std::string() : home + "/" + cache.usual;
}

/// Where many nodes write small files at once, and where locks cost most.
bool is_network(std::string_view type) {
  constexpr std::array types = {"nfs",  "lustre", "gpfs", "beegfs", "panfs",
                                "ceph", "afs",    "smb",  "cifs",   "9p"};
  return std::ranges::find(types, type) != types.end();
}

/// The driver keeps 1 GiB at most: it counts only where that is much. All others grow.
bool is_burden(const Cache& cache, const base::FileSystemFacts& facts) {
  constexpr std::uint64_t ample = std::uint64_t{4} << 30U;
  const bool of_driver = std::string_view(cache.variable) == "CUDA_CACHE_PATH";
  return is_network(facts.type) && (!of_driver || facts.free_bytes < ample);
}

/// A place for caches that is not the home directory.
std::string better_place(const Subject& subject) {
  for (const char* name : {"SCRATCH", "WORK"}) {
    if (!shell_variable(subject, name).empty()) return fmt::format("\"${}\"", name);
  }
  return "/tmp/\"$(id -un)\"";
}

}  // namespace

Finding examine_caches(const Subject& subject) {
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  const std::string home = shell_variable(subject, "HOME");
  std::vector<std::string> evidence;
  std::vector<std::string> assignments;
  for (const Cache& cache : caches) {
    const std::string place = is_used(subject, cache) ? place_of(subject, cache) : "";
    if (home.empty() || !place.starts_with(home + "/")) continue;
    const auto facts = subject.reader->file_system(place);
    if (!facts || !is_burden(cache, *facts)) continue;
    evidence.push_back(fmt::format("{} ({}), {} moves it", place, facts->type, cache.variable));
    const std::string name = base::to_lower(cache.variable);
    assignments.push_back(fmt::format("{}={}/{}", cache.variable, better_place(subject),
                                      name.substr(0, name.find('_')) + "-cache"));
  }
  if (evidence.empty()) return pass("no cache of compiled GPU code lies on a network home");
  return with_evidence(
      warning("compiled GPU code and models are kept in your home directory, which is on the "
              "network: programs start slowly and its quota fills",
              {"Send them to scratch, or in jobs to the node's own disk.",
               {"export " + base::join(assignments, " ")}}),
      std::move(evidence));
}

}  // namespace hpcenv::doctor
