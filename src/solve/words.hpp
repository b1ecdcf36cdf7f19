// Candidates, specs and machines in words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "solve/candidates.hpp"

namespace hpcenv::solve {

/// "you asked for 'numpy <2'", "'python 3.11.*' is pinned".
std::string wish_sentence(const Candidates& table, const Spec& spec);

/// "numpy 1.26.4", "numpy 1.26.4 and 2.0", "numpy 1.20 to 2.0": candidates of one name.
std::string describe(const Candidates& table, std::span<const CandidateIndex> candidates);

/// "numpy 1.26.4 needs 'python <3.13'", "numpy 1.26.4 and 2.0 need 'python <3.13'"; of constrains
/// "cuda-version 13.0 goes only with '__cuda >=13'".
std::string describe_demand(const Candidates& table, std::span<const CandidateIndex> candidates,
                            std::string_view spec, DemandKind kind);

/// What the machine offers in place of a virtual package that is missing or too old.
std::string describe_machine(const Candidates& table, NameIndex name);

/// What the channels have in place of what a spec asks for: versions, or builds of the right one.
std::string describe_offer(const Candidates& table, const Spec& spec);

/// Where a spec asks for exactly a version that is not there: what a `.*` behind it would take.
std::optional<std::string> near_offer(const Candidates& table, const Spec& spec);

/// What a spec would accept of a channel that strict priority hides.
struct HiddenOffer {
  std::string package;  ///< name and version
  std::string channel;
};
std::optional<HiddenOffer> hidden_offer(const Candidates& table, const Spec& spec);

/// All candidates of a name; those that a spec accepts.
std::vector<CandidateIndex> all_of(const Candidates& table, NameIndex name);
std::vector<CandidateIndex> accepted_by(const Candidates& table, SpecIndex spec);

}  // namespace hpcenv::solve
