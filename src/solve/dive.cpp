#include "solve/dive.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hpcenv::solve {

namespace {

/// Beginnings after a dead end, and orders of the direct names that are tried for newer ones.
constexpr int restart_limit = 8;
constexpr std::size_t order_limit = 12;

class Dive {
 public:
  Dive(const Candidates& table, const Consistency& state)
      : table_(&table), state_(state), spare_(state) {}

  /// The name that ran out, if one did.
  Consistency::Failed run(std::span<const NameIndex> order) {
    for (const NameIndex name : table_->update) want(name);
    for (const NameIndex name : order) {
      if (const auto failed = choose_version(name)) return failed;
    }
    if (const auto failed = keep_installed()) return failed;
    for (const NameIndex name : table_->direct) {
      if (const auto failed = choose_candidate(name)) return failed;
    }
    // Required names come in the order in which they were found, which is breadth-first. Of what
    // nobody asked for the versions count before the builds, as conda has it.
    for (std::size_t i = 0; i < state_.required_names().size(); ++i) {
      if (const auto failed = choose_version(state_.required_names()[i])) return failed;
    }
    for (std::size_t i = 0; i < state_.required_names().size(); ++i) {
      if (const auto failed = choose_candidate(state_.required_names()[i])) return failed;
    }
    return std::nullopt;
  }

  const Consistency& state() const { return state_; }

 private:
  /// Narrows a name to its newest version that goes with what was chosen before.
  Consistency::Failed choose_version(NameIndex name) {
    while (state_.is_required(name) && state_.living_count(name) > 1) {
      const CandidateIndex best = newest(name);
      const std::uint32_t rank = table_->candidates[best].version_rank;
      spare_ = state_;
      if (!state_.keep_only(name, words_of_version(name, rank)).has_value()) return std::nullopt;
      std::swap(state_, spare_);
      if (const auto failed = state_.drop_version(name, rank)) return failed;
    }
    return std::nullopt;
  }

  Consistency::Failed choose_candidate(NameIndex name) {
    while (state_.is_required(name) && state_.living_count(name) > 1) {
      const CandidateIndex best = *state_.best(name);
      spare_ = state_;
      if (!state_.choose(std::span(&best, 1)).has_value()) return std::nullopt;
      std::swap(state_, spare_);
      if (const auto failed = state_.drop(best)) return failed;
    }
    return std::nullopt;
  }

  /// Lets a name be there, if anything of it can.
  void want(NameIndex name) {
    if (state_.is_required(name) || !state_.best(name).has_value()) return;
    spare_ = state_;
    if (state_.choose(name).has_value()) std::swap(state_, spare_);
  }

  Consistency::Failed keep_installed() {
    std::vector<CandidateIndex> living;
    for (const CandidateIndex candidate : table_->stays) {
      if (state_.is_living(candidate)) living.push_back(candidate);
    }
    if (!living.empty()) {
      // Mostly all that live can stay together.
      spare_ = state_;
      if (state_.choose(living).has_value()) {
        std::swap(state_, spare_);
        for (const CandidateIndex candidate : living) {
          if (const auto failed = keep_one(candidate)) return failed;
        }
      }
    }
    // What somebody asked for once stays in another version rather than not at all.
    for (const NameIndex leaf : table_->leaves) want(leaf);
    return std::nullopt;
  }

  Consistency::Failed keep_one(CandidateIndex candidate) {
    if (!state_.is_living(candidate)) return std::nullopt;
    spare_ = state_;
    if (!state_.choose(std::span(&candidate, 1)).has_value()) return std::nullopt;
    std::swap(state_, spare_);
    return state_.drop(candidate);
  }

  /// The version of the most preferred one: track_features and channels go before newness.
  CandidateIndex newest(NameIndex name) const { return *state_.best(name); }

