#include "base/cgroup.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/fs.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::base {
namespace {

void put(const fs::path& file, std::string_view text) {
  REQUIRE(make_directories(file.parent_path()).has_value());
  REQUIRE(write_file(file, text).has_value());
}

TEST_CASE("version 2: the smallest quota of a group and those above it") {
  const test::TemporaryDirectory mount;
  put(mount.path() / "slurm/job_5/cpu.max", "max 100000\n");
  put(mount.path() / "slurm/cpu.max", "250000 100000\n");
  CHECK(processor_quota("0::/slurm/job_5\n", mount.path()) == 3);
  put(mount.path() / "slurm/job_5/cpu.max", "50000 100000\n");
  CHECK(processor_quota("0::/slurm/job_5\n", mount.path()) == 1);
  put(mount.path() / "cpu.max", "nonsense\n");
  CHECK(processor_quota("0::/\n", mount.path()) == 0);
}

TEST_CASE("version 1: the cpu controller, alone or with others") {
  const test::TemporaryDirectory mount;
  put(mount.path() / "cpu,cpuacct/job/cpu.cfs_quota_us", "400000\n");
  put(mount.path() / "cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  put(mount.path() / "cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put(mount.path() / "cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const std::string own = "3:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/job\n";
  CHECK(processor_quota(own, mount.path()) == 4);
  CHECK(processor_quota("2:cpu,cpuacct:/\n", mount.path()) == 0);
  put(mount.path() / "cpu/job/cpu.cfs_quota_us", "150000\n");
  put(mount.path() / "cpu/job/cpu.cfs_period_us", "100000\n");
  CHECK(processor_quota("2:cpuset,cpu:/job\n", mount.path()) == 2);
}

TEST_CASE("what cannot be read is no limit") {
  const test::TemporaryDirectory mount;
  put(mount.path() / "cpu.max", "100000 100000\n");
  CHECK(processor_quota("", mount.path()) == 0);
  CHECK(processor_quota("no colons\n0:\n::\n", "/nowhere") == 0);
  CHECK(processor_quota("0::/../other\n", mount.path()) == 0);
  put(mount.path() / "zero/cpu.max", "100000 0\n");
  CHECK(processor_quota("0::/not/there\n", mount.path()) == 1);
}

}  // namespace
}  // namespace hpcenv::base
