// One request and its answer, whatever the method: what clients of a protocol are made of (a
// registry of images). Files are fetched through net/http.hpp, which repeats and resumes by itself;
// here who asks decides what may be repeated.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/method.hpp"

namespace hpcenv::net {

/// Bytes of a file, read while they are sent.
struct FilePart {
  std::filesystem::path file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct ExchangeAnswer {
  int status = 0;  ///< of the last answer where redirects were followed; 0: none came
  std::string final_url;
  /// Of that answer, in order, names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  ///< empty where `on_body` got it
  /// The connection broke or fell silent before the answer was whole. What a request changes may
  /// have been changed.
  std::optional<Error> broken;

  /// The first header of that name (lower case); empty where there is none.
  std::string_view header(std::string_view name) const;
};

struct ExchangeRequest {
  Method method = Method::get;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::variant<std::monostate, std::string, FilePart> body;
  /// How long the server may be silent once it has all of the request, where that is longer than
  /// the options' stall_timeout: storing gigabytes takes time.
  std::chrono::milliseconds patience{0};
  std::size_t answer_limit = std::size_t{4} << 20U;  ///< of a body that is kept in memory
  /// Gets the body of an answer 200 or 206 in pieces, in place of memory, with the head as it came
  /// (on the thread that asks). A failure ends the exchange with it.
  std::function<Result<>(const ExchangeAnswer& head, std::span<const std::byte> bytes)> on_body;
  /// Told how much of the body has been handed to the connection, as it goes (less again where it
  /// has to be sent anew). A failure ends the exchange with it.
  std::function<Result<>(std::uint64_t sent)> on_sent;
};

class ExchangeClient {
 public:
  virtual ~ExchangeClient() = default;
  /// Sends the request once. Every status is an answer. Redirects are followed for GET and HEAD
  /// only, and an Authorization header goes to no other host, port or scheme than `url` names. An
  /// error is what a second attempt would not cure: no such server, no trust, a file that cannot be
  /// read, an interrupt. Messages name the url without credentials and query. Any thread.
  virtual Result<ExchangeAnswer> exchange(const ExchangeRequest& request) = 0;
};

/// The real one: proxies, certificates, timeouts and offline as make_http_client has them; retries
/// do not count.
std::unique_ptr<ExchangeClient> make_exchange_client(const HttpOptions& options);

}  // namespace hpcenv::net
