#include "ops/runnable.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "doctor/make_finding.hpp"
#include "host/cuda_tables.hpp"
#include "ops/explain.hpp"

namespace hpcenv::ops {
namespace {

using conda::PackageRecord;
using doctor::Finding;

struct Judge {
  std::string_view check;
  std::array<std::string_view, 2> facts;  ///< virtual packages that have to be as detected
  bool in_solver;                         ///< packages' own constraints forbid the same
};

constexpr std::array judges_of_all = {
    Judge{"P01", {"__cuda", {}}, false},          Judge{"P02", {"__cuda", {}}, false},
    Judge{"P05", {"__cuda_arch", {}}, false},     Judge{"P07", {"__cuda_arch", {}}, false},
    Judge{"H01", {"__glibc", {}}, true},          Judge{"H02", {"__archspec", {}}, true},
    Judge{"P10", {"__cuda", "__cuda_arch"}, true}};

const host::VirtualPackage* find_virtual(const Machine& machine, std::string_view name) {
  const auto& packages = machine.virtual_packages.packages;
  const auto found = std::ranges::find(packages, name, &host::VirtualPackage::name);
  return found == packages.end() ? nullptr : &*found;
}

bool is_detected(const Machine& machine, std::string_view name) {
  const host::VirtualPackage* package = find_virtual(machine, name);
  return package != nullptr && package->origin == host::VirtualPackage::Origin::detected;
}

bool can_judge(const Machine& machine, const Judge& judge) {
  return std::ranges::all_of(judge.facts, [&](std::string_view fact) {
    return fact.empty() || is_detected(machine, fact);
  });
}

std::vector<doctor::Check> checks_for(const Machine& machine, Judges judges) {
  std::vector<doctor::Check> checks;
  for (const doctor::Check& check : doctor::all_checks()) {
    const auto judge = std::ranges::find(judges_of_all, check.id, &Judge::check);
    if (judge == judges_of_all.end() || !can_judge(machine, *judge)) continue;
    if (judges == Judges::all || !judge->in_solver) checks.push_back(check);
  }
  return checks;
}

/// What a virtual package says that satisfies whatever is asked of it.
struct Generous {
  std::string_view name;
  const char* version;
  const char* build;
};
constexpr std::array generous = {
    Generous{"__cuda", "13.99", "0"}, Generous{"__cuda_arch", "12.1", "0"},
    Generous{"__glibc", "2.99", "0"}, Generous{"__archspec", "1", "x86_64_v4"}};

/// The request on a machine that offers everything.
solve::SolveRequest lifted(const solve::SolveRequest& wanted) {
  solve::SolveRequest request = wanted;
  for (const Generous& offer : generous) {
    std::erase_if(request.virtual_packages,
                  [&](const PackageRecord& record) { return record.name == offer.name; });
    PackageRecord record;
    record.name = offer.name;
    record.version = offer.version;
    record.build = offer.build;
    request.virtual_packages.push_back(std::move(record));
  }
  return request;
}

bool names_machine(const solve::Conflict& conflict) {
  return std::ranges::any_of(conflict.lines, [](const std::string& line) {
    return std::ranges::any_of(generous,
                               [&](const Generous& offer) { return line.contains(offer.name); });
  });
}

/// Failures that what is installed does not have already.
std::vector<Finding> new_failures(const MachineQuestion& asked,
                                  const std::vector<PackageRecord>& packages, Judges judges) {
  std::vector<Finding> failures = failures_on(asked.machine, packages, judges);
  if (failures.empty()) return failures;
  for (const Finding& old : failures_on(asked.machine, asked.wanted.installed, judges)) {
    std::erase_if(failures, [&](const Finding& one) { return one.id == old.id; });
  }
  return failures;
}

bool is_free(const conda::MatchSpec& spec) {
  const bool is_named = spec.name.is_exact() && !spec.name.text().starts_with("__");
  return !is_named || (spec.version.accepts_all() && spec.build.accepts_all());
}

const conda::MatchSpec* find_text(const Specs& specs, const std::string& text) {
  const auto found = std::ranges::find(specs, text, &conda::MatchSpec::text);
  return found == specs.end() ? nullptr : &*found;
}

/// The spec that asks for what was found in place of a wish.
std::string narrowed(const conda::MatchSpec& wish, const PackageRecord& record) {
  const std::string channel = wish.channel.empty() ? "" : wish.channel + "::";
  const std::string build = wish.build.accepts_all() ? "" : "=" + record.build;
  return fmt::format("{}{}={}{}", channel, record.name, record.version, build);
}

/// Wishes, each with what is to be asked for in its place.
using Replaced = std::vector<std::pair<conda::MatchSpec, std::string>>;

/// Looks for the newest versions of the wishes that the machine can run.
class Search {
 public:
  explicit Search(const MachineQuestion& asked) : asked_(asked) {}

