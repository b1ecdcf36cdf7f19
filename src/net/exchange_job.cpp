#include "net/exchange_job.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"
#include "net/http_errors.hpp"
#include "net/response_head.hpp"

namespace hpcenv::net {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int first_error_status = 400;
/// A body that nobody wants is read so far, so that the connection can be used again.
constexpr std::uint64_t unwanted_limit = 1U << 20U;

}  // namespace

std::string_view ExchangeAnswer::header(std::string_view name) const {
  const auto found =
      std::ranges::find_if(headers, [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Result<CurlOrder> ExchangeJob::begin() {
  CurlOrder order{request_.url, {}, request_.method, std::nullopt};
  for (const auto& [name, value] : request_.headers) {
    order.header_lines.push_back(fmt::format("{}: {}", name, value));
  }
  if (request_.method == Method::get || request_.method == Method::head) return order;
  order.body_size = body_size();
  const auto* part = std::get_if<FilePart>(&request_.body);
  if (part == nullptr) return order;
  HPCENV_ASSIGN(file_, base::open_read(part->file));
  struct stat facts{};
  if (fstat(file_.get(), &facts) != 0) {
    return fail_errno(errno, fmt::format("cannot read {}", part->file.native()));
  }
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (part->offset > size || part->size > size - part->offset) {
    return fail(ErrorKind::refused, "{} became shorter while it was used", part->file.native());
  }
  return order;
}

std::uint64_t ExchangeJob::body_size() const {
  if (const auto* text = std::get_if<std::string>(&request_.body)) return text->size();
  const auto* part = std::get_if<FilePart>(&request_.body);
  return part == nullptr ? 0 : part->size;
}

void ExchangeJob::on_header(std::string_view line) noexcept {
  last_activity_ = Clock::now();
  if (line.starts_with("HTTP/")) {
    answer_ = ExchangeAnswer();
    answer_.status = status_of(line);
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  answer_.headers.emplace_back(base::to_lower(base::trim(line.substr(0, colon))),
                               base::trim(line.substr(colon + 1)));
}

Taken ExchangeJob::on_body(std::span<const std::byte> bytes) noexcept {
  if (request_.on_body && (answer_.status == 200 || answer_.status == 206)) {
    if (Result<> taken = request_.on_body(answer_, bytes); !taken.has_value()) {
      return give_up(std::move(taken).error());
    }
    last_activity_ = Clock::now();
    return Taken::all;
  }
  last_activity_ = Clock::now();
  const bool fits = bytes.size() <= request_.answer_limit - answer_.body.size();
  if (fits) {
    for (const std::byte byte : bytes) answer_.body += static_cast<char>(byte);
    return Taken::all;
  }
  if (answer_.status < first_error_status) {
    return give_up(Error{ErrorKind::refused,
                         fmt::format("the answer of {} is larger than {} bytes",
                                     shown_url(request_.url), request_.answer_limit),
                         {},
                         {}});
  }
  discarded_ += bytes.size();
  return discarded_ > unwanted_limit ? Taken::stop : Taken::all;
}

std::optional<std::size_t> ExchangeJob::next_to_send(std::span<std::byte> room) noexcept {
  Result<std::size_t> read = read_body(room);
  last_activity_ = Clock::now();
  if (read.has_value()) return *read;
  give_up(std::move(read).error());
  return std::nullopt;
}

Result<std::size_t> ExchangeJob::read_body(std::span<std::byte> room) {
  if (request_.on_sent) HPCENV_TRY(request_.on_sent(sent_));
  if (const auto* text = std::get_if<std::string>(&request_.body)) {
    const std::string_view rest = std::string_view(*text).substr(sent_, room.size());
    std::ranges::copy(std::as_bytes(std::span(rest)), room.begin());
    sent_ += rest.size();
    return rest.size();
  }
  const auto* part = std::get_if<FilePart>(&request_.body);
  return part == nullptr ? 0 : read_file_part(room, *part);
}

Result<std::size_t> ExchangeJob::read_file_part(std::span<std::byte> room, const FilePart& part) {
  const std::size_t wanted = std::min<std::uint64_t>(room.size(), part.size - sent_);
  if (wanted == 0) return 0;
  ssize_t got = -1;
  do {
    got = pread(file_.get(), room.data(), wanted, static_cast<off_t>(part.offset + sent_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", part.file.native()));
  if (got == 0) {
    return fail(ErrorKind::refused, "{} became shorter while it was used", part.file.native());
  }
  sent_ += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

bool ExchangeJob::rewind_to(std::uint64_t position) noexcept {
  if (position > body_size()) return false;
  sent_ = position;
  return true;
}

std::chrono::milliseconds ExchangeJob::silent_for(Time now) const {
  return std::chrono::floor<std::chrono::milliseconds>(now - last_activity_);
}

std::chrono::milliseconds ExchangeJob::patience() const {
  constexpr int first_final_status = 200;
  const bool waits_for_answer = sent_ == body_size() && answer_.status < first_final_status;
  return waits_for_answer ? std::max(options_.stall_timeout, request_.patience)
                          : options_.stall_timeout;
}

Taken ExchangeJob::give_up(Error error) {
  failure_ = std::move(error);
  return Taken::stop;
}

Result<ExchangeAnswer> ExchangeJob::finish(const CurlOutcome& outcome) {
  if (failure_.has_value()) return Failure(std::move(*failure_));
  answer_.final_url = conda::without_credentials(outcome.final_url);
  const bool whole = outcome.end == CurlEnd::whole || outcome.end == CurlEnd::stopped;
  // A server that refuses a body often hangs up before it has read it: its answer counts.
  if (whole || answer_.status >= first_error_status) return std::move(answer_);
  const bool sends = request_.method != Method::get && request_.method != Method::head;
  Error error = transfer_error(shown_url(request_.url), outcome, sends ? "send to" : "fetch");
  if (outcome.end != CurlEnd::cut && outcome.end != CurlEnd::timed_out) {
    return Failure(std::move(error));
  }
  answer_.broken = std::move(error);
  return std::move(answer_);
}

}  // namespace hpcenv::net
