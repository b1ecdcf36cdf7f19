#include "doctor/gpu_code.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/prefix_record.hpp"
#include "doctor/site_packages.hpp"
#include "doctor/subject_facts.hpp"
#include "host/fatbin_cache.hpp"

namespace hpcenv::doctor {

namespace {

namespace fs = std::filesystem;

constexpr const char* torch_script = "etc/conda/activate.d/libtorch_activate.sh";
/// More files of pip's are nothing that this check is for.
constexpr std::size_t foreign_limit = 20000;

// Libraries that bring kernels, whoever packed them.
constexpr std::array patterns = {
    "libcublas*.so*",   "libcudnn*.so*",       "libcusolver*.so*",   "libcusparse*.so*",
    "libcurand*.so*",   "libnccl.so*",         "libtorch_cuda*.so*", "libtensorflow*.so*",
    "libcutensor*.so*", "xla_cuda_plugin*.so",
};

std::string_view name_of_file(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_library(std::string_view path) {
  const std::string_view name = name_of_file(path);
  const bool named_so = name.ends_with(".so") || name.find(".so.") != std::string_view::npos;
  return named_so && !name.starts_with("libcufft") && path.find("/stubs/") == path.npos;
}

bool is_known(std::string_view path) {
  return std::ranges::any_of(
      patterns, [&](const char* pattern) { return base::glob_match(pattern, name_of_file(path)); });
}

bool uses_cuda(const conda::PrefixRecord& package) {
  constexpr std::array names = {"__cuda",   "cuda-version", "cuda-cudart", "cudatoolkit", "cudnn",
                                "libcudnn", "nccl",         "libcublas",   "__cuda_arch"};
  const bool needs = std::ranges::any_of(package.record.depends, [&](std::string_view spec) {
    const std::string_view name = spec.substr(0, spec.find_first_of(" =<>!"));
    return std::ranges::find(names, name) != names.end();
  });
  return needs || package.record.build.find("cuda") != std::string::npos;
}

class Scanner {
 public:
  explicit Scanner(const Subject& subject) : subject_(subject), cache_(subject.scan_cache) {}

  GpuCodeScan scan() {
    for (const conda::PrefixRecord& package : subject_.environment->packages) add_package(package);
    for (const std::string& entry : foreign_entries(subject_)) add_foreign(entry);
    // Not kept: then the next one reads again.
    static_cast<void>(cache_.save());
    return std::move(found_);
  }

 private:
  void add_package(const conda::PrefixRecord& package) {
    const bool whole = uses_cuda(package);
    const host::FatbinTargets torch = list_of_torch(package);
    if (!torch.empty()) {
      found_.libraries.push_back({torch_script, package.record.dist_name(), torch});
    }
    for (const conda::InstalledPath& path : package.paths) {
      const bool is_link = path.path_type == "softlink" || path.path_type == "directory";
      if (is_link || !is_library(path.path) || (!whole && !is_known(path.path))) continue;
      const bool listed = !torch.empty() && name_of_file(path.path).starts_with("libtorch_cuda");
      if (!listed) add(path.path, package.record.dist_name());
    }
  }

  /// From the script that exports it, without running that.
  host::FatbinTargets list_of_torch(const conda::PrefixRecord& package) const {
    const bool has_script = std::ranges::any_of(
        package.paths, [](const conda::InstalledPath& path) { return path.path == torch_script; });
    if (!has_script) return {};
    const auto text = base::read_file(subject_.environment->prefix / torch_script);
    if (!text) return {};
    for (const std::string_view line : base::split_lines(*text)) {
      constexpr std::string_view variable = "CF_TORCH_CUDA_ARCH_LIST=";
      const std::size_t at = line.find(variable);
      if (at == std::string_view::npos) continue;
      std::string_view value = base::trim(line.substr(at + variable.size()));
      const bool quoted = value.starts_with('"') || value.starts_with('\'');
      if (quoted) value = value.substr(1, value.find(value.front(), 1) - 1);
      return host::parse_architecture_list(value);
    }
    return {};
  }

  void add_foreign(const std::string& entry) {
    const fs::path& prefix = subject_.environment->prefix;
    std::error_code failure;
    if (fs::is_regular_file(fs::symlink_status(prefix / entry, failure))) {
      if (is_library(entry)) add(entry, "");
      return;
    }
    std::size_t seen = 0;
    fs::recursive_directory_iterator walk(prefix / entry,
                                          fs::directory_options::skip_permission_denied, failure);
    for (; !failure && walk != fs::recursive_directory_iterator(); walk.increment(failure)) {
      if (++seen > foreign_limit) return;
      const std::string path = walk->path().native();
      if (is_library(path) && fs::is_regular_file(walk->symlink_status(failure))) {
        add(path.substr(prefix.native().size() + 1), "");
      }
    }
  }

  void add(const std::string& path, const std::string& package) {
    auto targets = cache_.scan(subject_.environment->prefix / path);
    if (!targets) {
      // Refused: a linker script or the like, no library.
      if (targets.error().kind != ErrorKind::refused) found_.unreadable.push_back(path);
      return;
    }
    if (!targets->empty()) found_.libraries.push_back({path, package, *std::move(targets)});
  }

  const Subject& subject_;
  host::FatbinCache cache_;
  GpuCodeScan found_;
};

}  // namespace

GpuCodeScan scan_gpu_code(const Subject& subject) { return Scanner(subject).scan(); }

}  // namespace hpcenv::doctor
