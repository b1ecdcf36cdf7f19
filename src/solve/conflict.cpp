#include "solve/conflict.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "solve/words.hpp"

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
    tell_deaths(tell_requirement(failed), failed, all_of(table_, failed));
    // Telling one may bring more: the list grows meanwhile.
    // NOLINTNEXTLINE(modernize-loop-convert)
    for (std::size_t i = 0; i < later_.size(); ++i) {
      const auto [by, about] = later_[i];
      tell_demand(tell_requirement(by), by, about);
    }
    for (const SpecIndex root : later_roots_) say_asked(0, root);
    for (const NameIndex name : later_names_) tell_requirement(name);
    Conflict conflict = conflict_of(table_, ordered_lines());
    conflict.hints.insert(conflict.hints.begin(), hints_.begin(), hints_.end());
    return conflict;
  }

  std::string explain_deaths(std::span<const CandidateIndex> dead) {
    for (const Group& one : group(dead)) tell_group(0, one);
    std::vector<std::string> sentences;
    sentences.reserve(lines_.size() + later_.size() + later_roots_.size());
    for (const Line& line : lines_) sentences.push_back(line.text);
    for (const auto& [by, about] : later_) sentences.push_back(demand_sentence(by, about));
    for (const SpecIndex root : later_roots_)
      sentences.push_back(wish_sentence(table_, table_.specs[root]));
    sentences.resize(std::min(sentences.size(), reason_limit));
    return base::join(sentences, "; ");
  }

 private:
  /// Whether it is all records of a name that are spoken of.
  enum class Told : std::uint8_t { all, some };

  struct Line {
    std::size_t depth = 0;
    std::string text;
    Origin origin = Origin::record;  ///< of a wish
  };

  /// First wishes below which nothing stands, then those that lead to a reason, then what was asked
  /// for earlier.
  std::vector<std::string> ordered_lines() const {
    std::vector<std::vector<Line>> trees;
    for (const Line& line : lines_) {
      if (line.depth == 0 || trees.empty()) trees.emplace_back();
      trees.back().push_back(line);
    }
    const auto place = [](const std::vector<Line>& tree) {
      if (tree.front().origin == Origin::kept) return 2;
      return tree.size() == 1 ? 0 : 1;
    };
    std::stable_sort(trees.begin(), trees.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    std::vector<std::string> ordered;
    for (const auto& tree : trees) {
      for (const Line& line : tree) {
        ordered.push_back(std::string(2 * line.depth, ' ') + line.text);
      }
    }
    return ordered;
  }

  void say(std::size_t depth, const std::string& sentence, Origin origin = Origin::record) {
    if (told_.insert(sentence).second) lines_.push_back({depth, sentence, origin});
  }

  void say_asked(std::size_t depth, SpecIndex root) {
    const Spec& spec = table_.specs[root];
    say(depth, wish_sentence(table_, spec), spec.origin);
    if (spec.origin == Origin::pinned) {
      hint("pins stand in conda-meta/pinned of the environment and pinned_packages of .condarc");
    } else if (spec.origin == Origin::disallowed) {
      hint("disallowed_packages stand in .condarc");
    }
  }

  void hint(std::string text) {
    if (std::find(hints_.begin(), hints_.end(), text) == hints_.end()) {
      hints_.push_back(std::move(text));
    }
  }

  /// Why a name has to be there, from the request on; the depth at which it goes on.
  std::size_t tell_requirement(NameIndex name) {
    const auto [place, added] = told_names_.try_emplace(name, 0);
    if (!added) return place->second;
    const Requirement& requirement = state_.requirement(name);
    std::size_t depth = 0;
    if (requirement.source == Requirement::Source::request) {
      say_asked(depth, requirement.by);
      ++depth;
    } else if (requirement.source == Requirement::Source::name) {
      depth = tell_requirement(requirement.by);
      tell_demand(depth, requirement.by, name);
      ++depth;
    }
    told_names_[name] = depth;
    return depth;
  }

  /// "numpy 2.0 needs 'python >=3.9'": what the newest of `from` that lives, or died last, says.
  void tell_demand(std::size_t depth, NameIndex from, NameIndex about) {
    const std::string sentence = demand_sentence(from, about);
    if (!sentence.empty()) say(depth, sentence);
  }

  std::string demand_sentence(NameIndex from, NameIndex about) const {
    std::vector<CandidateIndex> speakers = state_.living(from);
    if (speakers.empty()) speakers = all_of(table_, from);
    std::vector<CandidateIndex> same;
    std::string_view text;
    DemandKind kind = DemandKind::depends;
    for (const CandidateIndex candidate : speakers) {
      const Demand* demand = demand_on(candidate, about);
      if (demand == nullptr) continue;
      if (text.empty()) {
        text = table_.specs[demand->spec].text;
        kind = demand->kind;
      }
      if (text == table_.specs[demand->spec].text) same.push_back(candidate);
    }
    return same.empty() ? "" : describe_demand(table_, same, text, kind);
  }

  const Demand* demand_on(CandidateIndex candidate, NameIndex about) const {
    const auto& demands = table_.candidates[candidate].demands;
    const auto found = std::find_if(demands.begin(), demands.end(),
                                    [about](const Demand& d) { return d.name == about; });
    return found == demands.end() ? nullptr : &*found;
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

  void tell_deaths(std::size_t depth, NameIndex name, std::span<const CandidateIndex> candidates) {
    if (candidates.empty()) {
      tell_absent(depth, name);
      return;
    }
    std::vector<Group> groups = group(candidates);
    const auto is_choice = [](const Group& g) { return g.death.cause == Cause::not_asked; };
    if (std::all_of(groups.begin(), groups.end(), is_choice)) {
      const bool all = candidates.size() == table_.names[name].candidate_count;
      tell_not_asked(depth, name, groups, all ? Told::all : Told::some);
      return;
    }
    // What the user did not ask for needs no explanation.
    std::erase_if(groups, is_choice);
    tell_groups(depth, groups);
  }

  /// The first few; those that come to the same end as one before are only named.
  void tell_groups(std::size_t depth, std::span<const Group> groups) {
    std::set<std::set<std::string>> ends;
    std::vector<CandidateIndex> alike;
    std::size_t told = 0;
    for (const Group& one : groups) {
      const std::size_t first_line = lines_.size();
      const std::size_t first_end = ends_.size();
      tell_group(depth, one);
      const auto begin = ends_.begin() + static_cast<std::ptrdiff_t>(first_end);
      if (!ends.emplace(begin, ends_.end()).second && lines_.size() > first_line + 1) {
        forget_lines(first_line);
        alike.insert(alike.end(), one.candidates.begin(), one.candidates.end());
        continue;
      }
      if (++told == group_limit) break;
    }
    if (alike.empty()) return;
    const std::string who = describe(table_, alike);
    say(depth, fmt::format("the same goes for {}", who));
  }

  void forget_lines(std::size_t first) {
    for (std::size_t i = first; i < lines_.size(); ++i) told_.erase(lines_[i].text);
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(first), lines_.end());
  }

  void tell_absent(std::size_t depth, NameIndex name) {
    if (table_.is_virtual(name)) {
      say(depth, describe_machine(table_, name));
    } else {
      say(depth, fmt::format("no channel has {}", table_.names[name].text));
    }
  }

  void tell_not_asked(std::size_t depth, NameIndex name, std::span<const Group> groups, Told told) {
    std::set<SpecIndex> roots;
    for (const Group& g : groups) roots.insert(g.death.by);
    for (const SpecIndex root : roots) {
      // A limit stands below what it forbids; what was asked for begins a tree of its own.
      const Origin origin = table_.specs[root].origin;
      ends_.emplace_back(table_.specs[root].text);
      if (origin == Origin::pinned || origin == Origin::held || origin == Origin::disallowed) {
        say_asked(depth, root);
      } else if (roots.size() > 1) {
        say_asked(0, root);
      } else {
        later_roots_.insert(root);
      }
    }
    const Spec& first = table_.specs[*roots.begin()];
    if (table_.is_virtual(name)) {
      say(depth, describe_machine(table_, name));
    } else if (roots.size() > 1) {
      say(depth, fmt::format("no {} is both", table_.names[name].text));
    } else if (told == Told::all && first.origin != Origin::disallowed) {
      tell_offer(depth, first);
    }
  }

  void tell_group(std::size_t depth, const Group& group) {
    const std::string who = describe(table_, group.candidates);
    const NameIndex name = table_.candidates[group.candidates.front()].name;
    switch (group.death.cause) {
      case Cause::no_provider:
      case Cause::constrained:
        tell_need(depth, group);
        break;
      case Cause::not_accepted:
        later_.emplace_back(group.death.by, name);
        ends_.push_back(
            fmt::format("{} of {}", table_.names[name].text, table_.names[group.death.by].text));
        break;
      case Cause::unreadable:
        ends_.emplace_back(table_.candidates[group.candidates.front()].unreadable_spec);
        say(depth, fmt::format("{} depends on '{}', which cannot be read", who,
                               table_.candidates[group.candidates.front()].unreadable_spec));
        break;
      case Cause::not_asked:
        say_asked(depth, group.death.by);
        break;
      default:
        break;
    }
  }

  void tell_need(std::size_t depth, const Group& group) {
    const SpecIndex index = group.death.by;
    const Spec& spec = table_.specs[index];
    const std::vector<CandidateIndex> fitting = accepted_by(table_, index);
    const std::string need = describe_demand(
        table_, group.candidates, spec.text,
        group.death.cause == Cause::constrained ? DemandKind::constrains : DemandKind::depends);
    const std::size_t first_end = ends_.size();
    if (table_.is_virtual(spec.name)) {
      say(depth, fmt::format("{}, but {}", need, describe_machine(table_, spec.name)));
    } else if (table_.names[spec.name].candidate_count == 0) {
      say(depth, fmt::format("{}, which no channel has", need));
    } else if (fitting.empty()) {
      say(depth, need);
      // What is only forbidden is there because of a wish of its own.
      if (group.death.cause == Cause::constrained) later_names_.insert(spec.name);
      if (group.death.cause == Cause::no_provider) tell_offer(depth + 1, spec);
    } else {
      say(depth, need);
      tell_fitting(depth + 1, index, fitting);
    }
    if (ends_.size() == first_end) ends_.emplace_back(spec.text);
  }

  /// Why none of what a spec accepts can be there; once for each spec.
  void tell_fitting(std::size_t depth, SpecIndex index, std::span<const CandidateIndex> fitting) {
    const auto [told, added] = told_specs_.try_emplace(index);
    if (!added) {
      ends_.insert(ends_.end(), told->second.begin(), told->second.end());
      return;
    }
    const auto first_end = static_cast<std::ptrdiff_t>(ends_.size());
    tell_deaths(depth, table_.specs[index].name, fitting);
    told->second.assign(ends_.begin() + first_end, ends_.end());
  }

  /// What there is where a spec accepts nothing of it.
  void tell_offer(std::size_t depth, const Spec& spec) {
    std::string offer = describe_offer(table_, spec);
    if (const auto hidden = hidden_offer(table_, spec)) {
      offer += fmt::format("; {} of {} is hidden by strict channel priority", hidden->package,
                           hidden->channel);
      hint(fmt::format("take it with '{}::{}', or with --channel-priority flexible",
                       hidden->channel, table_.names[spec.name].text));
    }
    if (const auto near = near_offer(table_, spec)) hint(*near);
    ends_.push_back(offer);
    say(depth, offer);
  }

  const Candidates& table_;
  const Consistency& state_;
  std::vector<Line> lines_;
  /// Trees of other wishes, told when the first is at its end: a required name, and the one that it
  /// says what of; wishes that alone forbid something.
  std::vector<std::pair<NameIndex, NameIndex>> later_;
  std::set<SpecIndex> later_roots_;
  std::set<NameIndex> later_names_;
  std::vector<std::string> hints_;
  std::set<std::string> told_;
  std::map<NameIndex, std::size_t> told_names_;
  std::map<SpecIndex, std::vector<std::string>> told_specs_;  ///< with the ends below them
  /// The last reasons of what was told so far: packages that come to the same are told together.
  std::vector<std::string> ends_;
};

