#include "cli/doctor_checks.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"
#include "doctor/finding.hpp"

namespace hpcenv::cli {
namespace {

using doctor::Check;
using doctor::CheckGroup;
using doctor::Cost;
using doctor::Looks;

const char* name_of(Looks looks) {
  switch (looks) {
    case Looks::at_profile:
      return "profile";
    case Looks::in_shell:
      return "shell";
    case Looks::here:
      return "here";
  }
  return "";
}

const char* name_of(Cost cost) {
  switch (cost) {
    case Cost::quick:
      return "quick";
    case Cost::slow:
      return "slow";
    case Cost::deep:
      return "deep";
  }
  return "";
}

const char* yes(bool value) { return value ? "yes" : ""; }

/// A cell of a Markdown table.
std::string cell(std::string_view text) { return base::replace_all(std::string(text), "|", "\\|"); }

constexpr std::string_view about =
    R"(# The doctor's checks

Made from the program's own table by `hpcenv doctor --list --markdown`; a test keeps it current.

`hpcenv doctor` asks all of them, `hpcenv doctor CHECK...` those whose id, name or group is named (`D04`, `libcuda.stub`, `driver`, `P*`).
A line of the report stands for a group; below it is what warns or fails, with what was seen and what to do. `-v` shows every finding. The
exit code is 1 where a check failed, and 0 where there are warnings only.

| column | says |
|---|---|
| looks | where the answer is found. `profile`: in what is known of a node, so that it is asked of a target (`--on`) too. `shell`: in the variables of the shell that one types in, which jobs inherit; with `--on`, too. `here`: in files, variables or limits of the machine that hpcenv runs on; not with `--on` |
| cost | `slow` ones read much, or from where a file server may hang: they run last, each in a process of its own that is given up after 20 s. `deep` ones take minutes, and run with `--deep` or by name only |
| environment | whether it needs one (`-n` or `-p`); without one it is left out |
| `--job` | whether an allocation may show something else than the node: these are what `--job` asks |

A finding is `pass`, `info` (nothing is wrong with it), `warning`, `failure`, or `unavailable`: the question has no answer there, or the check
itself failed. On a node without an NVIDIA GPU the checks of driver and GPUs are one finding, `D01`.
)";

std::string group_section(const CheckGroup& group) {
  std::string text = fmt::format(
      "\n## {} (`{}`)\n\n| id | name | looks at | looks | cost | environment | `--job` |\n"
      "|---|---|---|---|---|---|---|\n",
      group.title, group.name);
  for (const Check& check : group.checks) {
    text += fmt::format("| {} | `{}` | {} | {} | {} | {} | {} |\n", check.id, check.name,
                        cell(check.title), name_of(check.looks), name_of(check.cost),
                        yes(check.needs_environment), yes(check.in_job));
  }
  return text;
}

}  // namespace

std::string check_list_text() {
  std::size_t width = 0;
  for (const Check& check : doctor::all_checks()) {
    width = std::max(width, std::string_view(check.name).size());
  }
  std::string text;
  for (const CheckGroup& group : doctor::all_groups()) {
    text += fmt::format("{}{} ({})\n", text.empty() ? "" : "\n", group.title, group.name);
    for (const Check& check : group.checks) {
      text += fmt::format("  {}  {:<{}}  {}\n", check.id, check.name, width, check.title);
    }
  }
  return text;
}

base::Json check_list_json() {
  base::Json list = base::Json::array();
  for (const CheckGroup& group : doctor::all_groups()) {
    for (const Check& check : group.checks) {
      base::Json value;
      value["id"] = check.id;
      value["name"] = check.name;
      value["title"] = check.title;
      value["group"] = group.name;
      value["looks"] = name_of(check.looks);
      value["cost"] = name_of(check.cost);
      value["needs_environment"] = check.needs_environment;
      value["in_job"] = check.in_job;
      list.push_back(std::move(value));
    }
  }
  return list;
}

std::string check_list_page() {
  std::string text(about);
  for (const CheckGroup& group : doctor::all_groups()) text += group_section(group);
  return text;
}

}  // namespace hpcenv::cli
