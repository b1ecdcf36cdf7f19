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
    const bool osx = subdir_.starts_with("osx-");
    const bool windows = subdir_.starts_with("win-");
    const bool unix =
        linux || osx || subdir_.starts_with("freebsd-") || subdir_.starts_with("emscripten-");
    if (unix) add({"__unix", "0", "0", Origin::detected, "the platform"});
    if (windows) add_unknown("__win", "CONDA_OVERRIDE_WIN");
    if (osx) add_unknown("__osx", "CONDA_OVERRIDE_OSX");
    if (linux) add_linux_family();
    if (linux || windows) add_cuda_family();
    add_archspec();
    warn_of_other_platforms();
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

  void warn_of_other_platforms() {
    warn_unused("CONDA_OVERRIDE_UNIX", "__unix cannot be overridden (CEP 30)");
    constexpr std::array variables = {
        std::pair{"CONDA_OVERRIDE_LINUX", "linux-"}, std::pair{"CONDA_OVERRIDE_GLIBC", "linux-"},
        std::pair{"CONDA_OVERRIDE_OSX", "osx-"}, std::pair{"CONDA_OVERRIDE_WIN", "win-"}};
    for (const auto& [variable, platform] : variables) {
      if (subdir_.starts_with(platform)) continue;
      warn_unused(variable, fmt::format("{} is no such platform", subdir_));
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

  /// Of a platform that this program never runs on.
  void add_unknown(const std::string& name, const std::string& variable) {
    if (add_overridden(name, variable)) return;
    add({name, "0", "0", Origin::assumed, "unknown from this machine"});
  }

  void add_linux_family() {
    if (!overrides_linux()) add_linux();
    if (!add_overridden("__glibc", "CONDA_OVERRIDE_GLIBC")) add_glibc();
  }

  void add_cuda_family() {
    if (add_cuda()) {
      add_cuda_arch();
    } else {
      warn_unused("CONDA_OVERRIDE_CUDA_ARCH", "without __cuda there is no __cuda_arch (CEP 46)");
    }
  }

  /// Two to four numbers and nothing else (CEP 30).
  bool overrides_linux() {
    const std::string variable = "CONDA_OVERRIDE_LINUX";
    const std::string value(base::trim(environment_.get_or(variable, "")));
    const std::vector<std::string_view> numbers = base::split(value, '.');
    const bool usable = numbers.size() >= 2 && numbers.size() <= 4 &&
                        std::ranges::all_of(numbers, [](std::string_view number) {
                          return base::parse_unsigned(number).has_value();
                        });
    if (value.empty() || usable) return add_overridden("__linux", variable);
    made_.warnings.push_back(fmt::format(
        "{}={} is not used: a kernel's version is written like 5.14 or 5.14.0", variable, value));
    return false;
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
    const std::string given(base::trim(environment_.get_or("CONDA_OVERRIDE_ARCHSPEC", "")));
    if (is_build(given)) {
      add({"__archspec", "1", given, Origin::overridden, "CONDA_OVERRIDE_ARCHSPEC"});
      return;
    }
    if (!given.empty()) {
      made_.warnings.push_back(fmt::format(
          "CONDA_OVERRIDE_ARCHSPEC={} is not used: that is no name of a microarchitecture", given));
    }
    if (is_native() && !profile_.cpu.empty()) {
      add({"__archspec", "1", profile_.cpu, Origin::detected, "/proc/cpuinfo"});
    } else {
      add({"__archspec", "0", plain_architecture(), Origin::assumed, "the platform"});
    }
  }

  /// The characters of a build string (CEP 26).
  static bool is_build(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("_.+").contains(c);
    });
  }

  /// CEP 30, appendix A.
  std::string plain_architecture() const {
    const std::string_view second = subdir_.substr(std::min(subdir_.find('-') + 1, subdir_.size()));
    if (second == "64") return "x86_64";
    if (second == "32") return "x86";
    if (second == "arm64") return "aarch64";
    return std::string(second);
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
