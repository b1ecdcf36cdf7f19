#include "host/virtual_packages.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "conda/version.hpp"
#include "host/cuda_tables.hpp"

namespace hpcenv::host {

namespace {

using Origin = VirtualPackage::Origin;

/// CEP 30 names it for what cannot be asked: the oldest that conda-forge ever built for.
constexpr const char* assumed_glibc = "2.17";

enum class Override { absent, empty, usable };

class Maker {
 public:
  Maker(const NodeProfile& profile, const base::Environment& environment, std::string_view subdir)
      : profile_(profile), environment_(environment), subdir_(subdir) {}

  VirtualPackages make() {
    const bool linux = subdir_.starts_with("linux-");
    const bool unix = linux || subdir_.starts_with("osx-");
    if (unix) add({"__unix", "0", "0", Origin::detected, "the platform"});
    if (subdir_.starts_with("win-")) add({"__win", "0", "0", Origin::assumed, "the platform"});
    if (subdir_.starts_with("osx-")) add_osx();
    if (linux) add_linux_family();
    add_archspec();
    for (const char* name : {"CONDA_OVERRIDE_OSX", "CONDA_OVERRIDE_WIN"}) {
      if (linux) warn_unused(name, fmt::format("{} is no such platform", subdir_));
    }
    std::ranges::sort(made_.packages, {}, &VirtualPackage::name);
    return std::move(made_);
  }

 private:
  void add(VirtualPackage package) { made_.packages.push_back(std::move(package)); }

  void warn_unused(const std::string& variable, const std::string& why) {
    if (!environment_.get_or(variable, "").empty()) {
      made_.warnings.push_back(fmt::format("{} is not used: {}", variable, why));
    }
  }

  bool is_native() const {
    return (profile_.machine == "x86_64" && subdir_ == "linux-64") ||
           (profile_.machine == "aarch64" && subdir_ == "linux-aarch64");
  }

  /// Warns of a value that is no version.
  Override override_of(const std::string& variable, std::string& value) {
    const auto given = environment_.get(variable);
    if (!given) return Override::absent;
    value = base::trim(*given);
    if (value.empty()) return Override::empty;
    if (conda::Version::parse(value)) return Override::usable;
    made_.warnings.push_back(fmt::format("{}={} is not used: that is no version", variable, value));
    return Override::absent;
  }

  /// True when the variable decided; an empty one decides nothing for packages that have to be.
  bool add_overridden(const std::string& name, const std::string& variable) {
    std::string value;
    const Override given = override_of(variable, value);
    if (given == Override::empty) {
      made_.warnings.push_back(
          fmt::format("{} is empty and not used: {} cannot be taken away", variable, name));
    }
    if (given != Override::usable) return false;
    add({name, value, "0", Origin::overridden, variable});
    return true;
  }

  void add_osx() {
    if (add_overridden("__osx", "CONDA_OVERRIDE_OSX")) return;
    add({"__osx", "0", "0", Origin::assumed, "unknown from this machine"});
  }

  void add_linux_family() {
    if (!add_overridden("__linux", "CONDA_OVERRIDE_LINUX")) add_linux();
    if (!add_overridden("__glibc", "CONDA_OVERRIDE_GLIBC")) add_glibc();
    if (add_cuda()) {
      add_cuda_arch();
    } else {
      warn_unused("CONDA_OVERRIDE_CUDA_ARCH", "without __cuda there is no __cuda_arch (CEP 46)");
    }
  }

  /// CEP 30: the distribution's suffix goes ("4.18.0-553.el8" is 4.18.0).
  void add_linux() {
    const std::size_t end = profile_.kernel.find_first_not_of("0123456789.");
    const std::string version(base::trim(profile_.kernel.substr(0, end)));
    if (!is_native() || version.empty() || !conda::Version::parse(version)) {
      add({"__linux", "0", "0", Origin::assumed, "unknown for this platform"});
      return;
    }
    add({"__linux", version, "0", Origin::detected, "uname"});
  }

  void add_glibc() {
    if (is_native() && !profile_.glibc.empty() && conda::Version::parse(profile_.glibc)) {
      add({"__glibc", profile_.glibc, "0", Origin::detected, "gnu_get_libc_version"});
      return;
    }
    add({"__glibc", assumed_glibc, "0", Origin::assumed, "no glibc was found to ask"});
  }

