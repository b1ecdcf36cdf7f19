#include "prefix/link_scripts.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <unordered_set>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Data packages download in their scripts; nothing waits for ever.
constexpr std::chrono::hours script_deadline{1};
constexpr std::size_t shown_lines = 20;

bool names_a_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> words{"token",      "password",    "passwd",
                                                  "secret",     "api_key",     "apikey",
                                                  "credential", "private_key", "access_key"};
  const std::string lower = base::to_lower(name);
  return std::ranges::any_of(
      words, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

/// "http://user:word@host/" -> "http://host/"
std::string without_url_secrets(std::string text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(text.find_first_of("/?# ", begin), text.size());
  const std::size_t at = text.rfind('@', end);
  if (at != std::string::npos && at >= begin && at < end) text.erase(begin, at + 1 - begin);
  return text;
}

std::string script_path(const conda::PackageRecord& record, std::string_view action) {
  return fmt::format("bin/.{}-{}.sh", record.name, action);
}

std::string last_lines(const std::string& text) {
  std::vector<std::string_view> lines = base::split_lines(base::trim(text));
  const std::size_t skipped = lines.size() > shown_lines ? lines.size() - shown_lines : 0;
  std::vector<std::string> kept(lines.begin() + static_cast<std::ptrdiff_t>(skipped), lines.end());
  return base::join(kept, "\n");
}

PendingScript pending_script(const conda::PackageRecord& record, const fs::path& prefix,
                             const base::Environment& environment) {
  PendingScript script;
  script.package = record.dist_name();
  script.request.argv = {"bash", (prefix / script_path(record, "post-link")).native()};
  script.request.directory = prefix;
  script.request.deadline = script_deadline;
  base::Environment& variables = script.request.environment;
  variables = environment;
  variables.set("PREFIX", prefix.native());
  variables.set("ROOT_PREFIX", prefix.native());
  variables.set("PKG_NAME", record.name);
  variables.set("PKG_VERSION", record.version);
  variables.set("PKG_BUILDNUM", fmt::format("{}", record.build_number));
  variables.set("CONDA_PREFIX", prefix.native());
  variables.set("PATH", fmt::format("{}:{}", (prefix / "bin").native(),
                                    environment.get_or("PATH", "/usr/bin:/bin")));
  return script;
}

Failure script_failed(const PendingScript& script, const base::ProcessResult& result) {
  using End = base::ProcessResult::End;
  std::string end = fmt::format("left with code {}", result.code);
  if (result.end == End::signalled) end = fmt::format("was killed by signal {}", result.code);
  if (result.end == End::timed_out) end = "did not end within an hour";
  Failure failure = fail(ErrorKind::refused, "the post-link script of {} {}", script.package, end);
  const std::string output = last_lines(result.output + result.errors);
  if (!output.empty()) failure.error().context.push_back("its output: " + output);
  return failure;
}

}  // namespace

base::Environment without_secrets(const base::Environment& environment) {
  base::Environment clean;
  for (const auto& [name, value] : environment.all()) {
    if (!names_a_secret(name)) clean.set(name, without_url_secrets(value));
  }
  return clean;
}

Result<std::vector<PendingScript>> post_link_scripts(
    const Layout& layout, const std::vector<conda::UnpackedPackage>& packages,
    const fs::path& prefix, const base::Environment& environment) {
  std::unordered_set<std::string_view> targets;
  for (const PlannedPath& path : layout.paths) {
    if (path.target.starts_with("bin/.") || path.target == "bin/bash") targets.insert(path.target);
  }
  const base::Environment clean = without_secrets(environment);
  std::vector<PendingScript> scripts;
  for (const conda::UnpackedPackage& package : packages) {
    if (targets.contains(script_path(package.record, "pre-link"))) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{} has a pre-link script, which this hpcenv cannot run",
                                   package.record.dist_name()),
                       "choose another version of the package, or leave it out");
    }
    if (!targets.contains(script_path(package.record, "post-link"))) continue;
    scripts.push_back(pending_script(package.record, prefix, clean));
  }
  const bool has_bash = base::find_program("bash", clean).has_value();
  if (!scripts.empty() && !has_bash && !targets.contains("bin/bash")) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} has a post-link script, but there is no bash to run it",
                                 scripts.front().package),
                     "add bash to what is wanted");
  }
  return scripts;
}

Result<> run_scripts(const std::vector<PendingScript>& scripts, base::ProcessRunner& runner) {
  for (const PendingScript& script : scripts) {
    HPCENV_ASSIGN(const base::ProcessResult result, runner.run(script.request));
    if (!result.succeeded()) return script_failed(script, result);
  }
  return {};
}

std::vector<std::string> take_messages(const fs::path& prefix) {
  const fs::path file = prefix / messages_file;
  const Result<std::string> text = base::read_file(file);
  if (!text.has_value()) return {};
  base::fault_point("messages.unlink");
  unlink(file.c_str());
  std::vector<std::string> messages;
  for (const std::string_view line : base::split_lines(*text)) {
    if (!base::trim(line).empty()) messages.emplace_back(line);
  }
  return messages;
}

}  // namespace hpcenv::prefix
