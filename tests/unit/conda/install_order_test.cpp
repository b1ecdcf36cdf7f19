#include "conda/install_order.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace hpcenv::conda {
namespace {

PackageRecord record(const std::string& name, std::vector<std::string> depends) {
  PackageRecord record;
  record.name = name;
  record.depends = std::move(depends);
  return record;
}

std::string order_of(const std::vector<PackageRecord>& records) {
  std::vector<const PackageRecord*> pointers;
  pointers.reserve(records.size());
  for (const PackageRecord& one : records) pointers.push_back(&one);
  std::string names;
  for (const std::size_t i : install_order(pointers)) names += records[i].name + " ";
  return names;
}

TEST_CASE("what is needed comes first, otherwise names decide") {
  CHECK(order_of({}).empty());
  CHECK(order_of({record("b", {}), record("a", {})}) == "a b ");
  CHECK(order_of({record("a", {"python >=3", "c::zlib[version='>1']"}), record("python", {"zlib"}),
                  record("zlib", {"__glibc >=2.17", "not-there"})}) == "zlib python a ");
}

TEST_CASE("cycles are broken the same way each time") {
  const auto a = record("a", {"b"});
  const auto b = record("b", {"a"});
  CHECK(order_of({a, b}) == "b a ");
  CHECK(order_of({b, a}) == "b a ");
}

TEST_CASE("a long chain needs no stack") {
  std::vector<PackageRecord> records;
  records.reserve(50'000);
  for (int i = 0; i < 50'000; ++i) {
    records.push_back(record("p" + std::to_string(i), {"p" + std::to_string(i + 1)}));
  }
  std::vector<const PackageRecord*> pointers;
  pointers.reserve(records.size());
  for (const PackageRecord& one : records) pointers.push_back(&one);
  CHECK(install_order(pointers).front() == 49'999);
}

}  // namespace
}  // namespace hpcenv::conda
