#include "image/registry_connection.hpp"

#include <algorithm>
#include <utility>

#include "base/base64.hpp"
#include "base/interrupt.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "net/response_head.hpp"

namespace hpcenv::image {

namespace {

using base::Json;
using net::ExchangeAnswer;
using net::ExchangeRequest;

constexpr int most_redirects = 5;
/// A server that asks for a longer pause is not waited for.
constexpr std::chrono::seconds longest_retry_after{60};
/// How long the interrupt flag may go unseen.
constexpr std::chrono::milliseconds longest_sleep{100};
constexpr std::size_t token_limit = std::size_t{1} << 20U;
constexpr std::size_t longest_words = 300;

constexpr std::string_view https = "https://";

/// As in a form: everything but the plainest letters is coded.
std::string form_encoded(std::string_view text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string coded;
  for (const char letter : text) {
    coded +=
        plain.contains(letter)
            ? std::string(1, letter)
            : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(letter)));
  }
  return coded;
}

/// "https://host:1/x" -> "https://host:1"
std::string_view origin_of(std::string_view address) {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string_view::npos) return {};
  return address.substr(0, address.find_first_of("/?#", scheme + 3));
}

std::string_view host_of(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  const std::string_view host = origin.substr(scheme == std::string_view::npos ? 0 : scheme + 3);
  return host.substr(host.rfind('@') == std::string_view::npos ? 0 : host.rfind('@') + 1);
}

/// A server's own words of an error (distribution specification), in one line.
std::string words_of(const ExchangeAnswer& answer) {
  const Result<Json> body = base::parse_json(answer.body, "answer");
  if (!body.has_value() || !body->is_object()) return {};
  const auto errors = body->find("errors");
  if (errors == body->end() || !errors->is_array() || errors->empty()) return {};
  const Json& first = errors->front();
  if (!first.is_object()) return {};
  std::string words = base::string_or(first, "code");
  const std::string message = base::string_or(first, "message");
  if (!message.empty()) words += (words.empty() ? "" : ": ") + message;
  return words.substr(0, longest_words);
}

ErrorKind kind_of(int status) {
  if (status == 404) return ErrorKind::not_found;
  return status == 429 || status >= 500 || status < 400 ? ErrorKind::network : ErrorKind::refused;
}

const char* reason_of(int status) {
  switch (status) {
    case 404:
      return "not there";
    case 403:
      return "access is denied";
    case 413:
      return "the registry takes nothing of that size";
    case 429:
      return "too many requests";
    default:
      return status >= 500 ? "the registry has a fault of its own" : "the registry refuses";
  }
}

const char* hint_of(int status) {
  switch (status) {
    case 404:
      return "check host, path and tag";
    case 413:
      return "split what is large into several layers, or have the limit raised (of the registry, "
             "or of the proxy before it)";
    case 429:
      return "try again later; many registries allow more to who is logged in";
    default:
      return status >= 500 ? "try again later; if it stays, tell those who run the registry"
                           : "check the name, and what your account may do there";
  }
}

}  // namespace

bool is_busy(const ExchangeAnswer& answer) {
  return answer.broken.has_value() || net::is_transient_status(answer.status);
}

RegistryConnection::RegistryConnection(const Reference& reference, std::vector<std::string> scopes,
                                       const RegistrySeams& seams, const RegistryOptions& options)
    : reference_(reference),
      origin_(registry_url(reference.registry, options.plain_http)),
      scopes_(std::move(scopes)),
      seams_(seams),
      options_(options) {}

bool RegistryConnection::is_ours(std::string_view address) const {
  return base::to_lower(origin_of(address)) == origin_;
}

Result<std::string> RegistryConnection::resolve(std::string_view location,
                                                std::string_view asked) const {
  if (location.starts_with('/') && !location.starts_with("//")) {
    return fmt::format("{}{}", origin_of(asked), location);
  }
  const std::string origin = base::to_lower(origin_of(location));
  const bool is_address = origin.starts_with(https) || origin.starts_with("http://");
  if (!is_address || host_of(origin).empty()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("{} sends on to what is no address", registry()),
                     "tell those who run the registry");
  }
  if (origin.starts_with(https) || !origin_.starts_with(https)) return std::string(location);
  // Behind a proxy that speaks https for them, registries often do not know that they do.
  if (host_of(origin) == host_of(origin_)) return url(location.substr(origin.size()));
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} sends on to {}, which is not encrypted", registry(), origin),
                   "tell those who run the registry");
}

