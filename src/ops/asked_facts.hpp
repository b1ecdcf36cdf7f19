// What the doctor asks of others before it checks: file systems, Slurm, servers, stored targets.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "doctor/finding.hpp"
#include "host/storage.hpp"
#include "host/target.hpp"
#include "net/http.hpp"
#include "ops/seams.hpp"

namespace hpcenv::ops {

/// How channels would be asked.
struct NetworkRequest {
  std::vector<std::string> channels;  ///< urls
  Result<net::HttpOptions> options;   ///< an error: no client can be made
  std::string ca_setting;             ///< the file that `ssl_verify` names; empty: it is a word
};

struct AskRequest {
  host::NamedPaths places;                  ///< of this machine
  const NetworkRequest* network = nullptr;  ///< null: this machine is a captured one
};

/// Puts into `subject` what the chosen checks ask of others. All are asked beside each other,
/// within seconds: 5 for programs and 10 for servers; who does not answer is told as such.
void ask_others(std::span<const doctor::Check> checks, const AskRequest& request,
                const LocalSeams& seams, doctor::Subject& subject);

/// The targets that this user has, for their age.
std::vector<doctor::StoredTarget> stored_targets(const host::HostReader& reader);
/// One of them.
doctor::StoredTarget stored_target(const host::Target& target, const host::HostReader& reader);

}  // namespace hpcenv::ops
