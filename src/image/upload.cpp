#include "image/upload.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::image {

namespace {

using net::ExchangeAnswer;
using net::ExchangeRequest;
using net::Method;

/// Up to this size a blob goes with the request that closes: one round trip less.
constexpr std::uint64_t small_blob = std::uint64_t{1} << 20U;
/// A part that is refused as too large is halved down to this.
constexpr std::uint64_t least_part_tried = std::uint64_t{1} << 20U;

/// Registries on object stores copy a blob of many gigabytes before they answer.
constexpr std::chrono::minutes storing_patience{10};

bool is_one_of(int status, std::initializer_list<int> statuses) {
  return std::ranges::find(statuses, status) != statuses.end();
}

}  // namespace

std::optional<std::uint64_t> bytes_of_range(std::string_view range) {
  if (range.starts_with("bytes=")) range.remove_prefix(6);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos || range.substr(0, dash) != "0") return std::nullopt;
  const auto last = base::parse_unsigned(range.substr(dash + 1));
  if (!last.has_value()) return std::nullopt;
  return *last + 1;
}

Upload::Upload(RegistryConnection& connection, const Reference& target, std::string mount_from,
               const Descriptor& blob, const BlobBytes& source, const BlobProgress& progress)
    : connection_(connection),
      target_(target),
      mount_from_(std::move(mount_from)),
      blob_(blob),
      source_(source),
      progress_(progress),
      part_(std::max<std::uint64_t>(1, connection.options().chunk)),
      in_one_piece_(blob.size <= std::min(small_blob, part_)) {}

std::string Upload::act() const {
  return fmt::format("push {} to {}", blob_.digest, repository_text(target_));
}

Result<bool> Upload::is_there() {
  ExchangeRequest request;
  request.method = Method::head;
  request.url = connection_.url(fmt::format("/v2/{}/blobs/{}", target_.repository, blob_.digest));
  HPCENV_ASSIGN(const ExchangeAnswer answer, connection_.ask_patiently(request));
  if (answer.status == 200) return true;
  if (answer.status == 404) return false;
  return Failure(connection_.error_of(act(), answer));
}

Result<Arrival> Upload::run() {
  HPCENV_ASSIGN(const bool there, is_there());
  if (there) return Arrival::there;
  HPCENV_ASSIGN(Step step, begin());
  while (step != Step::done) {
    HPCENV_TRY(progress_(offset_));
    switch (step) {
      case Step::moved: {
        HPCENV_ASSIGN(step, go_on());
        break;
      }
      case Step::unsure: {
        HPCENV_ASSIGN(step, locate());
        break;
      }
      default: {
        HPCENV_ASSIGN(const bool arrived, is_there());
        if (arrived) return Arrival::sent;
        HPCENV_ASSIGN(step, begin());
      }
    }
  }
  return mounted_ ? Arrival::mounted : Arrival::sent;
}

Result<Upload::Step> Upload::begin() {
  std::string url = connection_.url(fmt::format("/v2/{}/blobs/uploads/", target_.repository));
  // A mount that was not done once is not asked for again.
  const std::string from = std::exchange(mount_from_, {});
  if (!from.empty()) url += fmt::format("?mount={}&from={}", blob_.digest, from);
  HPCENV_ASSIGN(const ExchangeAnswer answer,
                connection_.ask_patiently(request_of(Method::post, std::move(url), 0)));
  if (answer.status == 201 && !from.empty()) {
    mounted_ = true;
    return Step::done;
  }
  if (answer.status != 202 && !from.empty()) return Step::lost;
  if (answer.status != 202) return Failure(connection_.error_of(act(), answer));
  location_.clear();
  offset_ = 0;
  closing_ = false;
  least_part_ = base::parse_unsigned(answer.header("oci-chunk-min-length")).value_or(0);
  HPCENV_TRY(take_location(answer));
  return Step::moved;
}

Result<> Upload::take_location(const ExchangeAnswer& answer) {
  const std::string_view location = answer.header("location");
  if (location.empty() && !location_.empty()) return {};
  const std::string asked = location_.empty() ? connection_.url("/") : location_;
  HPCENV_ASSIGN(location_, connection_.resolve(location, asked));
  return {};
}

ExchangeRequest Upload::request_of(Method method, std::string url, std::uint64_t size) const {
  ExchangeRequest request;
  request.method = method;
  request.url = std::move(url);
  request.patience = storing_patience;
  if (size == 0) return request;
  request.headers = {{"Content-Type", "application/octet-stream"}};
  if (const auto* place = std::get_if<BlobPlace>(&source_)) {
    request.body = net::FilePart{place->file, place->offset + offset_, size};
  } else {
    request.body = std::get<std::string>(source_).substr(offset_, size);
  }
  request.on_sent = [this](std::uint64_t sent) { return progress_(offset_ + sent); };
  return request;
}

Result<Upload::Step> Upload::go_on() {
  if (in_one_piece_ || offset_ == blob_.size) return close();
  return send_part();
}

Result<Upload::Step> Upload::send_part() {
  const std::uint64_t size = std::min(std::max(part_, least_part_), blob_.size - offset_);
  ExchangeRequest request = request_of(Method::patch, location_, size);
  request.headers.emplace_back("Content-Range", fmt::format("{}-{}", offset_, offset_ + size - 1));
  HPCENV_ASSIGN(const ExchangeAnswer answer, connection_.ask(request));
  return meet_part(answer, size);
}

