#include "slurm/site.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

// As Slurm 22.05.8 and 24.11.5 print it.
constexpr std::string_view text =
    "cpu01|cpu*|(null)|2:00:00|up|\n"
    "cpu02|cpu*|(null)|2:00:00|up|\n"
    "gpu01|gpu|gpu:a100:2(S:0-1)|1:00:00|up|\n"
    "gpu02|gpu|gpu:h100:4,lscratch:800|1:00:00|up|\n"
    "gpu02|grete:shared|gpu:h100:4,lscratch:800|infinite|inact|\n";

}  // namespace

TEST_CASE("sinfo's lines become partitions") {
  const auto site = parse_sinfo(text, "slurm-wlm 22.05.8\n");
  REQUIRE(site);
  CHECK(site->slurm_version == "22.05.8");
  REQUIRE(site->partitions.size() == 3);
  const Partition& cpu = site->partitions[0];
  CHECK(cpu.name == "cpu");
  CHECK(cpu.is_default);
  CHECK(cpu.gres.empty());
  CHECK(cpu.nodes == std::vector<std::string>{"cpu01", "cpu02"});
  CHECK(cpu.time_limit == "2:00:00");
  const Partition* gpu = find_partition(*site, "gpu");
  REQUIRE(gpu != nullptr);
  CHECK_FALSE(gpu->is_default);
  CHECK(gpu->gres == std::vector<std::string>{"gpu:a100:2(S:0-1)", "gpu:h100:4,lscratch:800"});
  REQUIRE(find_partition(*site, "grete:shared") != nullptr);
  CHECK(find_partition(*site, "grete:shared")->state == "inact");
  CHECK(find_partition(*site, "cpu*") == nullptr);
}

TEST_CASE("what sinfo cannot have printed is refused, nothing is a site without partitions") {
  const auto site = parse_sinfo("cpu01|cpu|\n", "slurm 23.02.7");
  REQUIRE_FALSE(site);
  CHECK(site.error().kind == ErrorKind::refused);
  CHECK(site.error().message == "cannot read this line of sinfo: cpu01|cpu|");
  const auto empty = parse_sinfo("\n", "");
  REQUIRE(empty);
  CHECK(empty->partitions.empty());
  CHECK(empty->slurm_version.empty());
}

TEST_CASE("GPUs of a node's gres") {
  const auto shown = [](std::string_view gres) {
    std::string out;
    for (const Gpus& gpus : gpus_of_gres(gres)) {
      out += gpus.type + "=" + std::to_string(gpus.count) + ";";
    }
    return out;
  };
  CHECK(shown("gpu:a100:2") == "a100=2;");
  CHECK(shown("gpu:8(S:0,2)") == "=8;");
  CHECK(shown("gpu") == "=1;");
  CHECK(shown("gpu:a100:2(S:0-1),lscratch:800,gpu:1g.5gb:7(S:0)") == "a100=2;1g.5gb=7;");
  CHECK(gpus_of_gres("lscratch:800").empty());
  CHECK(gpus_of_gres("").empty());
}

TEST_CASE("times as sbatch reads them") {
  CHECK(time_seconds("30") == 1800);
  CHECK(time_seconds("30:15") == 1815);
  CHECK(time_seconds("2:00:00") == 7200);
  CHECK(time_seconds("1-12") == 129600);
  CHECK(time_seconds("1-12:30") == 131400);
  CHECK(time_seconds("1-12:30:05") == 131405);
  CHECK(time_seconds("infinite") == std::numeric_limits<std::uint64_t>::max());
  CHECK(time_seconds("UNLIMITED") == std::numeric_limits<std::uint64_t>::max());
  for (const char* bad : {"", "x", "1:", "1-", "-1", "1:2:3:4", "1h", "99999999999999999999",
                          "9999999999-1", "n/a"}) {
    INFO(bad);
    CHECK_FALSE(time_seconds(bad));
  }
}

}  // namespace hpcenv::slurm
