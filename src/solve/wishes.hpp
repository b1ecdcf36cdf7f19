// What a request says about single names: each spec with the name it is about and where it comes
// from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "solve/solver.hpp"

namespace hpcenv::solve {

/// Who says what a name has to be; in the order in which they are told.
enum class Origin : std::uint8_t { record, asked, kept, pinned, held, disallowed, preferred };

struct Wish {
  std::string name;
  const conda::MatchSpec* spec = nullptr;  ///< of the request
  Origin origin = Origin::asked;
};

struct Wishes {
  std::vector<Wish> roots;          ///< asked and kept, in their order: required
  std::vector<std::string> direct;  ///< names that shall be as new as they can be, in order
  std::vector<std::string> update;  ///< those of them that are only there to be updated
  /// Installed names that nothing else installed needs (one of each cycle): asked for by somebody,
  /// whoever it was.
  std::vector<std::string> leaves;
};

/// Kind bad_spec: a pattern as a name that fits no installed package and not exactly one other.
Result<Wishes> gather_wishes(const SolveRequest& request);

}  // namespace hpcenv::solve