Result<ExchangeAnswer> RegistryConnection::ask_once(ExchangeRequest& request, std::string& used) {
  used.clear();
  const std::size_t own_headers = request.headers.size();
  if (is_ours(request.url)) {
    const std::lock_guard lock(mutex_);
    used = authorization_;
  }
  if (!used.empty()) request.headers.emplace_back("Authorization", used);
  Result<ExchangeAnswer> answer = seams_.http.exchange(request);
  request.headers.resize(own_headers);
  return answer;
}

Result<ExchangeAnswer> RegistryConnection::ask(ExchangeRequest request) {
  bool renewed = false;
  for (int redirects = 0;;) {
    std::string used;
    HPCENV_ASSIGN(ExchangeAnswer answer, ask_once(request, used));
    if (answer.broken.has_value()) return answer;
    const bool moved = answer.status == 307 || answer.status == 308;
    if (moved && redirects++ < most_redirects && !answer.header("location").empty()) {
      HPCENV_ASSIGN(request.url, resolve(answer.header("location"), request.url));
    } else if (answer.status == 401 && !renewed && is_ours(request.url)) {
      renewed = true;
      HPCENV_TRY(authorize(answer, used));
    } else if (answer.status == 401) {
      return Failure(refused_error("the credentials are not accepted"));
    } else {
      return answer;
    }
  }
}

Result<ExchangeAnswer> RegistryConnection::ask_patiently(const ExchangeRequest& request) {
  for (int failures = 1;; ++failures) {
    HPCENV_ASSIGN(ExchangeAnswer answer, ask(request));
    if (!is_busy(answer)) return answer;
    if (failures > options_.retries) {
      if (!answer.broken.has_value()) return answer;
      return Failure(std::move(*answer.broken));
    }
    HPCENV_TRY(wait(failures, answer));
  }
}

Result<> RegistryConnection::wait(int failures, const ExchangeAnswer& answer) const {
  const auto asked = base::parse_unsigned(base::trim(answer.header("retry-after"))).value_or(0);
  if (asked > static_cast<std::uint64_t>(longest_retry_after.count())) {
    return Failure(with_hint(error_of(fmt::format("go on with {}", registry()), answer),
                             fmt::format("the registry asks to wait {} seconds", asked)));
  }
  auto left = std::max<std::chrono::milliseconds>(
      std::chrono::seconds(asked), options_.retry_delay * (1U << std::clamp(failures - 1, 0, 6)));
  while (left.count() > 0) {
    HPCENV_TRY(base::check_interrupt());
    seams_.clock.sleep(std::min(left, longest_sleep));
    left -= std::min(left, longest_sleep);
  }
  return base::check_interrupt();
}

Error RegistryConnection::error_of(std::string_view act, const ExchangeAnswer& answer) const {
  if (answer.broken.has_value()) return *answer.broken;
  const std::string words = words_of(answer);
  return {kind_of(answer.status),
          fmt::format("cannot {}: {} (status {}{})", act, reason_of(answer.status), answer.status,
                      words.empty() ? "" : ", " + words),
          {},
          {hint_of(answer.status)}};
}

Result<> RegistryConnection::know_credential() {
  if (credential_.has_value()) return {};
  HPCENV_ASSIGN(credential_, find_credential(reference_.registry, reference_.repository,
                                             seams_.environment, seams_.runner));
  return {};
}

Error RegistryConnection::refused_error(std::string message) const {
  const std::lock_guard lock(mutex_);
  Error error{
      ErrorKind::refused, fmt::format("{}: {}", repository_text(reference_), message), {}, {}};
  const FoundCredential found = credential_.value_or(FoundCredential());
  if (!found.problem.empty()) error.hints.push_back(found.problem);
  if (found.credential.empty()) {
    error.hints.push_back(
        fmt::format("no credentials for it were found; write them with `podman login {0}`, `skopeo "
                    "login {0}` or "
                    "`docker login {0}`, or name their file in REGISTRY_AUTH_FILE",
                    registry()));
  } else {
    error.hints.push_back(fmt::format("the credentials are those of {}", found.source));
  }
  return error;
}

