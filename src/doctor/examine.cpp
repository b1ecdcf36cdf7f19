// Running checks: the quick ones one after the other, the slow ones after them, apart.
#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <string_view>
#include <utility>

#include "base/apart.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "doctor/finding.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

/// Neither a device nor a driver: D and G checks have nothing to look at.
bool has_no_gpu(const host::NodeProfile& profile) {
  const host::NvidiaFacts& nvidia = profile.nvidia;
  if (nvidia.pci_gpus > 0 || !nvidia.kernel_module.empty()) return false;
  if (nvidia.wsl || !nvidia.jetson.empty()) return false;
  return std::ranges::all_of(nvidia.libcuda, [](const host::LibcudaCandidate& candidate) {
    return candidate.found_in == "loader" && candidate.end != host::ProbeEnd::answered &&
           candidate.real_path.empty();
  });
}

bool is_gpu_check(const Check& check) {
  const std::string_view id = check.id;
  return id.starts_with('D') || id.starts_with('G');
}

Finding folded(const Subject& subject) {
  const std::string of = subject.environment == nullptr ? "" : environment_option(subject);
  const std::string command = "srun --partition=PARTITION --gpus=1 hpcenv doctor" + of;
  Finding finding = info("no NVIDIA GPU on this node");
  finding.id = "D01";
  finding.title = "NVIDIA GPUs of this node";
  finding.remedy = Remedy{
      "Nothing is wrong with that on a login node. Run the checks where jobs run, in a short one.",
      {command}};
  return finding;
}

Finding named(const Check& check, Finding finding) {
  finding.id = check.id;
  finding.title = check.title;
  return finding;
}

/// Of a check that erred: other than of one that has nothing to look at, a reader has to know.
Finding without_answer(const Check& check, const Subject& subject, std::string why) {
  Finding finding = unavailable(std::move(why));
  const std::string of = subject.environment == nullptr ? "" : environment_option(subject);
  const std::string on = subject.target.empty() ? "" : " --on " + shell_word(subject.target);
  finding.remedy = Remedy{"Nothing is known of it yet. Ask this check alone, once more.",
                          {fmt::format("hpcenv doctor {}{}{}", check.id, of, on)}};
  return finding;
}

/// Nothing of ours throws, but memory may be short; then this check alone has no answer.
Finding guarded(const Check& check, const Subject& subject) {
  try {
    return check.examine(subject);
  } catch (const std::exception& fault) {
    return without_answer(check, subject,
                          fmt::format("this check failed itself: {}", fault.what()));
  }
}

Finding examined_apart(const Check& check, const Subject& subject) {
  const auto deadline = check.cost == Cost::deep ? deep_deadline : slow_deadline;
  const base::ApartResult apart = base::run_apart(
      [&] { return base::dump_json_line(finding_to_json(guarded(check, subject))); }, deadline);
  switch (apart.end) {
    case base::ApartResult::End::answered:
      if (const auto value = base::parse_json(apart.answer, check.id)) {
        return finding_from_json(*value);
      }
      return without_answer(check, subject, "this check gave an answer that cannot be read");
    case base::ApartResult::End::timed_out:
      return without_answer(
          check, subject,
          fmt::format("no answer within {} s: does a file server hang?",
                      std::chrono::duration_cast<std::chrono::seconds>(deadline).count()));
    case base::ApartResult::End::crashed:
      return without_answer(check, subject,
                            apart.code == SIGBUS
                                ? "a file was cut off while it was read"
                                : fmt::format("this check failed itself (signal {})", apart.code));
    case base::ApartResult::End::interrupted:
      return unavailable("interrupted");
    case base::ApartResult::End::cannot_start:
      break;
  }
  return guarded(check, subject);
}

bool can_run(const Check& check, const Subject& subject) {
  if (check.needs_environment && subject.environment == nullptr) return false;
  return check.looks != Looks::here || subject.target.empty();
}

