// The whole probe of this machine, with libraries that are compiled when the test runs.
#include "host/nvidia.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "host/libcuda_candidates.hpp"
#include "host/nvidia_kernel.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::NvidiaProbe;
using host::ProbeDepth;
using host::ProbeEnd;

base::Environment with_library_path(const std::string& value) {
  base::Environment environment;
  environment.set("LD_LIBRARY_PATH", value);
  return environment;
}

NvidiaProbe probe(const base::Environment& environment, ProbeDepth depth) {
  return host::probe_nvidia(*host::make_linux_reader(environment), base::SystemClock(), depth);
}

NvidiaProbe probe(const std::string& library_path, ProbeDepth depth = ProbeDepth::versions) {
  return probe(with_library_path(library_path), depth);
}

TEST_CASE("the first library in LD_LIBRARY_PATH wins, and is asked once", "[nvidia]") {
  const tests::TemporaryDirectory directory;
  const std::string path = tests::make_libcuda(directory.path(), "");
  const NvidiaProbe probed = probe("/nowhere:" + directory.path().native(), ProbeDepth::devices);
  REQUIRE(probed.facts.winner);
  const host::LibcudaCandidate& winner = probed.facts.libcuda[*probed.facts.winner];
  CHECK(winner.path == path);
  CHECK(winner.found_in == "LD_LIBRARY_PATH");
  CHECK(winner.end == ProbeEnd::answered);
  CHECK(winner.cuda_version == 12040);
  CHECK(winner.init_end == ProbeEnd::answered);
  CHECK(winner.devices.size() == 2);
  CHECK_FALSE(winner.visible_devices);
  CHECK_FALSE(probed.glibc.empty());
}

TEST_CASE("a stub in front is the winner, and the driver behind it is still asked", "[nvidia]") {
  const tests::TemporaryDirectory stub;
  const tests::TemporaryDirectory driver;
  tests::make_libcuda(stub.path(), "STUB");
  tests::make_libcuda(driver.path(), "");
  const NvidiaProbe probed =
      probe(stub.path().native() + ":" + driver.path().native(), ProbeDepth::devices);
  REQUIRE(probed.facts.winner == 0U);
  CHECK(probed.facts.libcuda[0].is_stub);
  CHECK(probed.facts.libcuda[0].init_end == ProbeEnd::not_run);
  CHECK_FALSE(probed.facts.libcuda[0].cuda_version);
  CHECK(probed.facts.libcuda[1].cuda_version == 12040);
}

TEST_CASE("a stub is known by its file alone", "[nvidia]") {
  const tests::TemporaryDirectory directory;
  const std::string path = tests::make_libcuda(directory.path(), "STUB");
  const auto reader = host::make_linux_reader({});
  CHECK(host::describe_libcuda(*reader, path, "test").is_stub);
  const tests::TemporaryDirectory other;
  const std::string driver = tests::make_libcuda(other.path(), "");
  CHECK_FALSE(host::describe_libcuda(*reader, driver, "test").is_stub);
}

TEST_CASE("numbers that no driver gives are no CUDA version", "[nvidia]") {
  const tests::TemporaryDirectory directory;
  tests::make_libcuda(directory.path(), "WILD");
  const NvidiaProbe probed = probe(directory.path().native());
  REQUIRE(probed.facts.winner);
  const host::LibcudaCandidate& winner = probed.facts.libcuda[*probed.facts.winner];
  CHECK_FALSE(winner.cuda_version);
  CHECK(winner.detail == "it names the CUDA version 2147483647, which is none");
}

TEST_CASE("a library that hangs is told apart by its path", "[nvidia]") {
  const tests::TemporaryDirectory directory;
  const std::string path = tests::make_libcuda(directory.path(), "HANG_VERSION");
  const auto before = std::chrono::steady_clock::now();
  const NvidiaProbe probed = probe(directory.path().native());
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{13});
  REQUIRE(probed.facts.winner);
  CHECK(probed.facts.libcuda[*probed.facts.winner].path == path);
  CHECK(probed.facts.libcuda[*probed.facts.winner].end == ProbeEnd::timed_out);
}

TEST_CASE("without any library the loader's words remain", "[nvidia]") {
  const NvidiaProbe probed = probe("/nowhere");
  if (probed.facts.winner) SKIP("there is a GPU driver on this machine");
  REQUIRE_FALSE(probed.facts.libcuda.empty());
  CHECK(probed.facts.libcuda[0].path == "libcuda.so.1");
  CHECK(probed.facts.libcuda[0].end == ProbeEnd::cannot_load);
  CHECK(probed.facts.libcuda[0].detail.find("libcuda.so.1") == 0);
  CHECK_FALSE(probed.glibc.empty());
}

TEST_CASE("the kernel module's version and flavour", "[nvidia]") {
  const auto closed = host::parse_kernel_module(
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
      "GCC version:  gcc version 11.4.0\n");
  CHECK(closed.version == "535.104.05");
  CHECK_FALSE(closed.open);
  const auto open = host::parse_kernel_module(
      "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.57.08  Release Build  "
      "(root)\n");
  CHECK(open.version == "575.57.08");
  CHECK(open.open);
  CHECK(host::parse_kernel_module("").version.empty());
  CHECK(host::parse_kernel_module("something else 1.2.3\n").version.empty());
}

TEST_CASE("driver versions in file names", "[nvidia]") {
  CHECK(host::driver_version_in("libcuda.so.535.261.03") == "535.261.03");
  CHECK(host::driver_version_in("libcuda.so.580.95") == "580.95");
  CHECK(host::driver_version_in("libcuda.so.1").empty());
  CHECK(host::driver_version_in("libcuda.so.1.1").empty());
  CHECK(host::driver_version_in("libcuda.so.535.x").empty());
  CHECK(host::driver_version_in("libcudart.so.12.4").empty());
}

}  // namespace