  /// Empty: nothing of them runs there. One wish gives way, or else all that can.
  Replaced run() const {
    const Specs& wishes = asked_.wanted.specs;
    std::vector<std::size_t> bound;
    for (std::size_t i = 0; i < wishes.size() && bound.size() < wish_limit; ++i) {
      if (!is_free(wishes[i])) bound.push_back(i);
    }
    for (const std::size_t one : bound) {
      if (Replaced found = with_free({one}); !found.empty()) return found;
    }
    return bound.size() > 1 ? with_free(bound) : Replaced{};
  }

 private:
  static constexpr std::size_t wish_limit = 12;
  static constexpr int attempt_limit = 24;

  /// What the machine cannot run, though packages do not say so, is left out until something runs.
  Replaced with_free(const std::vector<std::size_t>& freed) const {
    solve::SolveRequest relaxed = asked_.wanted;
    for (const std::size_t one : freed) {
      relaxed.specs[one].version = conda::VersionSpec();
      relaxed.specs[one].build = conda::TextPattern();
    }
    for (int attempt = 0; attempt < attempt_limit; ++attempt) {
      const auto outcome = solve::solve(relaxed);
      const auto* solution = outcome ? std::get_if<solve::Solution>(&*outcome) : nullptr;
      if (solution == nullptr) return {};
      if (new_failures(asked_, solution->packages, Judges::beyond_solver).empty()) {
        return replaced_by(*solution, freed);
      }
      for (const std::size_t one : freed) leave_out(*solution, one, relaxed.disallowed);
    }
    return {};
  }

  void leave_out(const solve::Solution& solution, std::size_t wish, Specs& disallowed) const {
    const PackageRecord* record = find_package(solution, asked_.wanted.specs[wish].name.text());
    if (record == nullptr) return;
    const auto spec = conda::MatchSpec::parse(
        fmt::format("{} =={} {}", record->name, record->version, record->build));
    if (spec) disallowed.push_back(*spec);
  }

  Replaced replaced_by(const solve::Solution& solution,
                       const std::vector<std::size_t>& freed) const {
    Replaced found;
    for (const std::size_t one : freed) {
      const conda::MatchSpec& wish = asked_.wanted.specs[one];
      const PackageRecord* record = find_package(solution, wish.name.text());
      if (record == nullptr) return {};
      if (!wish.matches(*record)) found.emplace_back(wish, narrowed(wish, *record));
    }
    return found;
  }

  const MachineQuestion& asked_;
};

/// Overrides that the answer rests on stand in front: pasted elsewhere it is the same question.
std::string assignments(const Machine& machine) {
  std::string text;
  for (const host::VirtualPackage& package : machine.virtual_packages.packages) {
    const bool is_variable = package.origin == host::VirtualPackage::Origin::overridden &&
                             package.source.starts_with("CONDA_OVERRIDE_");
    if (is_variable) text += fmt::format("{}={} ", package.source, package.version);
  }
  return text;
}

bool is_from_file(const MachineQuestion& asked, const Replaced& replaced) {
  return std::ranges::any_of(replaced, [&](const auto& one) {
    return std::ranges::find(asked.words, one.first.text) == asked.words.end();
  });
}

/// The words without specs, and without what names channels, files and recipes.
std::vector<std::string> bare_words(const MachineQuestion& asked) {
  constexpr std::array<std::string_view, 5> with_value = {"-f", "--file", "--recipe", "-c",
                                                          "--channel"};
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < asked.words.size(); ++i) {
    const std::string& word = asked.words[i];
    const std::string name = word.substr(0, word.find('='));
    if (std::ranges::find(with_value, name) != with_value.end()) {
      if (name == word) ++i;
    } else if (word != "--override-channels" && find_text(asked.wanted.specs, word) == nullptr) {
      kept.push_back(word);
    }
  }
  return kept;
}

/// The command line with other specs. Where a file or a recipe brought them, what it says is spelt
/// out.
std::string command_with(const MachineQuestion& asked, const Replaced& replaced) {
  const auto new_text = [&](const std::string& text) {
    const auto found =
        std::ranges::find_if(replaced, [&](const auto& one) { return one.first.text == text; });
    return found == replaced.end() ? text : found->second;
  };
  std::vector<std::string> words;
  if (is_from_file(asked, replaced)) {
    words = bare_words(asked);
    for (const conda::Channel& channel : asked.wanted.index->channels) {
      words.insert(words.end(), {"-c", conda::without_credentials(channel.name)});
    }
    words.emplace_back("--override-channels");
    for (const conda::MatchSpec& spec : asked.wanted.specs) words.push_back(new_text(spec.text));
  } else {
    for (const std::string& word : asked.words) words.push_back(new_text(word));
  }
  for (std::string& word : words) word = doctor::shell_word(word);
  return assignments(asked.machine) + base::join(words, " ");
}

std::string what_runs(const MachineQuestion& asked) {
  const Replaced replaced = Search(asked).run();
  if (!replaced.empty()) return "what runs there: " + command_with(asked, replaced);
  return fmt::format(
      "nothing in these channels that {} runs meets the wishes, whatever versions "
      "they name",
      asked.wanted.machine.name);
}

void add_findings(const std::vector<Finding>& failures, solve::Conflict& conflict) {
  for (const Finding& failure : failures) {
    conflict.lines.push_back(fmt::format("{} ({}): {}", failure.title, failure.id, failure.text));
  }
}

/// Whether it is the machine that stands in the way; then the conflict says so and what runs.
Result<bool> told_by_machine(const MachineQuestion& asked, solve::Conflict& conflict) {
  if (!names_machine(conflict)) return false;
  HPCENV_ASSIGN(const solve::SolveOutcome elsewhere, solve::solve(lifted(asked.wanted)));
  const auto* solution = std::get_if<solve::Solution>(&elsewhere);
  if (solution == nullptr) return false;
  add_findings(new_failures(asked, solution->packages, Judges::all), conflict);
  // Without a driver the question is rather which machine the jobs run on.
  const auto place = find_virtual(asked.machine, "__cuda") != nullptr ? conflict.hints.begin()
                                                                      : conflict.hints.end();
  conflict.hints.insert(place, what_runs(asked));
  return true;
}

}  // namespace