bool is_named(const Check& check, const std::string& word) {
  const std::string wanted = base::to_lower(word);
  const CheckGroup* group = group_of(check.id);
  return base::glob_match(wanted, base::to_lower(check.id)) ||
         base::glob_match(wanted, check.name) ||
         (group != nullptr && base::glob_match(wanted, group->name));
}

/// Not its group's, nor a pattern of several.
bool is_its_own_name(const Check& check, const std::string& word) {
  const std::string wanted = base::to_lower(word);
  return wanted == base::to_lower(check.id) || wanted == check.name;
}

Result<> require_known(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const bool known = std::ranges::any_of(
        all_checks(), [&](const Check& check) { return is_named(check, word); });
    if (known) continue;
    return fail_hint(ErrorKind::usage, fmt::format("there is no check '{}'", word),
                     "`hpcenv doctor --list` shows the checks; a group such as 'driver' will do");
  }
  return {};
}

/// The shell is one, whatever the nodes.
bool looks_at_node(std::string_view id) {
  const std::span<const Check> checks = all_checks();
  const auto check =
      std::ranges::find_if(checks, [&](const Check& candidate) { return id == candidate.id; });
  return check == checks.end() || check->looks != Looks::in_shell;
}

int rank(Severity severity) {
  constexpr std::array order = {Severity::pass, Severity::info, Severity::unavailable,
                                Severity::warning, Severity::failure};
  return static_cast<int>(std::ranges::find(order, severity) - order.begin());
}

}  // namespace

Result<std::vector<Check>> select_checks(const Selection& selection) {
  HPCENV_TRY(require_known(selection.words));
  std::vector<Check> chosen;
  for (const Check& check : all_checks()) {
    const auto any = [&](bool (*asks)(const Check&, const std::string&)) {
      return std::ranges::any_of(selection.words,
                                 [&](const std::string& word) { return asks(check, word); });
    };
    const bool named_one = selection.words.empty() || any(is_named);
    const bool deep_enough = check.cost != Cost::deep || selection.deep || any(is_its_own_name);
    if (named_one && deep_enough && (!selection.job || check.in_job)) chosen.push_back(check);
  }
  return chosen;
}

bool anyone_asks(std::span<const Check> checks, Asks what, const Subject& subject) {
  return std::ranges::any_of(
      checks, [&](const Check& check) { return check.asks == what && can_run(check, subject); });
}

std::vector<Finding> examine(const Subject& subject, std::span<const Check> checks) {
  std::vector<std::optional<Finding>> found(checks.size());
  const bool fold = has_no_gpu(*subject.profile);
  bool told = false;
  for (const bool slow : {false, true}) {
    for (std::size_t i = 0; i < checks.size(); ++i) {
      const Check& check = checks[i];
      if (!can_run(check, subject) || slow != (check.cost != Cost::quick)) continue;
      if (fold && is_gpu_check(check)) {
        if (!std::exchange(told, true)) found[i] = folded(subject);
        continue;
      }
      found[i] = named(check, slow ? examined_apart(check, subject) : guarded(check, subject));
    }
  }
  std::vector<Finding> findings;
  for (std::optional<Finding>& finding : found) {
    if (finding) findings.push_back(*std::move(finding));
  }
  return findings;
}

std::vector<Finding> worst_of(const std::vector<std::vector<Finding>>& findings,
                              const std::vector<std::string>& nodes) {
  std::vector<Finding> worst;
  for (std::size_t node = 0; node < findings.size(); ++node) {
    for (const Finding& finding : findings[node]) {
      Finding mine = finding;
      if (findings.size() > 1 && looks_at_node(mine.id))
        mine.evidence.insert(mine.evidence.begin(), "on " + nodes[node]);
      const auto same = std::ranges::find(worst, finding.id, &Finding::id);
      if (same == worst.end()) {
        worst.push_back(std::move(mine));
      } else if (rank(mine.severity) > rank(same->severity)) {
        *same = std::move(mine);
      }
    }
  }
  return worst;
}

}  // namespace hpcenv::doctor
