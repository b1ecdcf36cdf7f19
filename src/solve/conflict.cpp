#include "solve/conflict.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::solve {

namespace {

using Cause = Death::Cause;

/// Reasons told for one name; older versions mostly fail for the same.
constexpr std::size_t group_limit = 3;

/// Sentences that say why a package is not the newest.
constexpr std::size_t reason_limit = 3;

/// Candidates of one name that died of the same.
struct Group {
  Death death;
  std::vector<CandidateIndex> candidates;
};

class Explainer {
 public:
  Explainer(const Candidates& table, const Consistency& state) : table_(table), state_(state) {}

  Conflict explain(NameIndex failed) {
    tell_requirement(failed);
    tell_deaths(failed, all_of(failed));
    return conflict_of(std::move(lines_));
  }

  std::string explain_deaths(std::span<const CandidateIndex> dead) {
    for (const Group& one : group(dead)) tell_group(one);
    lines_.resize(std::min(lines_.size(), reason_limit));
    return base::join(lines_, "; ");
  }

 private:
  /// Whether it is all records of a name that are spoken of.
  enum class Told : std::uint8_t { all, some };

  void say(std::string line) {
    if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) {
      lines_.push_back(std::move(line));
    }
  }

  void say_asked(SpecIndex root) { say(wish_sentence(table_.specs[root])); }

  /// Why a name has to be there, from the request on.
  void tell_requirement(NameIndex name) {
    if (!told_names_.insert(name).second) return;
    const Requirement& requirement = state_.requirement(name);
    if (requirement.source == Requirement::Source::request) say_asked(requirement.by);
    if (requirement.source != Requirement::Source::name) return;
    tell_requirement(requirement.by);
    tell_demand(requirement.by, name);
  }

  /// "numpy 2.0 needs 'python >=3.9'": what the newest of `from` that lives, or died last, says.
  void tell_demand(NameIndex from, NameIndex about) {
    std::vector<CandidateIndex> speakers = state_.living(from);
    if (speakers.empty()) speakers = all_of(from);
    std::vector<CandidateIndex> same;
    std::string_view text;
    for (const CandidateIndex candidate : speakers) {
      const Demand* demand = demand_on(candidate, about);
      if (demand == nullptr) continue;
      if (text.empty()) text = table_.specs[demand->spec].text;
      if (text == table_.specs[demand->spec].text) same.push_back(candidate);
    }
    if (!same.empty()) say(fmt::format("{} needs '{}'", describe(table_, same), text));
  }

  const Demand* demand_on(CandidateIndex candidate, NameIndex about) const {
    const auto& demands = table_.candidates[candidate].demands;
    const auto found = std::find_if(demands.begin(), demands.end(),
                                    [about](const Demand& d) { return d.name == about; });
    return found == demands.end() ? nullptr : &*found;
  }

  std::vector<CandidateIndex> all_of(NameIndex name) const {
    std::vector<CandidateIndex> all;
    all.reserve(table_.names[name].candidate_count);
    for (std::uint32_t i = 0; i < table_.names[name].candidate_count; ++i) {
      all.push_back(table_.names[name].first_candidate + i);
    }
    return all;
  }

  std::vector<CandidateIndex> accepted_by(SpecIndex spec) const {
    const AcceptedSet& set = table_.sets[table_.specs[spec].set];
    std::vector<CandidateIndex> accepted;
    for (const CandidateIndex candidate : all_of(set.name)) {
      const std::uint32_t bit = candidate - table_.names[set.name].first_candidate;
      if ((set.words[bit / word_bits] >> (bit % word_bits) & 1U) != 0)
        accepted.push_back(candidate);
    }
    return accepted;
  }