std::vector<Finding> failures_on(const Machine& machine, const std::vector<PackageRecord>& packages,
                                 Judges judges) {
  const std::vector<doctor::Check> checks = checks_for(machine, judges);
  if (checks.empty() || machine.profiles.empty() || packages.empty()) return {};
  prefix::PrefixState environment;
  for (const PackageRecord& record : packages) environment.packages.emplace_back().record = record;
  doctor::Subject subject;
  subject.target = machine.target;
  subject.environment = &environment;
  std::vector<std::vector<Finding>> findings;
  for (const host::NodeProfile& node : machine.profiles) {
    subject.profile = &node;
    findings.push_back(doctor::examine(subject, checks));
  }
  std::vector<Finding> failures = doctor::worst_of(findings, machine.nodes);
  std::erase_if(failures, [](const Finding& finding) {
    return finding.severity != doctor::Severity::failure;
  });
  return failures;
}

Result<Specs> bounds_of(const Machine& machine) {
  // Where CUDA 13 and cuDNN 9.11 begin to have code (facts/cuda.md 3 and 4).
  constexpr host::CudaVersion turing{7, 5};
  std::vector<std::string> texts;
  for (const host::VirtualPackage& package : machine.virtual_packages.packages) {
    if (package.name == "__cuda") texts.push_back("cuda-version <=" + package.version);
    if (package.name != "__cuda_arch") continue;
    const auto capability = host::parse_cuda_version(package.version);
    if (!capability || *capability >= turing) continue;
    texts.insert(texts.end(), {"cuda-version <13", "libcudnn <9.11", "cudnn <9.11"});
  }
  Specs bounds;
  for (const std::string& text : texts) {
    HPCENV_ASSIGN(conda::MatchSpec bound, conda::MatchSpec::parse(text));
    bounds.push_back(std::move(bound));
  }
  return bounds;
}

Result<solve::SolveOutcome> solve_for_machine(const MachineQuestion& asked) {
  HPCENV_ASSIGN(solve::SolveOutcome outcome, solve::solve(asked.wanted));
  if (auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    HPCENV_ASSIGN(const bool is_told, told_by_machine(asked, *conflict));
    if (!is_told) HPCENV_TRY(add_hints(*conflict, asked.wanted, asked.question));
    return outcome;
  }
  const auto& solution = std::get<solve::Solution>(outcome);
  const std::vector<Finding> failures =
      new_failures(asked, solution.packages, Judges::beyond_solver);
  if (failures.empty()) return outcome;
  solve::Conflict conflict;
  add_findings(failures, conflict);
  conflict.hints.push_back(what_runs(asked));
  conflict.hints.push_back(
      fmt::format("if {} is not what the jobs run on: --on TARGET, or CONDA_OVERRIDE_CUDA and "
                  "CONDA_OVERRIDE_CUDA_ARCH say what is",
                  asked.wanted.machine.name));
  return solve::SolveOutcome(std::move(conflict));
}

}  // namespace hpcenv::ops
