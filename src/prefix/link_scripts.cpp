#include "prefix/link_scripts.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <unordered_set>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/paths_json.hpp"
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

std::string last_lines(const std::string& text) {
  std::vector<std::string_view> lines = base::split_lines(base::trim(text));
  const std::size_t skipped = lines.size() > shown_lines ? lines.size() - shown_lines : 0;
  std::vector<std::string> kept(lines.begin() + static_cast<std::ptrdiff_t>(skipped), lines.end());
  return base::join(kept, "\n");
}

/// What tells a script that failed from one that has not had its turn.
constexpr std::string_view failed_ending = ".failed";

std::vector<std::string> waiting_scripts(const fs::path& prefix) {
  Result<std::vector<std::string>> names = base::list_directory(prefix / scripts_folder);
  if (!names.has_value()) return {};
  const std::string mark = fs::path(pending_scripts_file).filename().native();
  std::erase_if(*names,
                [&](const std::string& name) { return name == mark || name.starts_with('.'); });
  return std::move(*names);
}

PendingScript pending_script(const LinkScript& script, const fs::path& file, const fs::path& prefix,
                             const base::Environment& environment) {
  PendingScript pending;
  pending.package = script.package();
  pending.action = script.action;
  pending.text = link_script_text(script);
  pending.request = script_request(script, file, prefix, environment);
  return pending;
}

Failure script_failed(const PendingScript& script, const base::ProcessResult& result) {
  using End = base::ProcessResult::End;
  std::string end = fmt::format("left with code {}", result.code);
  if (result.end == End::signalled) end = fmt::format("was killed by signal {}", result.code);
  if (result.end == End::timed_out) end = "did not end within an hour";
  Failure failure =
      fail(ErrorKind::refused, "the {} script of {} {}", script.action, script.package, end);
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

std::string LinkScript::path() const { return fmt::format("bin/.{}-{}.sh", name, action); }

std::string link_script_text(const LinkScript& script) {
  base::Json object;
  object["action"] = script.action;
  object["name"] = script.name;
  object["version"] = script.version;
  object["build"] = script.build;
  object["build_number"] = script.build_number;
  object["source"] = script.source;
  return base::dump_json_line(object);
}

Result<LinkScript> parse_link_script(std::string_view text, std::string_view name) {
  HPCENV_ASSIGN(const base::Json object, base::parse_json(text, std::string(name)));
  LinkScript script;
  if (object.is_object()) {
    script.action = base::string_or(object, "action");
    script.name = base::string_or(object, "name");
    script.version = base::string_or(object, "version");
    script.build = base::string_or(object, "build");
    script.build_number = base::integer_or(object, "build_number");
    script.source = base::string_or(object, "source");
  }
  const bool is_plain = conda::is_safe_relative_path(script.name) &&
                        script.name.find('/') == std::string::npos && !script.action.empty();
  if (!is_plain) return fail(ErrorKind::refused, "{} names no link script", name);
  return script;
}

base::ProcessRequest script_request(const LinkScript& script, const fs::path& file,
                                    const fs::path& prefix, const base::Environment& environment) {
  base::ProcessRequest request;
  request.argv = {"bash", file.native()};
  request.directory = prefix;
  request.deadline = script_deadline;
  base::Environment& variables = request.environment;
  variables = without_secrets(environment);
  variables.set("PREFIX", prefix.native());
  variables.set("ROOT_PREFIX", prefix.native());
  variables.set("PKG_NAME", script.name);
  variables.set("PKG_VERSION", script.version);
  variables.set("PKG_BUILDNUM", fmt::format("{}", script.build_number));
  variables.set("CONDA_PREFIX", prefix.native());
  if (script.action == "pre-link") variables.set("SOURCE_DIR", script.source);
  variables.set("PATH", fmt::format("{}:{}", (prefix / "bin").native(),
                                    environment.get_or("PATH", "/usr/bin:/bin")));
  return request;
}

std::vector<LinkScript> scripts_in(const Layout& layout,
                                   const std::vector<conda::UnpackedPackage>& packages,
                                   std::string_view action) {
  std::unordered_set<std::string_view> targets;
  for (const PlannedPath& path : layout.paths) {
    if (path.target.starts_with("bin/.")) targets.insert(path.target);
  }
  std::vector<LinkScript> scripts;
  for (const conda::UnpackedPackage& package : packages) {
    const conda::PackageRecord& record = package.record;
    LinkScript script{std::string(action), record.name,         record.version,
                      record.build,        record.build_number, package.directory.native()};
    if (targets.contains(script.path())) scripts.push_back(std::move(script));
  }
  return scripts;
}

Result<> require_bash(const std::vector<LinkScript>& scripts, const Layout& layout,
                      const fs::path& prefix, const base::Environment& environment) {
  if (scripts.empty() || base::find_program("bash", environment).has_value()) return {};
  const auto is_bash = [](const PlannedPath& path) { return path.target == "bin/bash"; };
  if (std::ranges::any_of(layout.paths, is_bash) || base::path_exists(prefix / "bin/bash")) {
    return {};
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} has a {} script, but there is no bash to run it",
                               scripts.front().package(), scripts.front().action),
                   "add bash to what is wanted");
}

