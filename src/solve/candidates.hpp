// The records that a request can reach, grouped by name and ranked, with every spec about them
// matched once into a set of bits (design.md decision 4).
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "solve/offers.hpp"

namespace hpcenv::solve {

// Positions in the vectors of `Candidates`.
using NameIndex = std::uint32_t;
using CandidateIndex = std::uint32_t;
using SpecIndex = std::uint32_t;
using SetIndex = std::uint32_t;

using Word = std::uint64_t;
inline constexpr std::uint32_t word_bits = 64;

/// All records of one name lie side by side, the most preferred first. In arrays of bits a name has
/// `word_count` words from `first_word`; bit i stands for candidate `first_candidate + i`.
struct Name {
  std::string_view text;
  CandidateIndex first_candidate = 0;
  std::uint32_t candidate_count = 0;
  std::uint32_t first_word = 0;
  std::uint32_t word_count = 0;
  std::vector<SetIndex> sets;
};

enum class DemandKind : std::uint8_t { depends, constrains };

struct Demand {
  NameIndex name = 0;
  SpecIndex spec = 0;
  SetIndex set = 0;
  DemandKind kind = DemandKind::depends;
};

struct Candidate {
  const conda::PackageRecord* record = nullptr;
  NameIndex name = 0;
  std::uint32_t version_rank = 0;      ///< 0: the newest version of its name; equal ones share it
  std::span<const Demand> demands{};   ///< by name
  std::string_view unreadable_spec{};  ///< a depends that cannot be read: not installable
  bool installed = false;
};

/// A distinct text of a spec.
struct Spec {
  std::string_view text;
  NameIndex name = 0;
  SetIndex set = 0;
  Origin origin = Origin::record;
};

struct SpecUser {
  CandidateIndex candidate = 0;
  SpecIndex spec = 0;
};

/// What specs of one name accept; specs that accept the same share it.
struct AcceptedSet {
  NameIndex name = 0;
  std::vector<Word> words;
  std::span<const SpecUser> depends{};
  std::span<const SpecUser> constrains{};
};

/// Refers to texts of the index and the request, which have to outlive it. Can be moved, not
/// copied.
struct Candidates {
  Candidates() = default;
  Candidates(Candidates&&) noexcept = default;
  Candidates& operator=(Candidates&&) noexcept = default;
  Candidates(const Candidates&) = delete;
  Candidates& operator=(const Candidates&) = delete;
  ~Candidates() = default;

  std::vector<Name> names;
  std::vector<Candidate> candidates;
  std::vector<Spec> specs;
  std::vector<AcceptedSet> sets;
  std::vector<Demand> demands;    ///< of all candidates, which point into it
  std::vector<SpecUser> users;    ///< of all sets, which point into it
  std::vector<SpecIndex> roots;   ///< asked and kept: required
  std::vector<SpecIndex> limits;  ///< pins, and what is disallowed (its set is what is allowed)
  std::vector<SpecIndex> preferences;  ///< of the request, about names that are reached
  std::vector<NameIndex> direct;       ///< shall be as new as they can be, in order
  std::vector<NameIndex> update;       ///< shall be there if they can, and are among `direct`
  std::vector<CandidateIndex> stays;   ///< installed ones that shall stay if they can
  std::vector<NameIndex> leaves;       ///< installed names that nothing installed needs
  /// What strict priority keeps from being a candidate, by name; to explain.
  std::unordered_map<std::string_view, std::vector<Offer>> hidden;
  std::vector<std::string> channel_names;
  const Machine* machine = nullptr;  ///< of the request
  std::uint32_t word_count = 0;
  std::deque<std::string> own_texts;  ///< names that no record carries

  bool is_virtual(NameIndex name) const { return names[name].text.starts_with("__"); }
  const conda::PackageRecord& record(CandidateIndex candidate) const {
    return *candidates[candidate].record;
  }
};

/// Kind bad_spec as `gather_wishes`.
Result<Candidates> collect_candidates(const SolveRequest& request);

}  // namespace hpcenv::solve
