#include "ops/explain.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "solve/relax.hpp"

namespace hpcenv::ops {
namespace {

/// Python's minor version was kept though nobody asked for it: says what would be with it free.
Result<> add_python_hint(solve::Conflict& conflict, solve::SolveRequest wanted,
                         const Question& question) {
  if (question.python_pin.empty()) return {};
  wanted.held.clear();
  HPCENV_ASSIGN(const solve::SolveOutcome outcome, solve::solve(wanted));
  const auto* solution = std::get_if<solve::Solution>(&outcome);
  const auto* python = solution == nullptr ? nullptr : find_package(*solution, "python");
  if (python == nullptr) return {};
  conflict.hints.push_back(fmt::format(
      "python keeps its minor version unless it is asked for; with python={} this fits: add that "
      "to the command",
      python->version));
  return {};
}

/// Earlier wishes are in the way: names those that would have to give way.
Result<> add_hints_on_earlier(solve::Conflict& conflict, solve::SolveRequest wanted,
                              const Specs& kept) {
  if (kept.empty()) return {};
  wanted.kept.clear();
  HPCENV_ASSIGN(const solve::SolveOutcome outcome, solve::solve(wanted));
  const auto* solution = std::get_if<solve::Solution>(&outcome);
  if (solution == nullptr) return {};
  for (const conda::MatchSpec& spec : kept) {
    const auto* record = find_package(*solution, spec.name.text());
    if (record == nullptr) {
      conflict.hints.push_back(
          fmt::format("it fits without {0}, which was asked for earlier: "
                      "hpcenv remove {0}",
                      spec.name.text()));
    } else if (!spec.matches(*record)) {
      conflict.hints.push_back(
          fmt::format("it fits if '{}', asked for earlier, gives way: add '{}={}' to the command",
                      spec.text, record->name, record->version));
    }
  }
  return {};
}

/// The newest record of a name that the channels' priority lets through; null: no channel has it.
const conda::PackageRecord* newest_in(const index::ChannelIndex& channels, std::string_view name,
                                      solve::ChannelPriority priority) {
  const index::IndexedRecord* newest = nullptr;
  std::optional<conda::Version> newest_version;
  const bool is_strict = priority == solve::ChannelPriority::strict;
  for (const index::IndexedRecord& indexed : channels.records) {
    if (indexed.record.name != name) continue;
    auto version = conda::Version::parse(indexed.record.version);
    if (!version.has_value()) continue;
    const bool is_other = is_strict && newest != nullptr && indexed.channel != newest->channel;
    const bool is_better = newest == nullptr || (is_other ? indexed.channel < newest->channel
                                                          : *version > *newest_version);
    if (!is_better) continue;
    newest = &indexed;
    newest_version = std::move(*version);
  }
  return newest == nullptr ? nullptr : &newest->record;
}

/// Says of names that shall be newer what an earlier wish, or the care for python, keeps back.
void add_notes_on_earlier(const ChangeRequest& request, const Question& question,
                          const index::ChannelIndex& channels, const solve::Solution& solution,
                          std::vector<std::string>& notes) {
  Specs holding = question.kept;
  holding.insert(holding.end(), question.python_pin.begin(), question.python_pin.end());
  std::set<std::string> told;
  for (std::size_t i = 0; i < holding.size(); ++i) {
    const conda::MatchSpec& spec = holding[i];
    const std::string& name = spec.name.text();
    const bool is_meant = request.scope == ChangeRequest::Scope::all ||
                          std::ranges::find(question.update, name) != question.update.end();
    const auto* chosen = find_package(solution, name);
    const auto* newest = newest_in(channels, name, request.rules.priority);
    if (!is_meant || chosen == nullptr || newest == nullptr || spec.matches(*newest)) continue;
    if (!told.insert(name).second) continue;
    const bool is_wish = i < question.kept.size();
    notes.push_back(
        fmt::format("{0} {1} is not the newest ({2}): {3}; to change that: hpcenv update '{0}={2}'",
                    name, chosen->version, newest->version,
                    is_wish ? fmt::format("'{}' was asked for earlier", spec.text)
                            : "its minor version is kept unless it is named"));
  }
}

}  // namespace

const conda::PackageRecord* find_package(const solve::Solution& solution, std::string_view name) {
  const auto found = std::ranges::find_if(
      solution.packages, [&](const conda::PackageRecord& record) { return record.name == name; });
  return found == solution.packages.end() ? nullptr : &*found;
}

Result<> add_hints(solve::Conflict& conflict, const solve::SolveRequest& wanted,
                   const Question& question) {
  if (!conflict.unknown_names.empty()) return {};
  for (std::string& hint : solve::relaxed_hints(wanted)) {
    conflict.hints.push_back(std::move(hint));
  }
  HPCENV_TRY(add_python_hint(conflict, wanted, question));
  return add_hints_on_earlier(conflict, wanted, question.kept);
}

std::vector<std::string> notes_on(const ChangeRequest& request, const Question& question,
                                  const index::ChannelIndex& channels,
                                  const solve::Solution& solution) {
  std::vector<std::string> notes = solution.notes;
  for (const solve::Choice& choice : solution.asked) {
    if (choice.reason.empty()) continue;
    notes.push_back(fmt::format("{} {} is not the newest ({}): {}", choice.name, choice.version,
                                choice.newest, choice.reason));
  }
  add_notes_on_earlier(request, question, channels, solution, notes);
  return notes;
}

}  // namespace hpcenv::ops