  bool add_cuda() {
    std::string value;
    const Override given = override_of("CONDA_OVERRIDE_CUDA", value);
    if (given == Override::empty) return false;
    if (given == Override::usable) {
      add({"__cuda", value, "0", Origin::overridden, "CONDA_OVERRIDE_CUDA"});
      return true;
    }
    if (!is_native()) return false;
    if (const LibcudaCandidate* driver = driver_library(profile_)) {
      add({"__cuda", cuda_version_of(profile_).value_or("0"), "0", Origin::detected,
           "cuDriverGetVersion of " + driver->path});
      return true;
    }
    return add_cuda_of_silent_driver();
  }

  /// A driver that hangs or crashes still has a version in its file's name, and the version has its
  /// CUDA in the table.
  bool add_cuda_of_silent_driver() {
    for (const LibcudaCandidate& candidate : profile_.nvidia.libcuda) {
      const bool silent =
          candidate.end == ProbeEnd::timed_out || candidate.end == ProbeEnd::crashed;
      if (!silent || candidate.is_stub) continue;
      const auto cuda = cuda_of_driver(candidate.file_version);
      if (!cuda) {
        made_.warnings.push_back(fmt::format(
            "{} does not answer ({}): __cuda is left out; set CONDA_OVERRIDE_CUDA if you know it",
            candidate.path, candidate.detail));
        continue;
      }
      made_.warnings.push_back(
          fmt::format("{} does not answer ({}); __cuda={} is taken from its file name {}",
                      candidate.path, candidate.detail, cuda->text(), candidate.real_path));
      add({"__cuda", cuda->text(), "0", Origin::assumed, "file name " + candidate.real_path});
      return true;
    }
    return false;
  }

  void add_cuda_arch() {
    std::string value;
    const Override given = override_of("CONDA_OVERRIDE_CUDA_ARCH", value);
    if (given == Override::empty) return;
    if (given == Override::usable && is_capability(value)) {
      add({"__cuda_arch", value, "0", Origin::overridden, "CONDA_OVERRIDE_CUDA_ARCH"});
      return;
    }
    if (given == Override::usable) {
      made_.warnings.push_back(fmt::format(
          "CONDA_OVERRIDE_CUDA_ARCH={} is not used: a compute capability is written like 8.0",
          value));
    }
    const auto lowest = cuda_arch_of(profile_);
    if (!is_native() || !lowest) return;
    add({"__cuda_arch", *lowest, "0", Origin::detected, "lowest compute capability of the GPUs"});
  }

  /// CEP 46: `major.minor`, digits only.
  static bool is_capability(std::string_view text) {
    const std::vector<std::string_view> pieces = base::split(text, '.');
    return pieces.size() == 2 && base::parse_unsigned(pieces[0]) && base::parse_unsigned(pieces[1]);
  }

  /// Version 1 with a name of archspec's, 0 with the plain architecture (CEP 30).
  void add_archspec() {
    const std::string given = environment_.get_or("CONDA_OVERRIDE_ARCHSPEC", "");
    const std::string plain = plain_architecture();
    if (const std::string_view name = base::trim(given); !name.empty()) {
      add({"__archspec", "1", std::string(name), Origin::overridden, "CONDA_OVERRIDE_ARCHSPEC"});
    } else if (is_native() && !profile_.cpu.empty()) {
      add({"__archspec", "1", profile_.cpu, Origin::detected, "/proc/cpuinfo"});
    } else if (!plain.empty()) {
      add({"__archspec", "0", plain, Origin::assumed, "the platform"});
    }
  }

  std::string plain_architecture() const {
    constexpr std::array names = {
        std::pair{"-64", "x86_64"},
        std::pair{"-aarch64", "aarch64"},
        std::pair{"-ppc64le", "ppc64le"},
        std::pair{"osx-arm64", "arm64"},
        std::pair{"win-arm64", "arm64"},
        std::pair{"-s390x", "s390x"},
        std::pair{"linux-riscv64", "riscv64"},
        std::pair{"-32", "x86"},
    };
    for (const auto& [suffix, name] : names) {
      if (subdir_.ends_with(suffix)) return name;
    }
    return {};
  }

  const NodeProfile& profile_;
  const base::Environment& environment_;
  std::string_view subdir_;
  VirtualPackages made_;
};

}  // namespace

VirtualPackages virtual_packages(const NodeProfile& profile, const base::Environment& environment,
                                 std::string_view subdir) {
  return Maker(profile, environment, subdir).make();
}

conda::PackageRecord to_record(const VirtualPackage& package) {
  conda::PackageRecord record;
  record.name = package.name;
  record.version = package.version;
  record.build = package.build;
  record.channel = "@";
  return record;
}

}  // namespace hpcenv::host
