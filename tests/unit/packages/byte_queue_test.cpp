#include "packages/byte_queue.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "base/interrupt.hpp"

using namespace hpcenv;
using namespace hpcenv::packages;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string pop_text(ByteQueue& queue) {
  const auto piece = queue.pop();
  REQUIRE(piece.has_value());
  return {reinterpret_cast<const char*>(piece->data()), piece->size()};
}

}  // namespace

TEST_CASE("small pieces are put together, the end is an empty one") {
  ByteQueue queue(100, [] {});
  CHECK(queue.push(bytes_of("ab")));
  CHECK(queue.push(bytes_of("c")));
  CHECK(pop_text(queue) == "abc");
  queue.close();
  CHECK(pop_text(queue).empty());
  CHECK(pop_text(queue).empty());
}

TEST_CASE("a full queue takes nothing and says when there is room") {
  int calls = 0;
  ByteQueue queue(10, [&] { ++calls; });
  CHECK(queue.push(bytes_of(std::string(50, 'x'))));  // a piece larger than the queue still passes
  CHECK_FALSE(queue.push(bytes_of("y")));
  CHECK(calls == 0);
  CHECK(pop_text(queue).size() == 50);
  CHECK(calls == 1);
  CHECK(queue.push(bytes_of("y")));
  CHECK(pop_text(queue) == "y");
  CHECK(calls == 1);
}

TEST_CASE("a failure overtakes what is in the queue") {
  ByteQueue queue(10, [] {});
  CHECK(queue.push(bytes_of("x")));
  queue.fail(Error{ErrorKind::network, "cut", {}, {}});
  queue.fail(Error{ErrorKind::io, "later", {}, {}});
  CHECK(queue.pop().error().message == "cut");
}

TEST_CASE("an interrupt ends the wait for bytes") {
  ByteQueue queue(10, [] {});
  std::thread signaller([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    base::set_interrupt(SIGINT);
  });
  const auto piece = queue.pop();
  signaller.join();
  base::set_interrupt(0);
  CHECK(piece.error().kind == ErrorKind::interrupted);
}

TEST_CASE("a megabyte crosses between two threads unchanged") {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) text += std::to_string(i);
  ByteQueue queue(5000, [] {});
  std::thread producer([&] {
    for (std::size_t at = 0; at < text.size(); at += 777) {
      while (!queue.push(bytes_of(std::string_view(text).substr(at, 777)))) {
        std::this_thread::yield();
      }
    }
    queue.close();
  });
  std::string received;
  for (std::string piece = pop_text(queue); !piece.empty(); piece = pop_text(queue)) {
    received += piece;
  }
  producer.join();
  CHECK(received == text);
}
