// From a refused probe to the next one: one option is added or dropped at a time, until sbatch
// takes it or somebody has to be asked. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "slurm/probe_request.hpp"
#include "slurm/reach.hpp"
#include "slurm/refusal.hpp"

namespace hpcenv::slurm {

/// What may be tried without asking anybody.
struct ProbeChoices {
  std::vector<std::string> accounts{};  ///< the user's, the default one first
  std::vector<std::string> qos{};
  std::uint64_t longest_seconds = 0;  ///< that a probe may take; 0: no limit is known
  /// Options that came from variables of the login environment, and may be wrong: dropped before
  /// anybody is asked.
  bool account_of_environment = false;
  bool qos_of_environment = false;
};

struct LadderStep {
  enum class Kind {
    retry,    ///< with `ProbeLadder::request`
    ask,      ///< the user, for `field`
    give_up,  ///< nothing is left to try
  };
  Kind kind = Kind::give_up;
  ReachField field = ReachField::account;  ///< of ask
  std::vector<std::string> values;         ///< of ask: what is known to choose from
  std::string change;  ///< of retry: "--gres=gpu:1 in place of --gres=gpu:a100:1"
};

class ProbeLadder {
 public:
  ProbeLadder(ProbeRequest first, ProbeChoices choices)
      : request_(std::move(first)), choices_(std::move(choices)), tried_{request_.spelling} {}

  const ProbeRequest& request() const { return request_; }
  /// sbatch said no to `request`.
  LadderStep refused(const Refusal& refusal);
  /// The user's answer to `ask`; the request has it now.
  void answer(ReachField field, const std::string& value);
  /// What refusals and answers taught: fields of a target, sources plugin, asked or slurm.
  Reach learnt(std::int64_t now) const;

 private:
  bool change_for(RefusalTopic topic, const Refusal& refusal);
  bool next_account();
  bool next_qos();
  bool longer();
  bool next_spelling(const std::string& said);
  void learn(ReachField field, std::string value, ReachSource source);

  ProbeRequest request_;
  ProbeChoices choices_;
  std::set<GpuSpelling> tried_;
  Reach learnt_;
  bool lengthened_ = false;
};

}  // namespace hpcenv::slurm
