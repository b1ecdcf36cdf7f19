#include "solve/solver.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "solve/candidates.hpp"
#include "solve/conflict.hpp"
#include "solve/consistency.hpp"
#include "solve/dive.hpp"
#include "solve/order.hpp"
#include "solve/search.hpp"

namespace hpcenv::solve {

namespace {

using Chosen = std::vector<CandidateIndex>;

constexpr std::size_t suggestion_limit = 3;

bool is_installed(const SolveRequest& request, const std::string& name) {
  return std::any_of(request.installed.begin(), request.installed.end(),
                     [&](const conda::PackageRecord& record) { return record.name == name; });
}

/// Wishes whose name no channel has, with what was probably meant.
std::optional<Conflict> unknown_wishes(const SolveRequest& request) {
  const auto& known = request.index->all_names;
  Conflict conflict;
  for (const conda::MatchSpec& spec : request.specs) {
    const std::string& name = spec.name.text();
    if (!spec.name.is_exact() || name.starts_with("__")) continue;
    if (std::binary_search(known.begin(), known.end(), name) || is_installed(request, name)) {
      continue;
    }
    conflict.unknown_names.push_back(name);
    conflict.lines.push_back(
        fmt::format("you asked for '{}', but no channel has {}", spec.text, name));
    const auto nearest = base::nearest_words(name, known, suggestion_limit);
    if (nearest.empty()) continue;
    conflict.hints.push_back(
        fmt::format("did you mean {} instead of {}?", base::join(nearest, " or "), name));
  }
  if (conflict.unknown_names.empty()) return std::nullopt;
  std::vector<std::string> channels;
  channels.reserve(request.index->channels.size());
  for (const conda::Channel& channel : request.index->channels) {
    channels.push_back(conda::without_credentials(channel.name));
  }
  conflict.hints.push_back(fmt::format(
      "channels looked in: {}; another one is added with -c CHANNEL", base::join(channels, ", ")));
  return conflict;
}

Chosen all_living(const Candidates& table, const Consistency& state) {
  Chosen living;
  for (CandidateIndex i = 0; i < table.candidates.size(); ++i) {
    if (state.is_living(i)) living.push_back(i);
  }
  return living;
}

bool accepts(const Candidates& table, const Spec& spec, CandidateIndex candidate) {
  const std::uint32_t bit = candidate - table.names[spec.name].first_candidate;
  return (table.sets[spec.set].words[bit / word_bits] >> (bit % word_bits) & 1U) != 0;
}

/// Says of each preference that is not met what came instead.
std::vector<std::string> notes_on(const Candidates& table, const Chosen& chosen) {
  std::vector<std::string> notes;
  for (const SpecIndex preference : table.preferences) {
    const Spec& spec = table.specs[preference];
    const auto found = std::find_if(chosen.begin(), chosen.end(), [&](CandidateIndex candidate) {
      return table.candidates[candidate].name == spec.name;
    });
    if (found == chosen.end() || accepts(table, spec, *found)) continue;
    notes.push_back(fmt::format("'{}' would be better here, but what was asked for needs {} {}",
                                spec.text, table.record(*found).name,
                                table.record(*found).version));
  }
  return notes;
}

/// Installed packages that nothing needs: they go without a word of the user, so it is said.
void add_lost_leaves(const Candidates& table, const Chosen& chosen, Solution& solution) {
  std::unordered_set<NameIndex> present;
  for (const CandidateIndex candidate : chosen) present.insert(table.candidates[candidate].name);
  for (const NameIndex leaf : table.leaves) {
    if (present.contains(leaf)) continue;
    solution.notes.push_back(
        fmt::format("{} cannot stay beside what was asked for", table.names[leaf].text));
  }
}

/// The candidates of the newest version that the user's specs about a name accept.
Chosen newest_asked(const Candidates& table, NameIndex name) {
  Chosen newest;
  const Name& entry = table.names[name];
  for (std::uint32_t i = 0; i < entry.candidate_count; ++i) {
    const CandidateIndex candidate = entry.first_candidate + i;
    const bool asked = std::all_of(table.roots.begin(), table.roots.end(), [&](SpecIndex root) {
      const Spec& spec = table.specs[root];
      return spec.name != name || accepts(table, spec, candidate);
    });
    if (!asked) continue;
    const auto rank = [&](CandidateIndex c) { return table.candidates[c].version_rank; };
    if (!newest.empty() && rank(candidate) < rank(newest.front())) newest.clear();
    if (newest.empty() || rank(candidate) == rank(newest.front())) newest.push_back(candidate);
  }
  return newest;
}

Choice choice_of(const Candidates& table, const Consistency& state, CandidateIndex chosen) {
  const NameIndex name = table.candidates[chosen].name;
  const Chosen newest = newest_asked(table, name);
  Choice choice{std::string(table.names[name].text),
                table.record(chosen).version,
                table.record(newest.front()).version,
                {}};
  if (table.candidates[newest.front()].version_rank == table.candidates[chosen].version_rank) {
    choice.newest = choice.version;
    return choice;
  }
  const auto living = std::find_if(newest.begin(), newest.end(),
                                   [&](CandidateIndex c) { return state.is_living(c); });
  if (living == newest.end()) {
    choice.reason = explain_deaths(table, state, newest);
  } else if (*living < chosen) {
    choice.reason = "it does not go with the rest";
  } else if (!table.record(*living).track_features.empty()) {
    choice.reason = "it has track_features, which weigh it down";
  } else {
    choice.reason = "its channel has a lower priority";
  }
  return choice;
}

Solution solution_of(const Candidates& table, const Consistency& state, const Chosen& chosen) {
  Solution solution;
  for (const CandidateIndex candidate : link_order(table, chosen)) {
    solution.packages.push_back(table.record(candidate));
  }
  solution.notes = notes_on(table, chosen);
  add_lost_leaves(table, chosen, solution);
  for (const NameIndex name : table.direct) {
    const auto found = std::find_if(chosen.begin(), chosen.end(), [&](CandidateIndex candidate) {
      return table.candidates[candidate].name == name;
    });
    if (found != chosen.end()) solution.asked.push_back(choice_of(table, state, *found));
  }
  return solution;
}

std::string day_of(std::int64_t milliseconds) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{
      std::chrono::milliseconds(milliseconds)};
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

/// "No" is said on the proof of arc consistency or of libsolv, never on the dive's.
SolveOutcome attempt(const Candidates& table, std::span<const SpecIndex> preferences,
                     Method method) {
  Consistency state(table);
  if (const auto failed = state.start(preferences)) return explain_empty(table, state, *failed);
  if (method == Method::dive) {
    const auto proposal = dive(table, state);
    if (proposal.has_value() && confirm(table, *proposal)) {
      return solution_of(table, state, *proposal);
    }
  }
  auto found = search(table, all_living(table, state));
  if (auto* chosen = std::get_if<Chosen>(&found)) return solution_of(table, state, *chosen);
  return conflict_of(table, std::get<std::vector<std::string>>(std::move(found)));
}

/// Which preferences can be kept: all, or one after the other those that fit.
std::vector<SpecIndex> kept_preferences(const Candidates& table, Method method) {
  std::vector<SpecIndex> kept;
  if (table.preferences.size() < 2) return kept;
  for (const SpecIndex preference : table.preferences) {
    kept.push_back(preference);
    if (std::holds_alternative<Conflict>(attempt(table, kept, method))) kept.pop_back();
  }
  return kept;
}

}  // namespace

Result<SolveOutcome> solve(const SolveRequest& request) {
  if (request.index == nullptr) return fail(ErrorKind::bug, "a solve without an index");
  if (auto unknown = unknown_wishes(request)) return SolveOutcome(std::move(*unknown));
  HPCENV_ASSIGN(const Candidates table, collect_candidates(request));
  SolveOutcome outcome = attempt(table, table.preferences, request.method);
  if (std::holds_alternative<Conflict>(outcome) && !table.preferences.empty()) {
    outcome = attempt(table, kept_preferences(table, request.method), request.method);
  }
  auto* conflict = std::get_if<Conflict>(&outcome);
  if (conflict != nullptr && request.exclude_newer.has_value()) {
    conflict->hints.push_back(
        fmt::format("packages made after {} are left out: a later --exclude-newer has more",
                    day_of(*request.exclude_newer)));
  }
  return outcome;
}

}  // namespace hpcenv::solve
