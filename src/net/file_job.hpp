// One transfer of a file:// url, in steps between which others move on.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/fs.hpp"
#include "base/result.hpp"
#include "net/http.hpp"

namespace hpcenv::net {

class FileJob {
 public:
  explicit FileJob(const Transfer& transfer) : transfer_(transfer) {}

  enum class Step { moved, blocked, ended };
  /// Hands on one piece. `blocked`: the sink takes nothing now; `ended`: `outcome` is there.
  Step step();
  Result<HttpResponse> outcome() { return std::move(outcome_); }
  /// Tells a sink whose body has begun and not ended that no more comes.
  void abandon_sink(const Error& error);

 private:
  Result<Step> open();
  Result<Step> hand_on();
  Step end(Result<HttpResponse> outcome);

  const Transfer& transfer_;
  base::Fd file_;
  HttpResponse head_;
  std::vector<std::byte> piece_;
  bool begun_ = false;       ///< the sink's begin() was called
  bool closed_ = false;      ///< the sink's end() was called
  std::size_t waiting_ = 0;  ///< bytes of `piece_` that the sink has still to take
  Result<HttpResponse> outcome_;
};

}  // namespace hpcenv::net
