// E05 and E08, of the group shell: other conda installations, and whose programs PATH finds.
#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/shell_facts.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

namespace fs = std::filesystem;

/// The environment whose programs a directory of PATH holds; empty where it is no environment's.
std::string environment_of(const Subject& subject, const std::string& entry) {
  fs::path folder = fs::path(entry).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  if (folder.filename() != "bin") return {};
  const std::string prefix = folder.parent_path().native();
  return subject.reader->exists(prefix + "/conda-meta/history") ? prefix : std::string();
}

std::string own_prefix(const Subject& subject) {
  return subject.environment == nullptr ? "" : subject.environment->prefix.native();
}

/// Environments on PATH besides the examined and the active one, the first first.
std::vector<std::string> environments_on_path(const Subject& subject) {
  std::vector<std::string> found;
  const std::string active = shell_variable(subject, "CONDA_PREFIX");
  for (const std::string& entry : shell_entries(subject, "PATH")) {
    const std::string prefix = environment_of(subject, entry);
    const bool known = prefix.empty() || prefix == own_prefix(subject) || prefix == active ||
                       std::ranges::find(found, prefix) != found.end();
    if (!known) found.push_back(prefix);
  }
  return found;
}

/// Start-up files in which conda or mamba put themselves, and configuration that hpcenv reads too.
std::vector<std::string> traces(const Subject& subject) {
  std::vector<std::string> lines;
  for (const char* mark : {"# >>> conda initialize >>>", "# >>> mamba initialize >>>"}) {
    for (std::string& line : startup_lines(subject, mark)) lines.push_back(std::move(line));
  }
  const std::string condarc = shell_variable(subject, "HOME") + "/.condarc";
  if (subject.reader->exists(condarc)) lines.push_back(condarc + ": hpcenv reads it too");
  return lines;
}

bool activates_base(const std::vector<std::string>& lines) {
  return std::ranges::any_of(lines, [](const std::string& line) {
    return line.find("# >>> conda initialize >>>") != std::string::npos;
  });
}

Finding other_active(const std::string& active, std::vector<std::string> evidence) {
  return with_evidence(
      warning(fmt::format("the environment {} is active in this shell, and jobs that it submits "
                          "inherit that; `hpcenv run` and hpcenv's job scripts leave it aside",
                          active),
              {"Leave it before you use another by hand.", {"conda deactivate"}}),
      std::move(evidence));
}

Finding others_on_path(const Subject& subject, const std::vector<std::string>& others,
                       std::vector<std::string> evidence) {
  const std::string list = base::join(others, ", ");
  const bool starts = activates_base(evidence);
  const std::string path = shell_variable(subject, "PATH");
  std::vector<std::string> others_bin;
  for (const std::string& entry : shell_entries(subject, "PATH")) {
    const std::string prefix = environment_of(subject, entry);
    if (std::ranges::find(others, prefix) != others.end()) others_bin.push_back(entry);
  }
  Remedy remedy{"Keep conda from putting its base environment into every shell.",
                {"conda config --set auto_activate_base false"}};
  if (!starts) {
    remedy = {"Take its directory out of PATH, in the start-up file or module that puts it there.",
              {drop_entries_command("PATH", path, others_bin)}};
  }
  return with_evidence(warning("another conda installation is on PATH: " + list, std::move(remedy)),
                       std::move(evidence));
}

}  // namespace

Finding examine_other_conda(const Subject& subject) {
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  std::vector<std::string> evidence = traces(subject);
  for (const char* name : {"CONDA_SHLVL", "MAMBA_ROOT_PREFIX", "CONDA_EXE"}) {
    const std::string value = shell_variable(subject, name);
    if (!value.empty()) evidence.push_back(fmt::format("{}={}", name, value));
  }
  const std::string active = shell_variable(subject, "CONDA_PREFIX");
  const bool other = !active.empty() && active != own_prefix(subject);
  if (other && subject.environment != nullptr) return other_active(active, std::move(evidence));
  const std::vector<std::string> others = environments_on_path(subject);
  if (!others.empty()) return others_on_path(subject, others, std::move(evidence));
  if (other) return with_evidence(info("the environment " + active + " is active"), evidence);
  if (activates_base(evidence)) {
    return with_evidence(
        info("conda starts in every interactive shell; hpcenv's commands and jobs leave it aside"),
        std::move(evidence));
  }
  return with_evidence(pass("no other conda environment is active or on PATH"),
                       std::move(evidence));
}

namespace {

/// The environment that this shell is to use: the active one.
std::string active_environment(const Subject& subject) {
  const std::string active = shell_variable(subject, "CONDA_PREFIX");
  const std::string own = own_prefix(subject);
  return own.empty() || own == active ? active : std::string();
}

std::string first_on_path(const Subject& subject, const std::string& program) {
  for (const std::string& entry : shell_entries(subject, "PATH")) {
    std::string path = (fs::path(entry) / program).lexically_normal().native();
    if (subject.reader->exists(path)) return path;
  }
  return {};
}

}  // namespace

Finding examine_path(const Subject& subject) {
  if (subject.reader == nullptr) return unavailable("nobody looks at this machine");
  const std::string prefix = active_environment(subject);
  if (prefix.empty()) {
    return pass("no environment is active here; `hpcenv run` puts its own programs first");
  }
  constexpr std::array programs = {"python", "pip",   "nvcc",  "gcc",     "cmake",
                                   "mpirun", "mpicc", "ptxas", "jupyter", "ipython"};
  std::vector<std::string> hidden;
  for (const char* program : programs) {
    const std::string own = fmt::format("{}/bin/{}", prefix, program);
    if (!subject.reader->exists(own)) continue;
    const std::string first = first_on_path(subject, program);
    if (first == own) continue;
    hidden.push_back(first.empty() ? own + " is not on PATH"
                                   : fmt::format("{} instead of {}", first, own));
  }
  if (hidden.empty()) return pass("programs of the active environment come first");
  Finding finding = warning(
      "the environment is active, but other programs come before its own: " + hidden.front(),
      {"Put its programs first again (a module or a start-up file came after it).",
       {fmt::format("export PATH={}:\"$PATH\"", shell_word(prefix + "/bin"))}});
  for (std::string& line : where_set(subject, "PATH=")) hidden.push_back(std::move(line));
  return with_evidence(std::move(finding), std::move(hidden));
}

}  // namespace hpcenv::doctor
