#include "slurm/reach.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/json.hpp"

namespace hpcenv::slurm {
namespace {

Result<Reach> read(std::string_view text, ReachSource source = ReachSource::user) {
  return reach_from_json(base::parse_json(text, "test").value(), "gpu.json", source);
}

TEST_CASE("a reach is read and written back with its sources") {
  constexpr std::string_view text =
      R"({"partition": {"value": "gpu", "source": "asked", "when": 17},
          "gpu_option": {"value": "gres", "source": "plugin", "when": 18},
          "options": {"value": ["--licenses=x", "--hint=nomultithread"], "source": "user"}})";
  const auto reach = read(text);
  REQUIRE(reach);
  CHECK(reach->text(ReachField::partition) == "gpu");
  CHECK(reach->find(ReachField::partition)->source == ReachSource::asked);
  CHECK(reach->find(ReachField::gpu_option)->when == 18);
  CHECK(reach->values(ReachField::options).size() == 2);
  CHECK_FALSE(reach->has(ReachField::account));
  CHECK(reach_to_json(*reach) == base::parse_json(text, "test").value());
}

TEST_CASE("a field may be a text, a number or a list alone") {
  const auto reach =
      read(R"({"partition": "gpu", "gpus": 2, "head": "module purge\n\nulimit -s unlimited\n",
               "options": ["--licenses=x"], "qos": null, "account": ""})",
           ReachSource::site_file);
  REQUIRE(reach);
  CHECK(reach->text(ReachField::gpus) == "2");
  CHECK(reach->values(ReachField::head) ==
        std::vector<std::string>{"module purge", "ulimit -s unlimited"});
  CHECK(reach->find(ReachField::partition)->source == ReachSource::site_file);
  CHECK_FALSE(reach->has(ReachField::qos));
  CHECK_FALSE(reach->has(ReachField::account));
}

TEST_CASE("what a field cannot be is refused, with its name") {
  for (const auto& [text, message] : {
           std::pair{R"({"partitoin": "gpu"})", "there is no field 'partitoin'"},
           std::pair{R"({"gpu_option": "-G"})", "gpu_option cannot be '-G'"},
           std::pair{R"({"partition": ["a", "b"]})", "partition has one value"},
           std::pair{R"({"partition": {"value": 1.5}})", "partition is neither a text"},
           std::pair{R"({"account": "a\u0007"})", "account holds a control character"},
           std::pair{R"([])", "is no list of fields"},
       }) {
    const auto reach = read(text);
    INFO(text);
    REQUIRE_FALSE(reach);
    CHECK(reach.error().kind == ErrorKind::refused);
    CHECK(reach.error().message.starts_with("gpu.json: "));
    CHECK(reach.error().message.find(message) != std::string::npos);
  }
}

TEST_CASE("a fact without values takes a field out") {
  Reach reach;
  reach.set(ReachField::mpi, {{"pmix"}, ReachSource::probe, 1});
  CHECK(reach.text(ReachField::mpi) == "pmix");
  reach.set(ReachField::mpi, {});
  CHECK(reach.facts().empty());
}

}  // namespace
}  // namespace hpcenv::slurm
