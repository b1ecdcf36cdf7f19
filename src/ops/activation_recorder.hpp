// Records what the activation scripts of a prefix do (facts/activation.md C): looks at each once,
// derives rules from three states of the variables, and tries them on others until they say what
// the scripts do, or are given up.
#pragma once

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "ops/activation_record.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {

struct RecordingRequest {
  RecordKey key;                 ///< of now
  shell::Activation activation;  ///< without what scripts do: what they find
  std::string bash;
  base::Environment environment;  ///< the user's: HOME of who lets scripts act, TMPDIR
  /// Whether scripts that do more than set variables may do it, once; the caller holds the lock.
  enum class Acting { no, once };
  Acting acting = Acting::no;
  std::string acted_for;  ///< of an older record: they have acted for this state already
  std::vector<std::string> acted;
  std::int64_t now = 0;
};

/// Scripts that hang, exit or fail are verdicts, never errors; errors are of the ground (io), or
/// interrupted and terminated. A script that acted and failed is a warning.
Result<ActivationRecord> record_scripts(const RecordingRequest& request,
                                        base::ProcessRunner& runner, base::Reporter& reporter);

}  // namespace hpcenv::ops