/// After a 401: the header for the next attempt. Where another thread has got one meanwhile, that
/// is it.
Result<> RegistryConnection::authorize(const ExchangeAnswer& refusal, const std::string& used) {
  std::vector<Challenge> challenges;
  for (const auto& [name, value] : refusal.headers) {
    if (name != "www-authenticate") continue;
    for (Challenge& challenge : parse_challenges(value)) challenges.push_back(std::move(challenge));
  }
  Result<std::string> header = [&]() -> Result<std::string> {
    const std::lock_guard lock(mutex_);
    if (!authorization_.empty() && authorization_ != used) return authorization_;
    HPCENV_TRY(know_credential());
    HPCENV_ASSIGN(authorization_, header_for(challenges));
    return authorization_;
  }();
  if (!header.has_value()) return Failure(std::move(header).error());
  if (!header->empty()) return {};
  const bool tried = !credential_->credential.empty();
  return Failure(
      refused_error(tried ? "the credentials are not accepted" : "the registry wants credentials"));
}

/// Empty where we have nothing that the registry would take.
Result<std::string> RegistryConnection::header_for(const std::vector<Challenge>& challenges) {
  const auto of_scheme = [&](std::string_view scheme) {
    return std::ranges::find_if(
        challenges, [&](const Challenge& challenge) { return challenge.scheme == scheme; });
  };
  if (const auto bearer = of_scheme("bearer"); bearer != challenges.end()) {
    return token_header(*bearer);
  }
  const Credential& credential = credential_->credential;
  if (of_scheme("basic") == challenges.end() || credential.user.empty()) return std::string();
  return "Basic " + base::base64_of(credential.user + ":" + credential.password);
}

Result<ExchangeRequest> RegistryConnection::token_request(const Challenge& challenge) const {
  const std::string realm = challenge.parameter("realm");
  const std::string origin = base::to_lower(origin_of(realm));
  const bool open_realm = origin.starts_with("http://") && origin_.starts_with(https);
  if (!(origin.starts_with(https) || origin.starts_with("http://")) || open_realm) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} names no encrypted address where tokens are given", registry()),
        "tell those who run the registry");
  }
  std::vector<std::string> scopes = scopes_;
  const std::string wanted = challenge.parameter("scope");
  if (!wanted.empty() && !wanted.starts_with("repository:")) scopes.push_back(wanted);
  ExchangeRequest request;
  request.answer_limit = token_limit;
  request.url = realm;
  std::string form = "service=" + form_encoded(challenge.parameter("service"));
  const Credential& credential = credential_->credential;
  if (!credential.identity_token.empty()) {
    form += "&grant_type=refresh_token&client_id=hpcenv&scope=" +
            form_encoded(base::join(scopes, " ")) +
            "&refresh_token=" + form_encoded(credential.identity_token);
    request.method = net::Method::post;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = std::move(form);
    return request;
  }
  for (const std::string& scope : scopes) form += "&scope=" + form_encoded(scope);
  request.url += (realm.contains('?') ? "&" : "?") + form;
  if (!credential.user.empty()) {
    request.headers = {
        {"Authorization", "Basic " + base::base64_of(credential.user + ":" + credential.password)}};
  }
  return request;
}

Result<std::string> RegistryConnection::token_header(const Challenge& challenge) {
  HPCENV_ASSIGN(const ExchangeRequest request, token_request(challenge));
  const std::string act = fmt::format("get a token for {} from {}", registry(),
                                      origin_of(challenge.parameter("realm")));
  for (int failures = 1;; ++failures) {
    HPCENV_ASSIGN(ExchangeAnswer answer, seams_.http.exchange(request));
    if (is_busy(answer) && failures <= options_.retries) {
      HPCENV_TRY(wait(failures, answer));
      continue;
    }
    if (answer.status == 401 || answer.status == 403) return std::string();
    if (answer.broken.has_value() || answer.status != 200) return Failure(error_of(act, answer));
    const Result<Json> body = base::parse_json(answer.body, "token");
    const std::string token =
        body.has_value() && body->is_object()
            ? base::string_or(*body, "token", base::string_or(*body, "access_token"))
            : std::string();
    if (token.empty() || token.find_first_of("\r\n") != std::string::npos) {
      return fail_hint(ErrorKind::network, fmt::format("cannot {}: the answer holds none", act),
                       "try again later; if it stays, tell those who run the registry");
    }
    return "Bearer " + token;
  }
}

}  // namespace hpcenv::image
