#include "image/blob_download.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::image {

namespace {

using net::ExchangeAnswer;
using net::ExchangeRequest;

constexpr std::uint64_t progress_step = std::uint64_t{1} << 20U;

/// "bytes 100-199/1234" -> 100
std::optional<std::uint64_t> begin_of(std::string_view content_range) {
  const auto words = base::split_words(content_range);
  if (words.size() != 2 || base::to_lower(words[0]) != "bytes") return std::nullopt;
  return base::parse_unsigned(words[1].substr(0, words[1].find('-')));
}

}  // namespace

BlobDownload::BlobDownload(RegistryConnection& connection, std::string url, const Descriptor& blob,
                           const ByteSink& sink)
    : connection_(connection), url_(std::move(url)), blob_(blob), sink_(sink) {}

std::string BlobDownload::act() const {
  return fmt::format("get {} from {}", blob_.digest, connection_.registry());
}

Result<> BlobDownload::run() {
  do {
    const std::uint64_t before = received_;
    HPCENV_ASSIGN(const ExchangeAnswer answer, attempt());
    HPCENV_TRY(judge(answer, before));
  } while (received_ < blob_.size);
  if (const std::string digest = digest_of_hex(hasher_.finish()); digest != blob_.digest) {
    return fail_hint(ErrorKind::refused, fmt::format("cannot {}: what came is {}", act(), digest),
                     "something on the way changes what is sent: check proxies and mirrors");
  }
  return {};
}

Result<ExchangeAnswer> BlobDownload::attempt() {
  met_head_ = other_part_ = false;
  skip_ = 0;
  ExchangeRequest request;
  request.url = url_;
  if (received_ > 0 && !whole_only_) {
    request.headers = {{"Range", fmt::format("bytes={}-", received_)}};
  }
  request.on_body = [this](const ExchangeAnswer& head, std::span<const std::byte> bytes) {
    return take(head, bytes);
  };
  return connection_.ask(std::move(request));
}

Result<> BlobDownload::take(const ExchangeAnswer& head, std::span<const std::byte> bytes) {
  if (!met_head_) meet_head(head);
  met_head_ = true;
  if (other_part_) return {};
  const std::uint64_t skipped = std::min<std::uint64_t>(skip_, bytes.size());
  skip_ -= skipped;
  return hand_on(bytes.subspan(skipped));
}

void BlobDownload::meet_head(const ExchangeAnswer& head) {
  if (head.status == 200) {
    skip_ = received_;
    return;
  }
  other_part_ = begin_of(head.header("content-range")) != received_ || whole_only_;
  whole_only_ = whole_only_ || other_part_;
}

Result<> BlobDownload::hand_on(std::span<const std::byte> bytes) {
  if (bytes.size() > blob_.size - received_) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("cannot {}: more came than its {} bytes", act(), blob_.size),
                     "something on the way changes what is sent: check proxies and mirrors");
  }
  if (bytes.empty()) return {};
  HPCENV_TRY(sink_(bytes));
  hasher_.update(bytes);
  received_ += bytes.size();
  return {};
}

/// After an attempt: an error, or another one where bytes are missing still.
Result<> BlobDownload::judge(const ExchangeAnswer& answer, std::uint64_t before) {
  const bool body = answer.status == 200 || answer.status == 206;
  if (body && received_ == blob_.size) return {};
  if (!body && !is_busy(answer)) return Failure(connection_.error_of(act(), answer));
  if (received_ - before >= progress_step) failures_ = 0;
  if (++failures_ <= connection_.options().retries) return connection_.wait(failures_, answer);
  Error error = connection_.error_of(act(), answer);
  if (body && !answer.broken.has_value()) {
    error = {ErrorKind::network,
             other_part_ ? fmt::format("cannot {}: another part came than was asked for", act())
                         : fmt::format("cannot {}: it ended after {} of {} bytes", act(), received_,
                                       blob_.size),
             {},
             {"try again; if it stays, tell those who run the registry"}};
  }
  error.message += fmt::format(", {} attempts", failures_);
  return Failure(std::move(error));
}

}  // namespace hpcenv::image
