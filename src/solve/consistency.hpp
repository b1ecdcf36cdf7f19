// Arc consistency: what cannot be part of any solution dies, until nothing more follows
// (facts behind it: each rule keeps every solution).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "solve/candidates.hpp"

namespace hpcenv::solve {

/// Why a candidate cannot be installed; the first reason found.
struct Death {
  enum class Cause : std::uint8_t {
    none,           ///< it lives
    unreadable,     ///< a depends that cannot be read
    not_asked,      ///< the spec `by` of the request (asked, kept, pinned, disallowed) forbids it
    not_preferred,  ///< the preference `by` does not accept it
    no_provider,    ///< its depends `by` has no living provider
    constrained,    ///< its constrains `by` accepts none that lives of a required name
    not_accepted,   ///< no living candidate of the required name `by` accepts it
    dropped,        ///< tried and found impossible beside earlier choices
  };
  Cause cause = Cause::none;
  std::uint32_t by = 0;
};

/// Why a name has to be installed.
struct Requirement {
  enum class Source : std::uint8_t { none, machine, request, name, choice };
  Source source = Source::none;
  std::uint32_t by = 0;  ///< a spec of the request, or the name whose candidates all depend on it
};

/// A value: copies are independent. Every change returns the name that ran out of candidates though
/// it is required, if one did; after that the object is of no more use but to explain.
class Consistency {
 public:
  using Failed = std::optional<NameIndex>;

  explicit Consistency(const Candidates& table);

  /// The given facts: virtual packages are there, roots are required and accept what they say.
  Failed start(std::span<const SpecIndex> preferences);
  /// Keeps those of a name that `keep` says (indexed by bit), and propagates.
  Failed keep_only(NameIndex name, std::span<const Word> keep);
  /// Each of these, of different names, is installed and nothing else of its name.
  Failed choose(std::span<const CandidateIndex> candidates);
  /// Something of this name is installed.
  Failed choose(NameIndex name);
  /// Drops one candidate that is proven impossible.
  Failed drop(CandidateIndex candidate);
  Failed drop_version(NameIndex name, std::uint32_t version_rank);

  /// From now on nobody asks why a candidate died; copies are cheaper.
  void forget_deaths() { deaths_.clear(); }

  bool is_living(CandidateIndex candidate) const;
  bool is_required(NameIndex name) const {
    return requirements_[name].source != Requirement::Source::none;
  }
  /// The most preferred living candidate.
  std::optional<CandidateIndex> best(NameIndex name) const;
  std::uint32_t living_count(NameIndex name) const;
  std::vector<CandidateIndex> living(NameIndex name) const;
  bool any_living(SetIndex set) const;
  std::span<const NameIndex> required_names() const { return required_names_; }

  const Death& death(CandidateIndex candidate) const { return deaths_[candidate]; }
  const Requirement& requirement(NameIndex name) const { return requirements_[name]; }

 private:
  void kill(CandidateIndex candidate, Death death);
  void kill_outside(NameIndex name, std::span<const Word> keep, Death death);
  void require(NameIndex name, Requirement requirement);
  Failed propagate();
  void empty_sets(NameIndex name);
  void kill_constrained(SetIndex set);
  void look_at_required(NameIndex name);
  void look_at_demand(NameIndex name, std::span<const CandidateIndex> living,
                      std::span<const Demand> demands);

  const Candidates* table_;
  std::vector<Word> words_;
  std::vector<std::uint8_t> empty_;  ///< of each set
  std::vector<Death> deaths_;
  std::vector<Requirement> requirements_;
  std::vector<NameIndex> required_names_;
  std::vector<std::uint8_t> changed_;  ///< of each name: 1 its sets have to be looked at, 2 itself
  std::vector<NameIndex> set_queue_;
  std::vector<NameIndex> name_queue_;
};

}  // namespace hpcenv::solve