  std::vector<Group> group(std::span<const CandidateIndex> candidates) const {
    std::vector<Group> groups;
    for (const CandidateIndex candidate : candidates) {
      const Death& death = state_.death(candidate);
      const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
        return g.death.cause == death.cause && g.death.by == death.by;
      });
      if (found == groups.end()) {
        groups.push_back({death, {candidate}});
      } else {
        found->candidates.push_back(candidate);
      }
    }
    return groups;
  }

  void tell_deaths(NameIndex name, std::span<const CandidateIndex> candidates) {
    if (candidates.empty()) {
      tell_absent(name);
      return;
    }
    std::vector<Group> groups = group(candidates);
    const auto is_choice = [](const Group& g) { return g.death.cause == Cause::not_asked; };
    if (std::all_of(groups.begin(), groups.end(), is_choice)) {
      tell_not_asked(
          name, groups,
          candidates.size() == table_.names[name].candidate_count ? Told::all : Told::some);
      return;
    }
    // What the user did not ask for needs no explanation.
    std::erase_if(groups, is_choice);
    for (std::size_t i = 0; i < std::min(groups.size(), group_limit); ++i) tell_group(groups[i]);
  }

  void tell_absent(NameIndex name) {
    if (table_.is_virtual(name)) {
      say(describe_machine(table_, name));
    } else {
      say(fmt::format("no channel has {}", table_.names[name].text));
    }
  }

  void tell_not_asked(NameIndex name, std::span<const Group> groups, Told told) {
    std::set<SpecIndex> roots;
    for (const Group& g : groups) roots.insert(g.death.by);
    for (const SpecIndex root : roots) say_asked(root);
    if (table_.is_virtual(name)) {
      say(describe_machine(table_, name));
    } else if (roots.size() > 1) {
      say(fmt::format("no {} is both", table_.names[name].text));
    } else if (told == Told::all && table_.specs[*roots.begin()].origin != Origin::disallowed) {
      say(fmt::format("what the channels have is {}", describe(table_, all_of(name))));
    }
  }

  void tell_group(const Group& group) {
    const std::string who = describe(table_, group.candidates);
    switch (group.death.cause) {
      case Cause::no_provider:
      case Cause::constrained:
        tell_need(who, group);
        break;
      case Cause::not_accepted:
        tell_requirement(group.death.by);
        tell_demand(group.death.by, table_.candidates[group.candidates.front()].name);
        break;
      case Cause::unreadable:
        say(fmt::format("{} depends on '{}', which cannot be read", who,
                        table_.candidates[group.candidates.front()].unreadable_spec));
        break;
      case Cause::not_asked:
        say_asked(group.death.by);
        break;
      default:
        break;
    }
  }

  void tell_need(const std::string& who, const Group& group) {
    const SpecIndex index = group.death.by;
    const Spec& spec = table_.specs[index];
    const std::vector<CandidateIndex> fitting = accepted_by(index);
    const std::string need = fmt::format("{} needs '{}'", who, spec.text);
    if (table_.is_virtual(spec.name)) {
      say(fmt::format("{}, but {}", need, describe_machine(table_, spec.name)));
    } else if (table_.names[spec.name].candidate_count == 0) {
      say(fmt::format("{}, which no channel has", need));
    } else if (fitting.empty()) {
      say(fmt::format("{}, but the channels have {}", need, describe(table_, all_of(spec.name))));
    } else {
      say(need);
      if (told_specs_.insert(index).second) tell_deaths(spec.name, fitting);
    }
  }

  const Candidates& table_;
  const Consistency& state_;
  std::vector<std::string> lines_;
  std::set<NameIndex> told_names_;
  std::set<SpecIndex> told_specs_;
};

/// The variable that says what another machine offers; empty where there is none.
std::string_view override_of(std::string_view line) {
  if (line.contains("__cuda_arch")) return "CONDA_OVERRIDE_CUDA_ARCH";
  if (line.contains("__cuda")) return "CONDA_OVERRIDE_CUDA";
  if (line.contains("__glibc")) return "CONDA_OVERRIDE_GLIBC";
  if (line.contains("__archspec")) return "CONDA_OVERRIDE_ARCHSPEC";
  return {};
}

}  // namespace

std::string describe(const Candidates& table, std::span<const CandidateIndex> candidates) {
  std::vector<std::pair<std::uint32_t, std::string>> versions;
  for (const CandidateIndex candidate : candidates) {
    versions.emplace_back(table.candidates[candidate].version_rank,
                          table.record(candidate).version);
  }
  std::sort(versions.begin(), versions.end());
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  if (versions.empty()) return "nothing";
  const std::string& name = table.record(candidates.front()).name;
  const std::string& newest = versions.front().second;
  const std::string& oldest = versions.back().second;
  if (versions.size() == 1) return fmt::format("{} {}", name, newest);
  return fmt::format("{} {} {} {}", name, oldest, versions.size() == 2 ? "and" : "to", newest);
}

std::string describe_machine(const Candidates& table, NameIndex index) {
  const Name& name = table.names[index];
  const bool is_cuda = name.text == "__cuda";
  if (name.candidate_count == 0) {
    return fmt::format("the machine solved for has no {}{}", name.text,
                       is_cuda ? " (no NVIDIA driver)" : "");
  }
  const conda::PackageRecord& offered = table.record(name.first_candidate);
  const bool says_build = name.text == "__archspec";
  return fmt::format("the machine solved for has {} {}{}", name.text, offered.version,
                     says_build ? " " + offered.build : "");
}

std::string wish_sentence(const Spec& spec) {
  switch (spec.origin) {
    case Origin::kept:
      return fmt::format("you asked for '{}' earlier", spec.text);
    case Origin::pinned:
      return fmt::format("'{}' is pinned", spec.text);
    case Origin::disallowed:
      return fmt::format("'{}' is disallowed", spec.text);
    default:
      return fmt::format("you asked for '{}'", spec.text);
  }
}

Conflict conflict_of(std::vector<std::string> lines) {
  Conflict conflict;
  if (lines.size() > conflict_line_limit) {
    // The last line is the one that matters.
    lines.erase(lines.begin() + conflict_line_limit - 1, lines.end() - 1);
  }
  conflict.lines = std::move(lines);
  for (const std::string& line : conflict.lines) {
    const std::string_view variable = override_of(line);
    if (variable.empty()) continue;
    conflict.hints.push_back(
        fmt::format("where the jobs run on another machine, set {} to what that one offers: "
                    "'hpcenv probe' says it there",
                    variable));
    break;
  }
  return conflict;
}

std::string explain_deaths(const Candidates& table, const Consistency& state,
                           std::span<const CandidateIndex> dead) {
  return Explainer(table, state).explain_deaths(dead);
}

Conflict explain_empty(const Candidates& table, const Consistency& state, NameIndex failed) {
  return Explainer(table, state).explain(failed);
}

}  // namespace hpcenv::solve
