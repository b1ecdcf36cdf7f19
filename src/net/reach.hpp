// Whether servers can be reached: one HEAD each, asked once, within a deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/http.hpp"

namespace hpcenv::net {

struct Reach {
  enum class End { answered, untrusted, bad_certificates, unreachable, failed };
  End end = End::failed;
  int status = 0;     ///< of the server, or of the proxy that gave no tunnel to it
  std::string words;  ///< what went wrong; no credentials
};

/// Asks all urls beside each other and comes back at the deadline at the latest; outcomes in their
/// order. Polls the interrupt flag. An error is one of ours.
Result<std::vector<Reach>> reach(const std::vector<std::string>& urls, const HttpOptions& options,
                                 std::chrono::milliseconds deadline);

}  // namespace hpcenv::net
