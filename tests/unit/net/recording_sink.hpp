// A sink that keeps what comes, and says "not now" as often as it is told to.
#pragma once

#include <optional>
#include <string>

#include "net/http.hpp"

namespace hpcenv::net {

class RecordingSink final : public BodySink {
 public:
  Result<> begin(const HttpResponse& response) override {
    ++begun;
    head = response;
    return {};
  }
  Result<bool> write(std::span<const std::byte> bytes) override {
    if (refuse_from.has_value() && body.size() + bytes.size() > *refuse_from) {
      return fail(ErrorKind::no_space, "the sink is full");
    }
    if (pauses_left > 0 && paused_at != body.size()) {
      --pauses_left;
      paused_at = body.size();
      return false;
    }
    for (const std::byte byte : bytes) body += static_cast<char>(byte);
    return true;
  }
  Result<> end() override {
    ++ended;
    return {};
  }
  void abandon(const Error& error) override { abandoned = error.message; }

  HttpResponse head;
  std::string body;
  std::string abandoned;
  int begun = 0;
  int ended = 0;
  int pauses_left = 0;
  std::optional<std::size_t> paused_at;
  std::optional<std::size_t> refuse_from;
};

}  // namespace hpcenv::net
