// What the solver is asked about an environment: present wishes sorted among earlier ones and pins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/match_spec.hpp"
#include "ops/change.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

using Specs = std::vector<conda::MatchSpec>;

struct Question {
  Specs specs;                      ///< shall be as new as they can be
  Specs kept;                       ///< have to be met
  std::vector<std::string> update;  ///< installed names to make newer
  Specs pins;
  Specs python_pin;
  Specs disallowed;
};

/// A wish of the command line replaces an earlier one about the same name, except that a bare name
/// loosens nothing. Kind bad_spec for a pin that cannot be read.
Result<Question> question_of(const ChangeRequest& request, const prefix::PrefixState& state,
                             const Specs& earlier);
/// What goes to the history: a bare name says nothing new about what was asked for before, and
/// `update NAME` is no wish to have it.
std::vector<std::string> wishes_to_note(const ChangeRequest& request,
                                        const prefix::PrefixState& state, const Specs& earlier);

/// The spec about a name; null where there is none.
const conda::MatchSpec* find_spec(const Specs& specs, std::string_view name);

}  // namespace hpcenv::ops
