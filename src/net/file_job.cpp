#include "net/file_job.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "net/url.hpp"

namespace hpcenv::net {

namespace {

constexpr std::size_t piece_size = 256U << 10U;

/// Changes whenever the file is replaced or written to.
std::string tag_of(const struct stat& facts) {
  return fmt::format("\"{:x}-{:x}-{:x}.{:x}\"", facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                     facts.st_mtim.tv_nsec);
}

bool has_header(const HttpRequest& request, std::string_view name, std::string_view value) {
  return std::ranges::any_of(request.headers, [&](const auto& header) {
    return header.first == name && header.second == value;
  });
}

}  // namespace

FileJob::Step FileJob::step() {
  Result<Step> moved = file_.valid() ? hand_on() : open();
  return moved.has_value() ? *moved : end(Failure(std::move(moved).error()));
}

Result<FileJob::Step> FileJob::open() {
  const std::string& url = transfer_.request.url;
  HPCENV_ASSIGN(const std::string path, path_of_file_url(url));
  head_.final_url = url;
  Result<base::Fd> opened = base::open_read(path);
  if (!opened.has_value()) {
    const std::vector<int>& accept = transfer_.request.accept;
    const bool missing = opened.error().kind == ErrorKind::not_found;
    if (!missing || std::ranges::find(accept, 404) == accept.end()) {
      return Failure(std::move(opened).error());
    }
    head_.status = 404;
    return end(std::move(head_));
  }
  struct stat facts{};
  if (fstat(opened->get(), &facts) != 0) return fail_errno(errno, "cannot read " + path);
  if (!S_ISREG(facts.st_mode)) return fail(ErrorKind::io, "cannot read {}: not a file", path);
  head_.etag = tag_of(facts);
  head_.size = static_cast<std::uint64_t>(facts.st_size);
  head_.status = has_header(transfer_.request, "If-None-Match", head_.etag) ? 304 : 200;
  if (head_.status == 304 || transfer_.sink == nullptr) return end(std::move(head_));
  file_ = std::move(*opened);
  piece_.resize(piece_size);
  begun_ = true;
  HPCENV_TRY(transfer_.sink->begin(head_));
  return Step::moved;
}

Result<FileJob::Step> FileJob::hand_on() {
  if (waiting_ == 0) {
    ssize_t count = 0;
    do {
      count = ::read(file_.get(), piece_.data(), piece_.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) return fail_errno(errno, "cannot read " + head_.final_url);
    if (count == 0) {
      closed_ = true;
      HPCENV_TRY(transfer_.sink->end());
      return end(std::move(head_));
    }
    waiting_ = static_cast<std::size_t>(count);
  }
  HPCENV_ASSIGN(const bool taken, transfer_.sink->write(std::span(piece_).first(waiting_)));
  if (!taken) return Step::blocked;
  waiting_ = 0;
  return Step::moved;
}

void FileJob::abandon_sink(const Error& error) {
  if (begun_ && !closed_) transfer_.sink->abandon(error);
}

FileJob::Step FileJob::end(Result<HttpResponse> outcome) {
  outcome_ = std::move(outcome);
  file_ = base::Fd();
  piece_ = {};
  return Step::ended;
}

}  // namespace hpcenv::net