Result<Upload::Step> Upload::meet_part(const ExchangeAnswer& answer, std::uint64_t size) {
  if (is_busy(answer)) return meet_trouble(answer);
  switch (answer.status) {
    case 201:
    case 202:
    case 204:
      HPCENV_TRY(take_location(answer));
      return believe_range(answer.header("range"), size);
    case 404:
    case 410:
      HPCENV_TRY(count_failure(connection_.error_of(act(), answer)));
      return Step::lost;
    case 413:
      return meet_too_large(answer, size);
    case 416:
      HPCENV_TRY(count_failure(connection_.error_of(act(), answer)));
      return Step::unsure;
    case 400:
    case 405:
    case 501:
      // Parts are not known to every registry.
      if (offset_ > 0) return Failure(connection_.error_of(act(), answer));
      in_one_piece_ = no_parts_ = true;
      return Step::lost;
    default:
      return Failure(connection_.error_of(act(), answer));
  }
}

/// The registry says how far it is; what it says is compared with what was sent, since some take a
/// part twice or at the wrong place without a word.
Result<Upload::Step> Upload::believe_range(std::string_view range, std::uint64_t size) {
  const auto has = range.empty() ? std::optional(offset_ + size) : bytes_of_range(range);
  // "0-0" is said of nothing and of one byte.
  const bool plausible =
      has.has_value() && *has > offset_ && *has <= offset_ + size && (*has > 1 || size == 1);
  if (!plausible) {
    HPCENV_TRY(count_failure(
        {ErrorKind::network,
         fmt::format("cannot {}: bytes 0-{} were sent, and the registry says that it has {}", act(),
                     offset_ + size - 1, range),
         {},
         {"try again; if it stays, tell those who run the registry"}}));
    return Step::lost;
  }
  offset_ = *has;
  if (offset_ > furthest_) failures_ = 0;
  furthest_ = std::max(furthest_, offset_);
  return Step::moved;
}

Result<Upload::Step> Upload::meet_too_large(const ExchangeAnswer& answer, std::uint64_t size) {
  const std::uint64_t smaller = std::max(size / 4, least_part_tried);
  if (no_parts_ || smaller >= size || smaller < least_part_) {
    Error error = connection_.error_of(act(), answer);
    error.message += fmt::format("; it was asked to take {} at once", base::human_bytes(size));
    return Failure(std::move(error));
  }
  part_ = smaller;
  in_one_piece_ = false;
  return Step::unsure;
}

/// The connection broke, or the registry is busy: nobody knows what has arrived.
Result<Upload::Step> Upload::meet_trouble(const ExchangeAnswer& answer) {
  HPCENV_TRY(count_failure(connection_.error_of(act(), answer)));
  HPCENV_TRY(connection_.wait(failures_, answer));
  return Step::unsure;
}

Result<> Upload::count_failure(Error error) {
  if (++failures_ <= connection_.options().retries) return {};
  if (failures_ > 1) error.message += fmt::format(", {} attempts", failures_);
  return Failure(std::move(error));
}

Result<Upload::Step> Upload::locate() {
  if (closing_) return Step::lost;  // the blob may be in: that is asked first
  ExchangeRequest request;
  request.url = location_;
  HPCENV_ASSIGN(const ExchangeAnswer answer, connection_.ask(request));
  const auto has = bytes_of_range(answer.header("range"));
  const bool known = is_one_of(answer.status, {200, 202, 204}) && has.has_value();
  if (!known || *has > blob_.size || *has == 1) return Step::lost;
  HPCENV_TRY(take_location(answer));
  offset_ = *has;
  return Step::moved;
}

std::string Upload::closing_url() const {
  return fmt::format("{}{}digest={}", location_, location_.contains('?') ? "&" : "?",
                     base::replace_all(blob_.digest, ":", "%3A"));
}

Result<Upload::Step> Upload::close() {
  closing_ = true;
  HPCENV_ASSIGN(const ExchangeAnswer answer,
                connection_.ask(request_of(Method::put, closing_url(), blob_.size - offset_)));
  return meet_close(answer);
}

Result<Upload::Step> Upload::meet_close(const ExchangeAnswer& answer) {
  if (is_busy(answer)) return meet_trouble(answer);
  if (is_one_of(answer.status, {200, 201, 202, 204})) {
    const std::string_view digest = answer.header("docker-content-digest");
    if (digest.empty() || digest == blob_.digest) return Step::done;
    return fail_hint(ErrorKind::refused,
                     fmt::format("cannot {}: the registry has stored it as {}", act(), digest),
                     "tell those who run the registry");
  }
  if (is_one_of(answer.status, {404, 410, 416})) {
    HPCENV_TRY(count_failure(connection_.error_of(act(), answer)));
    return Step::lost;
  }
  if (answer.status == 413 && offset_ < blob_.size) {
    closing_ = false;
    return meet_too_large(answer, blob_.size - offset_);
  }
  if (answer.status != 400 || digest_refused_) {
    Error error = connection_.error_of(act(), answer);
    const auto* place = std::get_if<BlobPlace>(&source_);
    if (answer.status == 400 && place != nullptr) {
      error.hints = {fmt::format("{} may be damaged, or has changed meanwhile: make it again",
                                 place->file.native())};
    }
    return Failure(std::move(error));
  }
  // Once: a part may have been taken twice on the way.
  digest_refused_ = true;
  return Step::lost;
}

}  // namespace hpcenv::image
