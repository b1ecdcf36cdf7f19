#include "image/transfer.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>

namespace hpcenv::image {
namespace {

Descriptor blob(const std::string& bytes) { return describe(bytes, "x"); }

/// Keeps the furthest and the last progress.
class Watch final : public base::Reporter {
 public:
  void step(std::string_view) override {}
  void progress(std::uint64_t done, std::uint64_t total, base::Unit) override {
    last = done;
    most = std::max(most, done);
    all = total;
  }
  void warning(std::string_view) override {}
  void detail(std::string_view) override {}
  std::uint64_t last = 0;
  std::uint64_t most = 0;
  std::uint64_t all = 0;
};

TEST_CASE("each blob comes once, the largest first") {
  const auto blobs = distinct_blobs({blob("a"), blob("ccc"), blob("bb"), blob("a"), blob("ccc")});
  REQUIRE(blobs.size() == 3);
  CHECK(blobs[0] == blob("ccc"));
  CHECK(blobs[1] == blob("bb"));
  CHECK(blobs[2] == blob("a"));
}

TEST_CASE("progress is counted over all; what goes again counts back") {
  const std::vector<Descriptor> blobs{blob("aaaa"), blob("bb")};
  Watch watch;
  const auto done = Transfer(blobs, watch).run(2, [](const Descriptor& one, const auto& told) {
    for (const std::uint64_t at : {one.size, std::uint64_t{0}}) {
      if (Result<> heard = told(at); !heard.has_value()) return heard;
    }
    return Result<>();
  });
  CHECK(done.has_value());
  CHECK(watch.all == 6);
  CHECK(watch.last == 6);
  CHECK(watch.most <= 6);
}

TEST_CASE("the first failure ends the others, and is the one that is told") {
  const std::vector<Descriptor> blobs{blob("aaaa"), blob("bb"), blob("c")};
  base::NullReporter reporter;
  const auto done =
      Transfer(blobs, reporter).run(2, [](const Descriptor& one, const auto& told) -> Result<> {
        if (one.size == 2) return fail(ErrorKind::refused, "the real one");
        while (true) {
          HPCENV_TRY(told(1));
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      });
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message == "the real one");
}

}  // namespace
}  // namespace hpcenv::image
