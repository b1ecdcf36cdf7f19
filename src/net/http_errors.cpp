#include "net/http_errors.hpp"

#include <string>
#include <utility>

#include "conda/channel.hpp"

namespace hpcenv::net {

namespace {

constexpr const char* reach_hint =
    "compute nodes often have no way out: run this on a login node, or set https_proxy and "
    "http_proxy to your site's proxy";

std::string reason_of(int status) {
  switch (status) {
    case 401:
      return "the server wants credentials (status 401)";
    case 403:
      return "the server refuses access (status 403)";
    case 404:
      return "not there (status 404)";
    case 407:
      return "the proxy wants credentials (status 407)";
    case 410:
      return "gone for good (status 410)";
    case 429:
      return "the server says there are too many requests (status 429)";
    default:
      return fmt::format(
          "{} {}",
          status >= 500 ? "the server has a fault of its own, status" : "unexpected status",
          status);
  }
}

struct Words {
  const char* reason;
  const char* hint;
};

Words words_of(CurlEnd end) {
  switch (end) {
    case CurlEnd::cut:
      return {"the connection was cut before the end", "try again"};
    case CurlEnd::timed_out:
      return {"no answer in time", reach_hint};
    case CurlEnd::unresolved:
      return {"the name of the server cannot be resolved", reach_hint};
    case CurlEnd::unreachable:
      return {"the server cannot be reached", reach_hint};
    case CurlEnd::untrusted:
      return {"the server's certificate is not trusted",
              "where your site signs its own certificates, set HPCENV_CA_BUNDLE to the file with "
              "its CA certificate (PEM)"};
    case CurlEnd::bad_certificates:
      return {"the file of CA certificates cannot be read",
              "set HPCENV_CA_BUNDLE to a file of CA certificates (PEM)"};
    case CurlEnd::tls:
      return {"no secure connection could be made",
              "check that the address speaks https, and the clock of this machine"};
    case CurlEnd::redirects:
      return {"it redirects more than 10 times", "check the address of the channel"};
    default:
      return {"the transfer failed", "check the address"};
  }
}

}  // namespace

Error status_error(std::string_view url, int status) {
  Error error;
  error.message =
      fmt::format("cannot fetch {}: {}", conda::without_credentials(url), reason_of(status));
  error.kind = ErrorKind::network;
  if (status == 404 || status == 410) error.kind = ErrorKind::not_found;
  if (status == 401 || status == 403) {
    error.kind = ErrorKind::refused;
    error.hints.emplace_back(
        "check the address; for a private channel write it as https://USER:PASSWORD@HOST/CHANNEL "
        "or https://HOST/t/TOKEN/CHANNEL");
  } else if (status == 407) {
    error.kind = ErrorKind::refused;
    error.hints.emplace_back("put them into https_proxy: http://USER:PASSWORD@PROXY:PORT");
  } else if (error.kind == ErrorKind::not_found) {
    error.hints.emplace_back(
        "check the address; where a channel's index names it, the channel or the mirror is being "
        "changed or lacks files: try again later");
  } else if (status == 429 || status >= 500) {
    error.hints.emplace_back("try again later; if it stays, tell those who run the server");
  } else {
    error.hints.emplace_back("check the address");
  }
  return error;
}

Error transfer_error(std::string_view url, const CurlOutcome& outcome, std::string_view act) {
  const Words words = words_of(outcome.end);
  Error error;
  error.kind = outcome.end == CurlEnd::bad_certificates ? ErrorKind::refused : ErrorKind::network;
  error.message = fmt::format("cannot {} {}: {} ({})", act, conda::without_credentials(url),
                              words.reason, outcome.detail);
  error.hints.emplace_back(words.hint);
  return error;
}

Error offline_error(std::string_view url) {
  return {ErrorKind::not_found,
          fmt::format("cannot fetch {}: this is offline", conda::without_credentials(url)),
          {},
          {"run the command once without --offline"}};
}

Error no_address_error(std::string_view url) {
  return {ErrorKind::usage,
          fmt::format("cannot fetch {}: not an address", conda::without_credentials(url)),
          {},
          {"addresses begin with https://, http:// or file://"}};
}

std::string shown_url(std::string_view url) {
  return conda::without_credentials(url.substr(0, url.find_first_of("?#")));
}

Error after_attempts(Error error, int attempts) {
  if (attempts > 1) error.message += fmt::format(", {} attempts", attempts);
  return error;
}

}  // namespace hpcenv::net