Result<std::vector<PendingScript>> post_link_scripts(
    const Layout& layout, const std::vector<conda::UnpackedPackage>& packages,
    const fs::path& prefix, const LinkOptions& options) {
  std::vector<PendingScript> pending;
  if (options.scripts == LinkOptions::Scripts::leave) return pending;
  const std::vector<LinkScript> scripts = scripts_in(layout, packages, "post-link");
  HPCENV_TRY(require_bash(scripts, layout, prefix, options.environment));
  for (const LinkScript& script : scripts) {
    pending.push_back(pending_script(script, prefix / script.path(), prefix, options.environment));
  }
  return pending;
}

Result<> run_script(const PendingScript& script, base::ProcessRunner& runner) {
  HPCENV_ASSIGN(const base::ProcessResult result, runner.run(script.request));
  if (!result.succeeded()) return script_failed(script, result);
  return {};
}

Result<> run_scripts(const std::vector<PendingScript>& scripts, base::ProcessRunner& runner) {
  for (const PendingScript& script : scripts) HPCENV_TRY(run_script(script, runner));
  return {};
}

std::string pending_script_file(std::string_view writer, std::size_t number) {
  return fmt::format("{}/{}-{:05}", scripts_folder, writer, number);
}

bool has_pending_scripts(const fs::path& prefix) {
  const std::vector<std::string> names = waiting_scripts(prefix);
  return std::ranges::any_of(
      names, [](const std::string& name) { return !name.ends_with(failed_ending); });
}

std::vector<std::string> failed_scripts(const fs::path& prefix) {
  std::vector<std::string> packages;
  for (const std::string& name : waiting_scripts(prefix)) {
    if (!name.ends_with(failed_ending)) continue;
    const Result<std::string> text = base::read_file(prefix / scripts_folder / name);
    if (!text.has_value()) continue;
    const Result<LinkScript> script = parse_link_script(*text, name);
    if (script.has_value()) packages.push_back(script->package());
  }
  return packages;
}

namespace {

/// Runs one that waits; its file goes, or is marked.
Result<> run_waiting(const fs::path& prefix, const std::string& name,
                     const base::Environment& environment, base::ProcessRunner& runner) {
  const fs::path file = prefix / scripts_folder / name;
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const LinkScript script, parse_link_script(text, file.native()));
  const fs::path record = prefix / meta_folder / fmt::format("{}.json", script.package());
  const bool is_there = base::path_exists(record) && base::path_exists(prefix / script.path());
  Result<> ran;
  if (is_there) {
    ran = run_script(pending_script(script, prefix / script.path(), prefix, environment), runner);
  }
  if (ran.has_value()) {
    base::fault_point("scripts.unlink");
    unlink(file.c_str());
    return ran;
  }
  if (ran.error().kind == ErrorKind::refused && !name.ends_with(failed_ending)) {
    base::fault_point("scripts.mark");
    HPCENV_TRY(base::rename_path(file, file.native() + std::string(failed_ending)));
  }
  return ran;
}

}  // namespace

Result<> run_pending_scripts(const fs::path& prefix, const base::Environment& environment,
                             base::ProcessRunner& runner) {
  Result<> first;
  for (const std::string& name : waiting_scripts(prefix)) {
    Result<> ran = run_waiting(prefix, name, environment, runner);
    if (ran.has_value()) continue;
    if (ran.error().kind != ErrorKind::refused) return ran;
    if (first.has_value()) first = std::move(ran);
  }
  if (!first.has_value()) {
    return Failure(with_hint(std::move(first).error(),
                             "the packages are installed; the next command that changes the "
                             "environment runs the script again"));
  }
  if (!base::path_exists(prefix / scripts_folder)) return {};
  base::fault_point("scripts.forget");
  unlink((prefix / pending_scripts_file).c_str());
  base::fault_point("scripts.rmdir");
  rmdir((prefix / scripts_folder).c_str());
  return {};
}

std::vector<std::string> take_messages(const fs::path& prefix) {
  return messages_from(prefix / messages_file);
}

std::vector<std::string> messages_from(const fs::path& file) {
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
