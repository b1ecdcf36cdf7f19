// P11, P12: nvcc's host compiler, and variables that name another toolkit than the environment's.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/shell_facts.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

/// The end of names of packages that are for one platform: "linux-64".
std::string platform_of(const Subject& subject) {
  const std::string& machine = subject.profile->machine;
  return "linux-" + (machine == "x86_64" ? "64" : machine);
}

std::string compiler_package(const Subject& subject) { return "gcc_impl_" + platform_of(subject); }

/// The limit that the compiler's own package states.
std::optional<conda::MatchSpec> limit_of(const Subject& subject) {
  const std::string compiler = compiler_package(subject);
  for (const std::string& name : {std::string("cuda-nvcc-tools"), std::string("cuda-nvcc-impl"),
                                  "cuda-nvcc-dev_" + platform_of(subject)}) {
    const conda::PrefixRecord* package = find_package(subject, name);
    if (package == nullptr) continue;
    for (const std::string& text : package->record.constrains) {
      if (!text.starts_with(compiler)) continue;
      if (auto spec = conda::MatchSpec::parse(text)) return *std::move(spec);
    }
  }
  return std::nullopt;
}

bool is_within(const conda::MatchSpec& limit, const std::string& version) {
  conda::PackageRecord record;
  record.name = limit.name.text();
  record.version = version;
  return limit.matches(record);
}

/// The compiler that nvcc calls, and what says so.
struct HostCompiler {
  std::string path;  ///< empty: the environment's own
  std::string version;
  std::string named_by;  ///< a variable; empty: the environment, or PATH
};

/// The value of -ccbin in options of nvcc.
std::string ccbin_in(const std::string& options) {
  const std::vector<std::string_view> words = base::split_words(options);
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (const std::string_view start : {"-ccbin=", "--compiler-bindir="}) {
      if (words[i].starts_with(start)) return std::string(words[i].substr(start.size()));
    }
    const bool separate = words[i] == "-ccbin" || words[i] == "--compiler-bindir";
    if (separate && i + 1 < words.size()) return std::string(words[i + 1]);
  }
  return {};
}

std::string find_program(const Subject& subject, const std::string& name) {
  if (name.find('/') != std::string::npos) return subject.reader->exists(name) ? name : "";
  const std::string path = shell_variable(subject, "PATH");
  for (const std::string_view folder : base::split(path, ':')) {
    const std::string candidate = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && subject.reader->exists(candidate)) return candidate;
  }
  return {};
}

/// By the name that a link ends at (g++-12), or by the one version below ../lib/gcc; empty where
/// neither tells.
std::string version_of_compiler(const host::HostReader& reader, const std::string& path) {
  const std::string real = reader.real_path(path).value_or(path);
  const std::string_view digits = std::string_view(real).substr(real.rfind('-') + 1);
  if (real.rfind('-') != std::string::npos && base::parse_unsigned(base::split(digits, '.')[0])) {
    return std::string(digits);
  }
  const std::string root = real.substr(0, real.rfind('/')) + "/..";
  std::vector<std::string> versions;
  for (const char* folder : {"lib/gcc", "lib64/gcc", "libexec/gcc"}) {
    const std::string base = fmt::format("{}/{}", root, folder);
    for (const std::string& machine : reader.list(base)) {
      for (const std::string& version : reader.list(fmt::format("{}/{}", base, machine))) {
        if (base::parse_unsigned(base::split(version, '.')[0])) versions.push_back(version);
      }
    }
    if (!versions.empty()) break;
  }
  return versions.size() == 1 ? versions.front() : std::string();
}

std::optional<HostCompiler> named_compiler(const Subject& subject) {
  const std::array named = {
      std::pair{"NVCC_APPEND_FLAGS", ccbin_in(shell_variable(subject, "NVCC_APPEND_FLAGS"))},
      std::pair{"NVCC_PREPEND_FLAGS", ccbin_in(shell_variable(subject, "NVCC_PREPEND_FLAGS"))},
      std::pair{"NVCC_CCBIN", shell_variable(subject, "NVCC_CCBIN")}};
  for (const auto& [variable, value] : named) {
    if (value.empty()) continue;
    const std::string path = find_program(subject, value);
    return HostCompiler{value, version_of_compiler(*subject.reader, path.empty() ? value : path),
                        variable};
  }
  return std::nullopt;
}

