#include "net/curl.hpp"

#include <curl/curl.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace hpcenv::net {

namespace {

struct EasyCleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MultiCleanup {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;
using List = std::unique_ptr<curl_slist, ListCleanup>;
using Multi = std::unique_ptr<CURLM, MultiCleanup>;

struct Running {
  CurlListener* listener = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
  List headers;
  Easy handle;  ///< last: it is cleaned up before what it points to
};

std::size_t take_header(char* bytes, std::size_t, std::size_t size, void* user) noexcept {
  std::string_view line(bytes, size);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  static_cast<CurlListener*>(user)->on_header(line);
  return size;
}

std::size_t take_body(char* bytes, std::size_t, std::size_t size, void* user) noexcept {
  switch (static_cast<CurlListener*>(user)->on_body(std::as_bytes(std::span(bytes, size)))) {
    case Taken::all:
      return size;
    case Taken::nothing_now:
      return CURL_WRITEFUNC_PAUSE;
    case Taken::stop:
      return CURL_WRITEFUNC_ERROR;
  }
  return CURL_WRITEFUNC_ERROR;
}

std::size_t give_body(char* room, std::size_t, std::size_t size, void* user) noexcept {
  const auto bytes = std::as_writable_bytes(std::span(room, size));
  return static_cast<CurlListener*>(user)->next_to_send(bytes).value_or(CURL_READFUNC_ABORT);
}

int rewind_body(void* user, curl_off_t position, int origin) noexcept {
  const bool known = origin == SEEK_SET && position >= 0;
  const auto target = static_cast<std::uint64_t>(position);
  return known && static_cast<CurlListener*>(user)->rewind_to(target) ? CURL_SEEKFUNC_OK
                                                                      : CURL_SEEKFUNC_FAIL;
}

CurlEnd end_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return CurlEnd::whole;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
      return CurlEnd::stopped;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return CurlEnd::cut;
    case CURLE_OPERATION_TIMEDOUT:
      return CurlEnd::timed_out;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return CurlEnd::unresolved;
    case CURLE_COULDNT_CONNECT:
      return CurlEnd::unreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
      return CurlEnd::untrusted;
    case CURLE_SSL_CACERT_BADFILE:
      return CurlEnd::bad_certificates;
    case CURLE_SSL_CONNECT_ERROR:
      return CurlEnd::tls;
    case CURLE_TOO_MANY_REDIRECTS:
      return CurlEnd::redirects;
    default:
      return CurlEnd::failed;
  }
}

/// Options are refused only for lack of memory or for a libcurl built without the feature.
class Setter {
 public:
  explicit Setter(CURL* handle) : handle_(handle) {}
  template <class Value>
  void set(CURLoption option, Value value) {
    if (code_ == CURLE_OK) code_ = curl_easy_setopt(handle_, option, value);
  }
  CURLcode code() const { return code_; }

 private:
  CURL* handle_;
  CURLcode code_ = CURLE_OK;
};

bool is_https(std::string_view url) { return base::to_lower(url.substr(0, 8)) == "https://"; }

