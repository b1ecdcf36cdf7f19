// Requests to one registry: who we are, tokens that expire, redirects, and waiting for a server
// that is busy. What is asked for is image/registry.hpp's.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/reporter.hpp"
#include "base/result.hpp"
#include "image/challenge.hpp"
#include "image/credentials.hpp"
#include "image/reference.hpp"
#include "net/exchange.hpp"

namespace hpcenv::image {

/// The outside world of a registry's client; all outlive it.
struct RegistrySeams {
  net::ExchangeClient& http;
  base::ProcessRunner& runner;
  const base::Clock& clock;
  const base::Environment& environment;
  base::Reporter& reporter;
};

struct RegistryOptions {
  std::vector<std::string> plain_http;  ///< registries that speak http, besides loopback
  int retries = 3;                      ///< after the first attempt, without progress between them
  std::chrono::milliseconds retry_delay{500};      ///< before the first retry; doubles with each
  std::uint64_t chunk = std::uint64_t{32} << 20U;  ///< of a blob in one request
  std::size_t jobs = 4;                            ///< blobs at once
};

class RegistryConnection {
 public:
  /// `scopes` are what tokens are asked for: "repository:NAME:pull,push".
  RegistryConnection(const Reference& reference, std::vector<std::string> scopes,
                     const RegistrySeams& seams, const RegistryOptions& options);

  const RegistryOptions& options() const { return options_; }
  const std::string& registry() const { return reference_.registry; }
  /// Of a path below the registry's root.
  std::string url(std::string_view path) const { return origin_ + std::string(path); }
  /// What a Location means in an answer of `asked`: a path there, or an address elsewhere. Kind
  /// refused where it would leave https.
  Result<std::string> resolve(std::string_view location, std::string_view asked) const;

  // Any thread.
  /// Sends a request once. A 401 is met by a new token and a second attempt; a redirect (307, 308)
  /// is followed. Credentials stay with the registry and whom its challenge names.
  Result<net::ExchangeAnswer> ask(net::ExchangeRequest request);
  /// For what may be repeated: what broke, 429 and 5xx are waited for and asked again.
  Result<net::ExchangeAnswer> ask_patiently(const net::ExchangeRequest& request);
  /// Before another attempt after so many failures: as long as the server wishes. A failure where
  /// it wishes too long, and the interrupt.
  Result<> wait(int failures, const net::ExchangeAnswer& answer) const;

  /// What an answer that is none means, in words: "cannot ACT: ...".
  Error error_of(std::string_view act, const net::ExchangeAnswer& answer) const;

 private:
  Result<net::ExchangeAnswer> ask_once(net::ExchangeRequest& request, std::string& used);
  Result<> authorize(const net::ExchangeAnswer& refusal, const std::string& used);
  Result<std::string> header_for(const std::vector<Challenge>& challenges);
  Result<std::string> token_header(const Challenge& challenge);
  Result<net::ExchangeRequest> token_request(const Challenge& challenge) const;
  Result<> know_credential();
  Error refused_error(std::string message) const;
  bool is_ours(std::string_view address) const;

  Reference reference_;
  std::string origin_;  ///< "https://HOST:PORT"
  std::vector<std::string> scopes_;
  RegistrySeams seams_;
  RegistryOptions options_;
  mutable std::mutex mutex_;
  std::string authorization_;  ///< the header that was accepted last
  std::optional<FoundCredential> credential_;
};

/// Worth another attempt, where the request may be repeated.
bool is_busy(const net::ExchangeAnswer& answer);

}  // namespace hpcenv::image