  std::vector<Word> words_of_version(NameIndex name, std::uint32_t rank) const {
    const Name& entry = table_->names[name];
    std::vector<Word> words(entry.word_count);
    for (std::uint32_t i = 0; i < entry.candidate_count; ++i) {
      if (table_->candidates[entry.first_candidate + i].version_rank != rank) continue;
      words[i / word_bits] |= Word{1} << (i % word_bits);
    }
    return words;
  }

  const Candidates* table_;
  Consistency state_;
  Consistency spare_;  ///< what to go back to; kept for its memory
};

struct Proposal {
  std::vector<CandidateIndex> chosen;
  std::vector<NameIndex> losers;  ///< direct names that are not at their newest, the worst first
  std::uint64_t loss = 0;
};

/// How much older than the newest living version a direct name came out.
std::uint64_t loss_of(const Candidates& table, CandidateIndex newest, CandidateIndex chosen) {
  const auto& best = table.record(newest);
  const auto& taken = table.record(chosen);
  if (table.candidates[newest].version_rank >= table.candidates[chosen].version_rank) return 0;
  const auto dot = [](const std::string& text, std::size_t from) {
    return std::min(text.find('.', from), text.size());
  };
  const std::size_t major = dot(best.version, 0);
  const std::size_t minor = dot(best.version, std::min(major + 1, best.version.size()));
  const bool same_major =
      taken.version.substr(0, dot(taken.version, 0)) == best.version.substr(0, major);
  const bool same_minor = taken.version.starts_with(best.version.substr(0, minor));
  if (!same_major) return 100;
  if (same_minor) return 1;
  return best.name == "python" ? 100 : 10;
}

class Search {
 public:
  Search(const Candidates& table, const Consistency& start) : table_(&table), start_(start) {
    start_.forget_deaths();
  }

  std::optional<std::vector<CandidateIndex>> run() {
    std::optional<Proposal> best = propose(table_->direct);
    if (!best.has_value()) return std::nullopt;
    const std::vector<NameIndex> losers = best->losers;
    for (std::size_t i = 0; i < std::min(losers.size(), order_limit) && best->loss > 0; ++i) {
      auto other = propose(first(losers[i]));
      if (other.has_value() && other->loss < best->loss) best = std::move(other);
    }
    return std::move(best->chosen);
  }

 private:
  std::vector<NameIndex> first(NameIndex name) const {
    std::vector<NameIndex> order = table_->direct;
    const auto place = std::find(order.begin(), order.end(), name);
    if (place == order.end()) {
      order.insert(order.begin(), name);
    } else {
      std::rotate(order.begin(), place, place + 1);
    }
    return order;
  }

  /// Dives; where it ends dead, again with the name first that ran out.
  std::optional<Proposal> propose(std::vector<NameIndex> order) {
    for (int restart = 0; restart <= restart_limit; ++restart) {
      Dive dive(*table_, start_);
      const auto failed = dive.run(order);
      if (!failed.has_value()) return proposal_of(dive.state());
      const auto place = std::find(order.begin(), order.end(), *failed);
      if (place != order.end()) order.erase(place);
      order.insert(order.begin(), *failed);
    }
    return std::nullopt;
  }

  Proposal proposal_of(const Consistency& state) const {
    Proposal proposal;
    for (const NameIndex name : state.required_names()) {
      if (!table_->is_virtual(name)) proposal.chosen.push_back(*state.best(name));
    }
    std::vector<std::pair<std::uint64_t, NameIndex>> losses;
    for (const NameIndex name : table_->direct) {
      // A name that shall only be updated can turn out impossible.
      if (!state.is_required(name)) continue;
      const std::uint64_t loss = loss_of(*table_, *start_.best(name), *state.best(name));
      proposal.loss += loss;
      if (loss > 0) losses.emplace_back(loss, name);
    }
    std::stable_sort(losses.begin(), losses.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [loss, name] : losses) proposal.losers.push_back(name);
    return proposal;
  }

  const Candidates* table_;
  Consistency start_;
};

}  // namespace

std::optional<std::vector<CandidateIndex>> dive(const Candidates& table, const Consistency& start) {
  return Search(table, start).run();
}

}  // namespace hpcenv::solve