void set_transport(Setter& easy, const HttpOptions& options, const std::string& url) {
  easy.set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  easy.set(CURLOPT_PIPEWAIT, 1L);
  easy.set(CURLOPT_NOSIGNAL, 1L);
  easy.set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});  // else getpwuid of a static libc
  easy.set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  // A paused transfer is read on by curl_multi_perform, a buffer a call, into memory (8.14).
  easy.set(CURLOPT_BUFFERSIZE, 32768L);
  easy.set(CURLOPT_TCP_KEEPALIVE, 1L);
  // Given even where they are empty: libcurl would read the process's variables otherwise.
  easy.set(CURLOPT_PROXY, proxy_for(url, options).c_str());
  easy.set(CURLOPT_NOPROXY, options.no_proxy.c_str());
  easy.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void set_trust(Setter& easy, const HttpOptions& options) {
  std::error_code error;
  if (std::filesystem::is_directory(options.ca_bundle, error)) {
    easy.set(CURLOPT_CAPATH, options.ca_bundle.c_str());
    easy.set(CURLOPT_PROXY_CAPATH, options.ca_bundle.c_str());
  } else if (!options.ca_bundle.empty()) {
    easy.set(CURLOPT_CAINFO, options.ca_bundle.c_str());
    easy.set(CURLOPT_PROXY_CAINFO, options.ca_bundle.c_str());
  }
  if (!options.client_certificate.empty()) {
    easy.set(CURLOPT_SSLCERT, options.client_certificate.c_str());
  }
  if (!options.client_key.empty()) easy.set(CURLOPT_SSLKEY, options.client_key.c_str());
  if (options.verify == HttpOptions::Verify::yes) return;
  easy.set(CURLOPT_SSL_VERIFYPEER, 0L);
  easy.set(CURLOPT_SSL_VERIFYHOST, 0L);
}

void set_request(Setter& easy, const HttpOptions& options, const std::string& url) {
  easy.set(CURLOPT_URL, url.c_str());
  easy.set(CURLOPT_USERAGENT, options.user_agent.c_str());
  easy.set(CURLOPT_PROTOCOLS_STR, "http,https");
  easy.set(CURLOPT_FOLLOWLOCATION, 1L);
  easy.set(CURLOPT_MAXREDIRS, 10L);
  easy.set(CURLOPT_UNRESTRICTED_AUTH, 0L);  // credentials stay with the host they were given for
  easy.set(CURLOPT_REDIR_PROTOCOLS_STR, is_https(url) ? "https" : "http,https");
}

/// The method, and the body that goes with it.
void set_method(Setter& easy, const CurlOrder& order, CurlListener& listener) {
  if (order.method == Method::head) easy.set(CURLOPT_NOBODY, 1L);
  if (!order.body_size.has_value()) return;
  easy.set(CURLOPT_FOLLOWLOCATION, 0L);
  easy.set(CURLOPT_UPLOAD, 1L);
  easy.set(CURLOPT_CUSTOMREQUEST, name_of(order.method));
  easy.set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*order.body_size));
  easy.set(CURLOPT_READFUNCTION, &give_body);
  easy.set(CURLOPT_READDATA, static_cast<void*>(&listener));
  easy.set(CURLOPT_SEEKFUNCTION, &rewind_body);
  easy.set(CURLOPT_SEEKDATA, static_cast<void*>(&listener));
}

Failure curl_failure(const char* what, const char* why) {
  return fail(ErrorKind::bug, "libcurl: {}: {}", what, why);
}

}  // namespace

struct Curl::State {
  HttpOptions options;
  Multi multi;
  std::map<const CurlListener*, Running> running;  ///< goes before the multi handle
};

Result<std::unique_ptr<Curl>> Curl::make(const HttpOptions& options) {
  base::ignore_openssl_configuration();
  static std::once_flag once;
  static CURLcode started = CURLE_OK;
  std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_ALL); });
  if (started != CURLE_OK) return curl_failure("cannot start", curl_easy_strerror(started));
  auto state = std::make_unique<State>();
  state->options = options;
  state->multi.reset(curl_multi_init());
  if (!state->multi) return curl_failure("cannot start", "no memory");
  curl_multi_setopt(state->multi.get(), CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
  curl_multi_setopt(state->multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options.connections));
  return std::unique_ptr<Curl>(new Curl(std::move(state)));
}

Curl::Curl(std::unique_ptr<State> state) : state_(std::move(state)) {}

Curl::~Curl() {
  for (auto& [listener, transfer] : state_->running) {
    curl_multi_remove_handle(state_->multi.get(), transfer.handle.get());
  }
}

