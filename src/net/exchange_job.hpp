// One exchange between its request and its answer. It moves nothing itself: exchange.cpp drives it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/fs.hpp"
#include "base/result.hpp"
#include "net/curl.hpp"
#include "net/exchange.hpp"

namespace hpcenv::net {

class ExchangeJob final : public CurlListener {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Both outlive the job.
  ExchangeJob(const ExchangeRequest& request, const HttpOptions& options)
      : request_(request), options_(options) {}

  /// Opens the body's file, where there is one; kinds of base::open_read, refused where the file
  /// is shorter than the part.
  Result<CurlOrder> begin();
  void on_header(std::string_view line) noexcept override;
  Taken on_body(std::span<const std::byte> bytes) noexcept override;
  std::optional<std::size_t> next_to_send(std::span<std::byte> room) noexcept override;
  bool rewind_to(std::uint64_t position) noexcept override;

  Result<ExchangeAnswer> finish(const CurlOutcome& outcome);
  /// Since something came or was taken.
  std::chrono::milliseconds silent_for(Time now) const;
  /// How long that may be, as things stand.
  std::chrono::milliseconds patience() const;

 private:
  std::uint64_t body_size() const;
  Result<std::size_t> read_body(std::span<std::byte> room);
  Result<std::size_t> read_file_part(std::span<std::byte> room, const FilePart& part);
  Taken give_up(Error error);

  const ExchangeRequest& request_;
  const HttpOptions& options_;
  ExchangeAnswer answer_;
  base::Fd file_;
  std::uint64_t sent_ = 0;
  std::uint64_t discarded_ = 0;
  std::optional<Error> failure_;
  Time last_activity_ = std::chrono::steady_clock::now();
};

}  // namespace hpcenv::net
