#include "solve/solver.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "solve/candidates.hpp"
#include "solve/conflict.hpp"
#include "solve/consistency.hpp"
#include "solve/dive.hpp"
#include "solve/order.hpp"
#include "solve/search.hpp"

namespace hpcenv::solve {

namespace {

using Chosen = std::vector<CandidateIndex>;
using Attempt = std::variant<Chosen, Conflict>;

constexpr std::size_t suggestion_limit = 3;

/// Wishes whose name no channel has, with what was probably meant.
std::optional<Conflict> unknown_wishes(const SolveRequest& request) {
  const auto& known = request.index->all_names;
  Conflict conflict;
  for (const conda::MatchSpec& spec : request.specs) {
    const std::string& name = spec.name.text();
    if (!spec.name.is_exact() || name.starts_with("__")) continue;
    if (std::binary_search(known.begin(), known.end(), name)) continue;
    conflict.unknown_names.push_back(name);
    conflict.lines.push_back(
        fmt::format("you asked for '{}', but no channel has {}", spec.text, name));
    const auto nearest = base::nearest_words(name, known, suggestion_limit);
    if (nearest.empty()) continue;
    conflict.hints.push_back(
        fmt::format("did you mean {} instead of {}?", base::join(nearest, " or "), name));
  }
  if (conflict.unknown_names.empty()) return std::nullopt;
  return conflict;
}

Chosen all_living(const Candidates& table, const Consistency& state) {
  Chosen living;
  for (CandidateIndex i = 0; i < table.candidates.size(); ++i) {
    if (state.is_living(i)) living.push_back(i);
  }
  return living;
}

/// "No" is said on the proof of arc consistency or of libsolv, never on the dive's.
Attempt attempt(const Candidates& table, std::span<const SpecIndex> preferences, Method method) {
  Consistency state(table);
  if (const auto failed = state.start(preferences)) return explain_empty(table, state, *failed);
  if (method == Method::dive) {
    if (auto proposal = dive(table, state)) {
      auto confirmed = search(table, *proposal);
      if (auto* chosen = std::get_if<Chosen>(&confirmed)) return std::move(*chosen);
    }
  }
  auto found = search(table, all_living(table, state));
  if (auto* chosen = std::get_if<Chosen>(&found)) return std::move(*chosen);
  return conflict_of(std::get<std::vector<std::string>>(std::move(found)));
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

/// Says of each preference that is not met what came instead.
std::vector<std::string> notes_on(const Candidates& table, const Chosen& chosen) {
  std::vector<std::string> notes;
  for (const SpecIndex preference : table.preferences) {
    const Spec& spec = table.specs[preference];
    const AcceptedSet& set = table.sets[spec.set];
    const auto found = std::find_if(chosen.begin(), chosen.end(), [&](CandidateIndex candidate) {
      return table.candidates[candidate].name == spec.name;
    });
    if (found == chosen.end()) continue;
    const std::uint32_t bit = *found - table.names[spec.name].first_candidate;
    if ((set.words[bit / word_bits] >> (bit % word_bits) & 1U) != 0) continue;
    notes.push_back(fmt::format("'{}' would be better here, but what was asked for needs {} {}",
                                spec.text, table.record(*found).name,
                                table.record(*found).version));
  }
  return notes;
}

Solution solution_of(const Candidates& table, const Chosen& chosen) {
  Solution solution;
  for (const CandidateIndex candidate : link_order(table, chosen)) {
    solution.packages.push_back(table.record(candidate));
  }
  solution.notes = notes_on(table, chosen);
  return solution;
}

}  // namespace

Result<SolveOutcome> solve(const SolveRequest& request) {
  if (request.index == nullptr) return fail(ErrorKind::bug, "a solve without an index");
  if (auto unknown = unknown_wishes(request)) return SolveOutcome(std::move(*unknown));
  HPCENV_ASSIGN(const Candidates table, collect_candidates(request));
  Attempt outcome = attempt(table, table.preferences, request.method);
  if (std::holds_alternative<Conflict>(outcome) && !table.preferences.empty()) {
    outcome = attempt(table, kept_preferences(table, request.method), request.method);
  }
  if (auto* chosen = std::get_if<Chosen>(&outcome)) {
    return SolveOutcome(solution_of(table, *chosen));
  }
  return SolveOutcome(std::get<Conflict>(std::move(outcome)));
}

}  // namespace hpcenv::solve
