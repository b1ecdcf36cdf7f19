// Runs scripts with one incoming environment after the other, until rules say what they do.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ops/activation_probe.hpp"
#include "shell/activation.hpp"
#include "shell/derive.hpp"

namespace hpcenv::ops {

/// Stands in every value that a trial makes up.
inline constexpr std::string_view trial_mark = "hpcenv-trial";

struct Finding {
  shell::Derived derived;
  std::vector<shell::Guard> guards;
  std::map<std::string, std::set<std::string>> written_by;  ///< script -> names
  std::set<std::string> unexplained;                        ///< names; then the rules are of no use
};

class Trials {
 public:
  Trials(const shell::Activation& activation, std::string bash, const ProbeGround& ground,
         base::ProcessRunner& runner)
      : activation_(activation), bash_(std::move(bash)), ground_(ground), runner_(runner) {}

  /// Makes the folders that stand for homes and working directories.
  Result<> prepare();
  /// Closely, from a state in which nothing is set but what each user has.
  Result<ProbeRun> look(const std::vector<std::string>& scripts);
  /// The same state, with the user's own home and place for temporary files.
  base::Environment user_start(const base::Environment& environment) const;
  /// `texts`: of each script, with what it sources.
  Result<Finding> find_rules(const std::vector<std::string>& scripts,
                             const std::map<std::string, std::string>& texts);
  /// Names that come out otherwise where `live` scripts are sourced after the rules than where all
  /// of them are sourced in their order.
  Result<std::set<std::string>> order_matters_for(const shell::Derived& derived,
                                                  std::vector<std::string> scripts,
                                                  const std::vector<std::string>& live);

 private:
  /// What each varied variable is in a trial: by name, in the order unset, empty, set.
  using States = std::map<std::string, shell::Incoming>;

  base::Environment start(const std::string& label) const;
  base::Environment incoming(const States& states, const std::string& label) const;
  Result<shell::Observation> observe(const base::Environment& incoming);
  Result<Finding> derive(const std::set<std::string>& varied);
  /// Tries the rules on other states; nothing where they hold, or no single variable is to blame
  /// (then `finding` names what is unexplained).
  Result<std::optional<shell::Guard>> verify(const std::set<std::string>& varied, Finding& finding);
  Result<ProbeRun> run(const std::vector<std::string>& scripts, const base::Environment& incoming,
                       ProbeRequest::Look look);
  Result<std::optional<shell::Guard>> culprit(const shell::Derived& derived, States states);
  std::set<std::string> names_to_vary(const std::vector<std::string>& scripts,
                                      const std::map<std::string, std::string>& texts) const;

  const shell::Activation& activation_;
  std::string bash_;
  const ProbeGround& ground_;
  base::ProcessRunner& runner_;
  std::vector<std::string> scripts_;  ///< of the search that is under way
  std::size_t counter_ = 0;
};

}  // namespace hpcenv::ops