struct Overridable {
  std::string_view name;
  std::string_view variable;
};

/// Virtual packages that another machine may offer, the longer names first.
constexpr std::array overridable = {Overridable{"__cuda_arch", "CONDA_OVERRIDE_CUDA_ARCH"},
                                    Overridable{"__cuda", "CONDA_OVERRIDE_CUDA"},
                                    Overridable{"__glibc", "CONDA_OVERRIDE_GLIBC"},
                                    Overridable{"__archspec", "CONDA_OVERRIDE_ARCHSPEC"}};

/// What to do where the machine forbids: who else could say what it offers.
std::string machine_hint(const Machine& machine, const Overridable& what) {
  const auto source = machine.sources.find(what.name);
  if (source != machine.sources.end() && !source->second.variable.empty()) {
    return fmt::format(
        "{} (or override_virtual_packages of .condarc) decides that: leave it out, or "
        "set it to what the machine of the jobs has",
        source->second.variable);
  }
  if (machine.kind == Machine::Kind::target) {
    return fmt::format(
        "{} is taken as its profile says; if its nodes have changed, 'hpcenv target refresh' or "
        "'hpcenv target add' takes it anew",
        machine.name);
  }
  return fmt::format(
      "if the jobs run elsewhere: 'hpcenv target add gpu --partition NAME', then the same "
      "command with --on gpu; or set {}",
      what.variable);
}

}  // namespace

Conflict conflict_of(const Candidates& table, std::vector<std::string> lines) {
  Conflict conflict;
  if (lines.size() > conflict_line_limit) {
    const std::size_t out = lines.size() - conflict_line_limit + 1;
    // The last line is the one that matters.
    lines.erase(lines.begin() + conflict_line_limit - 1, lines.end() - 1);
    lines[conflict_line_limit - 2] = fmt::format("... ({} lines are left out)", out);
  }
  conflict.lines = std::move(lines);
  for (const std::string& line : conflict.lines) {
    const auto named =
        std::find_if(overridable.begin(), overridable.end(),
                     [&](const Overridable& one) { return line.contains(one.name); });
    if (named == overridable.end()) continue;
    conflict.hints.push_back(machine_hint(*table.machine, *named));
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
