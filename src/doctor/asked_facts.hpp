// What others say that the doctor asks: Slurm's programs, servers, the targets that are stored.
// Gathered before the checks (ops/asked_facts.cpp), plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "slurm/site.hpp"

namespace hpcenv::doctor {

/// How a program that was asked ended.
enum class Asked { not_there, answered, failed, no_answer };

struct SlurmFacts {
  Asked ping = Asked::not_there;        ///< `scontrol ping`
  std::string ping_text;                ///< what it printed
  std::string version;                  ///< "22.05.8"; empty: not known
  Asked partitions = Asked::not_there;  ///< `sinfo`
  std::string problem;                  ///< in sinfo's words, where it failed
  slurm::SiteProfile site;
  std::string select_type;  ///< "select/cons_tres"; empty: not known
};

/// One channel, asked for its index.
struct ReachFacts {
  enum class End { answered, offline, untrusted, bad_certificates, unreachable, failed };
  std::string url;
  std::string proxy;  ///< it goes through, password masked; empty: none
  End end = End::failed;
  int status = 0;     ///< of the answer, or of the proxy that refused
  std::string words;  ///< what went wrong, without credentials
};

/// A place of CA certificates.
struct CertificateFacts {
  std::string named_by;  ///< variable or setting; empty: a place of the system
  std::string path;
  enum class State { usable, missing, unreadable, no_certificates };
  State state = State::usable;
  std::size_t count = 0;  ///< certificates in the file; 0 for a directory
  bool used = false;      ///< by hpcenv; others are read by other programs
};

struct NetworkFacts {
  std::vector<ReachFacts> channels;
  std::vector<CertificateFacts> certificates;
  bool verifies = true;  ///< false: the setting ssl_verify turns checking off
  bool offline = false;
};

/// A target, for the age of what is known of it.
struct StoredTarget {
  std::string name;
  std::string file;
  std::int64_t oldest = 0;  ///< seconds since the epoch; 0: it does not say
  std::string renew;        ///< the command that takes its profiles anew
  /// Driver of this node in the target's profile of it, and now; empty where it has none of it.
  std::string driver_then;
  std::string driver_now;
  std::string problem;  ///< why it cannot be read
};

}  // namespace hpcenv::doctor
