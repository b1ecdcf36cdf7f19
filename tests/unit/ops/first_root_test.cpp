#include "ops/first_root.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace hpcenv::ops {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
using Kept = RootPlace::Kept;

RootPlace place(const std::string& name, std::uint64_t free_gib, Kept kept = Kept::for_good,
                std::optional<std::uint64_t> inodes = std::nullopt) {
  return {"/" + name + "/hpcenv", name, {free_gib * gib, inodes, "your quota on /" + name}, kept};
}

TEST_CASE("home is kept where it has room") {
  const RootChoice choice = choose_root({place("home", 50), place("work", 5000)});
  CHECK(choice.home_is_enough);
  CHECK(choice.places.front().named_by == "home");
  CHECK(choice.reason.empty());
}

TEST_CASE("a small home gives way to what is kept for good, then to scratch") {
  const RootPlace scratch = place("scratch", 90000, Kept::until_purged);
  const RootChoice work = choose_root({place("home", 4), scratch, place("work", 500)});
  CHECK_FALSE(work.home_is_enough);
  CHECK(work.places.front().named_by == "work");
  CHECK(work.reason == "your quota on /home has room for 4.0 GiB only, work for 500.0 GiB");
  CHECK(choose_root({place("home", 4), scratch, place("work", 1)}).places.front().named_by ==
        "scratch");
}

TEST_CASE("files count as much as bytes") {
  const RootChoice choice =
      choose_root({place("home", 500, Kept::for_good, 10'000), place("work", 100)});
  CHECK_FALSE(choice.home_is_enough);
  CHECK(choice.places.front().named_by == "work");
  CHECK(choice.reason.contains("500.0 GiB and 10000 files"));
  CHECK(choose_root({place("home", 500, Kept::for_good, 1'000'000)}).home_is_enough);
}

TEST_CASE("where nothing has enough the roomiest is taken") {
  const RootChoice choice = choose_root({place("home", 4), place("work", 2)});
  CHECK(choice.places.front().named_by == "home");
  CHECK(choice.reason.contains("no other place has more"));
}

}  // namespace
}  // namespace hpcenv::ops