Result<> Curl::start(CurlListener& listener, const CurlOrder& order) {
  Running& transfer = state_->running[&listener];
  transfer.listener = &listener;
  transfer.handle.reset(curl_easy_init());
  if (!transfer.handle) return curl_failure("cannot begin a transfer", "no memory");
  for (const std::string& line : order.header_lines) {
    curl_slist* longer = curl_slist_append(transfer.headers.get(), line.c_str());
    if (longer == nullptr) return curl_failure("cannot begin a transfer", "no memory");
    static_cast<void>(transfer.headers.release());
    transfer.headers.reset(longer);
  }
  Setter easy(transfer.handle.get());
  set_request(easy, state_->options, order.url);
  set_transport(easy, state_->options, order.url);
  set_trust(easy, state_->options);
  set_method(easy, order, listener);
  easy.set(CURLOPT_HTTPHEADER, transfer.headers.get());
  easy.set(CURLOPT_ERRORBUFFER, transfer.error.data());
  easy.set(CURLOPT_HEADERFUNCTION, &take_header);
  easy.set(CURLOPT_HEADERDATA, static_cast<void*>(&listener));
  easy.set(CURLOPT_WRITEFUNCTION, &take_body);
  easy.set(CURLOPT_WRITEDATA, static_cast<void*>(&listener));
  easy.set(CURLOPT_PRIVATE, static_cast<void*>(&listener));
  if (easy.code() != CURLE_OK) {
    return curl_failure("cannot begin a transfer", curl_easy_strerror(easy.code()));
  }
  const CURLMcode added = curl_multi_add_handle(state_->multi.get(), transfer.handle.get());
  if (added != CURLM_OK) return curl_failure("cannot begin a transfer", curl_multi_strerror(added));
  return {};
}

void Curl::drop(const CurlListener& listener) {
  const auto found = state_->running.find(&listener);
  if (found == state_->running.end()) return;
  if (found->second.handle) {
    curl_multi_remove_handle(state_->multi.get(), found->second.handle.get());
  }
  state_->running.erase(found);
}

void Curl::unpause(const CurlListener& listener) {
  const auto found = state_->running.find(&listener);
  if (found != state_->running.end()) {
    curl_easy_pause(found->second.handle.get(), CURLPAUSE_CONT);
  }
}

Result<> Curl::drive(std::chrono::milliseconds longest_wait) {
  int count = 0;
  CURLMcode code = curl_multi_perform(state_->multi.get(), &count);
  int waiting = 0;
  // What has ended is reported before anybody waits.
  const bool ended = count < static_cast<int>(state_->running.size());
  if (code == CURLM_OK) {
    code = curl_multi_poll(state_->multi.get(), nullptr, 0,
                           ended ? 0 : static_cast<int>(longest_wait.count()), &waiting);
  }
  if (code != CURLM_OK) return curl_failure("transfers stopped", curl_multi_strerror(code));
  return {};
}

std::optional<Curl::Finished> Curl::take_finished() {
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(state_->multi.get(), &left);
  while (message != nullptr && message->msg != CURLMSG_DONE) {
    message = curl_multi_info_read(state_->multi.get(), &left);
  }
  if (message == nullptr) return std::nullopt;
  const CURLcode code = message->data.result;
  CURL* handle = message->easy_handle;
  CurlListener* listener = nullptr;
  char* url = nullptr;
  curl_off_t seconds = 0;
  long proxy_status = 0;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &listener);
  curl_easy_getinfo(handle, CURLINFO_EFFECTIVE_URL, &url);
  curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &seconds);
  curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  Finished finished{listener, {}};
  finished.outcome.end = end_of(code);
  finished.outcome.final_url = url == nullptr ? "" : url;
  finished.outcome.retry_after = std::chrono::seconds(seconds);
  finished.outcome.proxy_status = static_cast<int>(proxy_status);
  const std::string_view words(state_->running[listener].error.data());
  finished.outcome.detail = words.empty() ? curl_easy_strerror(code) : std::string(words);
  drop(*listener);
  return finished;
}

void Curl::wake() { curl_multi_wakeup(state_->multi.get()); }

}  // namespace hpcenv::net