std::optional<HostCompiler> host_compiler(const Subject& subject) {
  if (auto named = named_compiler(subject)) return named;
  if (const auto* own = find_package(subject, compiler_package(subject))) {
    return HostCompiler{"", own->record.version, ""};
  }
  for (const std::string& name : {shell_variable(subject, "CXX"), std::string("g++")}) {
    const std::string path = name.empty() ? "" : find_program(subject, name);
    if (path.empty()) continue;
    return HostCompiler{path, version_of_compiler(*subject.reader, path),
                        name == "g++" ? "" : "CXX"};
  }
  return std::nullopt;
}

Remedy own_compiler(const Subject& subject, const conda::MatchSpec& limit) {
  return {"Put a compiler that nvcc takes into the environment.",
          {fmt::format(
              "hpcenv install{} {}", environment_option(subject),
              shell_word(fmt::format("gxx_{} {}", platform_of(subject), limit.version.text())))}};
}

Finding wrong_compiler(const Subject& subject, const HostCompiler& compiler,
                       const conda::MatchSpec& limit) {
  Remedy remedy = own_compiler(subject, limit);
  if (!compiler.named_by.empty() && find_package(subject, compiler_package(subject)) != nullptr) {
    remedy = {"Let nvcc take the environment's own compiler.", {"unset " + compiler.named_by}};
  }
  return warning(
      fmt::format("nvcc here takes GCC {}, but the compiler that it would call, {}, is {}",
                  limit.version.text(),
                  compiler.path.empty() ? "the environment's own" : compiler.path,
                  compiler.version),
      std::move(remedy));
}

/// Whether a path lies in the environment.
bool is_inside(const Subject& subject, const std::string& path) {
  const std::string prefix = subject.environment->prefix.native();
  const auto below = [&](const std::string& place) {
    return place == prefix || place.starts_with(prefix + "/");
  };
  return below(path) || below(subject.reader->real_path(path).value_or(path));
}

std::vector<std::string> loaded_toolkits(const Subject& subject) {
  std::vector<std::string> modules;
  const std::string loaded = shell_variable(subject, "LOADEDMODULES");
  for (const std::string_view module : base::split(loaded, ':')) {
    const std::string name = base::to_lower(module);
    if (name.starts_with("cuda") || name.starts_with("nvhpc")) modules.emplace_back(module);
  }
  return modules;
}

}  // namespace

Finding examine_host_compiler(const Subject& subject) {
  if (find_package(subject, "cuda-nvcc-tools") == nullptr) {
    return pass("this environment has no nvcc");
  }
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  const auto limit = limit_of(subject);
  if (!limit) return unavailable("the package of nvcc does not say which GCC it takes");
  const auto compiler = host_compiler(subject);
  if (!compiler) {
    return warning("nvcc is here, but no C++ compiler that it could call",
                   own_compiler(subject, *limit));
  }
  if (compiler->version.empty()) {
    return unavailable(fmt::format("the version of {} is not known; nvcc here takes GCC {}",
                                   compiler->path, limit->version.text()));
  }
  if (!is_within(*limit, compiler->version)) return wrong_compiler(subject, *compiler, *limit);
  return pass(fmt::format("nvcc takes the compiler {} {}",
                          compiler->path.empty() ? "of the environment," : compiler->path,
                          compiler->version));
}

Finding examine_cuda_home(const Subject& subject) {
  const bool has_nvcc = find_package(subject, "cuda-nvcc-tools") != nullptr;
  if (!toolkit_of(subject) && !has_nvcc) return pass("this environment holds no CUDA toolkit");
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  std::vector<std::string> evidence;
  std::string variables;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDACXX"}) {
    const std::string value = shell_variable(subject, name);
    if (value.empty() || is_inside(subject, value)) continue;
    evidence.push_back(fmt::format("{}={}", name, value));
    variables += std::string(" ") + name;
  }
  const std::string nvcc = find_program(subject, "nvcc");
  if (!nvcc.empty() && !is_inside(subject, nvcc)) evidence.push_back(nvcc + " is first in PATH");
  if (evidence.empty()) return pass("no variable names another CUDA toolkit");
  const std::vector<std::string> modules = loaded_toolkits(subject);
  Remedy remedy{"Take them away before this environment is used to build something.",
                {"unset" + variables}};
  if (!modules.empty()) {
    remedy.text = "Take the modules away that set them, before this environment is used.";
    remedy.commands = {"module unload " + base::join(modules, " ")};
  } else if (variables.empty()) {
    remedy = {"Let the environment's own come first.",
              {fmt::format("eval \"$(hpcenv shell-hook bash)\" && hpcenv activate {}",
                           shell_word(subject.environment_name))}};
  }
  return with_evidence(
      warning("another CUDA toolkit than the environment's is named: programs that are built here "
              "may take half of each",
              std::move(remedy)),
      std::move(evidence));
}

}  // namespace hpcenv::doctor
