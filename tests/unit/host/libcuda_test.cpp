#include "host/libcuda.hpp"

#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::LibcudaAnswer;
using host::LibcudaQuestion;
using host::ProbeEnd;
using host::ProbeStage;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

LibcudaAnswer ask(const std::string& library, ProbeStage stage, int deadline = 5000) {
  LibcudaQuestion question;
  question.library = library;
  question.stage = stage;
  question.deadline = milliseconds{deadline};
  return host::ask_libcuda(question, {});
}

LibcudaAnswer ask_stand_in(const std::string& define, ProbeStage stage, int deadline = 5000) {
  const tests::TemporaryDirectory directory;
  return ask(tests::make_libcuda(directory.path(), define), stage, deadline);
}

std::size_t open_descriptors() { return base::list_directory("/proc/self/fd")->size(); }

bool has_children() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

TEST_CASE("a driver tells its version without cuInit", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("CRASH_INIT", ProbeStage::version);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.version_code == 0);
  CHECK(answer.cuda_version == 12040);
  CHECK_FALSE(answer.init_code);
  CHECK(answer.loaded_path.ends_with("/libcuda.so.1"));
  CHECK(answer.glibc.starts_with("2."));
}

TEST_CASE("devices come with what the driver says of them, quotes and all", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("QUOTES", ProbeStage::devices);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.init_code == 0);
  CHECK(answer.init_milliseconds >= 0);
  REQUIRE(answer.devices.size() == 2);
  const host::CudaDevice& device = answer.devices[1];
  CHECK(device.name == "NVIDIA \"A100\"\\SXM4\t80GB");
  CHECK(device.uuid == "GPU-22222222-2222-2222-2222-222222222222");
  CHECK(device.pci_bus_id == "0000:18:00.0");
  CHECK(device.capability_major == 8);
  CHECK(device.capability_minor == 0);
  CHECK(device.memory_bytes == 85899345920U);
  CHECK(device.multiprocessors == 108);
  CHECK(device.compute_mode == 0);
  CHECK(device.ecc);
}

TEST_CASE("CUDA_VISIBLE_DEVICES reaches the driver only when asked for", "[libcuda]") {
  const tests::TemporaryDirectory directory;
  base::Environment environment;
  environment.set("CUDA_VISIBLE_DEVICES", "1");
  LibcudaQuestion question;
  question.library = tests::make_libcuda(directory.path(), "");
  question.stage = ProbeStage::devices;
  question.deadline = milliseconds{5000};
  CHECK(host::ask_libcuda(question, environment).devices.size() == 2);
  question.visible = LibcudaQuestion::VisibleDevices::as_set;
  CHECK(host::ask_libcuda(question, environment).devices.size() == 1);
}

TEST_CASE("a missing library is told in the loader's words", "[libcuda]") {
  const LibcudaAnswer answer = ask("/nowhere/libcuda.so.1", ProbeStage::version);
  CHECK(answer.end == ProbeEnd::cannot_load);
  CHECK(answer.detail.find("/nowhere/libcuda.so.1: cannot open shared object file") == 0);
  CHECK_FALSE(answer.glibc.empty());
}

TEST_CASE("a library without the function is no driver", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("NO_VERSION", ProbeStage::version);
  CHECK(answer.end == ProbeEnd::cannot_load);
  CHECK(answer.detail == "it has no function cuDriverGetVersion");
}

TEST_CASE("a stub answers 34 and nothing else", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("STUB", ProbeStage::devices);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.version_code == 34);
  CHECK(answer.init_code == 34);
  CHECK(answer.devices.empty());
}

TEST_CASE("noise on stdout and stderr is no answer", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("NOISY", ProbeStage::version);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.cuda_version == 12040);
}

TEST_CASE("wild numbers arrive as they are, and never too many devices", "[libcuda]") {
  const LibcudaAnswer answer = ask_stand_in("WILD", ProbeStage::devices);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.cuda_version == 2147483647);
  REQUIRE(answer.devices.size() == 64);
  CHECK(answer.devices[0].name.size() ==
        std::size_t{2} * 255);  // each byte as a character of UTF-8
}

TEST_CASE("a library that hangs is left at the deadline", "[libcuda]") {
  for (const char* define : {"HANG_LOAD", "HANG_VERSION", "HANG_INIT"}) {
    INFO(define);
    const auto before = steady_clock::now();
    const LibcudaAnswer answer = ask_stand_in(define, ProbeStage::devices, 300);
    CHECK(steady_clock::now() - before < milliseconds{3000});
    CHECK(answer.end == ProbeEnd::timed_out);
    CHECK(answer.detail == "no answer within 300 ms");
    CHECK(answer.version_code.has_value() == (std::string(define) == "HANG_INIT"));
    CHECK_FALSE(has_children());
  }
}

TEST_CASE("a library that crashes or exits takes only the helper with it", "[libcuda]") {
  const LibcudaAnswer crashed = ask_stand_in("CRASH", ProbeStage::version);
  CHECK(crashed.end == ProbeEnd::crashed);
  CHECK(crashed.detail == "it died of signal 11");
  CHECK_FALSE(crashed.loaded_path.empty());
  const LibcudaAnswer aborted = ask_stand_in("CRASH_INIT", ProbeStage::devices);
  CHECK(aborted.end == ProbeEnd::crashed);
  CHECK(aborted.detail == "it died of signal 6");
  CHECK(aborted.cuda_version == 12040);
  const LibcudaAnswer left = ask_stand_in("EXIT_INIT", ProbeStage::devices);
  CHECK(left.end == ProbeEnd::crashed);
  CHECK(left.detail == "it ended its process with exit code 0");
}

TEST_CASE("a process that the library leaves behind does not hold the answer up", "[libcuda]") {
  const auto before = steady_clock::now();
  const LibcudaAnswer answer = ask_stand_in("LEAVES_CHILD", ProbeStage::devices, 20000);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.devices.size() == 2);
  CHECK(steady_clock::now() - before < milliseconds{10000});
}

TEST_CASE("an interrupt ends the question", "[libcuda]") {
  const tests::TemporaryDirectory directory;
  const std::string library = tests::make_libcuda(directory.path(), "HANG_VERSION");
  base::set_interrupt(SIGINT);
  const LibcudaAnswer answer = ask(library, ProbeStage::version, 20000);
  base::set_interrupt(0);
  CHECK(answer.end == ProbeEnd::not_run);
  CHECK(answer.detail == "interrupted");
  CHECK_FALSE(has_children());
}

TEST_CASE("two hundred questions leave no descriptor and no zombie", "[libcuda]") {
  const tests::TemporaryDirectory directory;
  const std::string crashing = tests::make_libcuda(directory.path(), "CRASH");
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    REQUIRE(ask("/nowhere/libcuda.so.1", ProbeStage::version).end == ProbeEnd::cannot_load);
    REQUIRE(ask(crashing, ProbeStage::version).end == ProbeEnd::crashed);
  }
  CHECK(open_descriptors() == before);
  CHECK_FALSE(has_children());
}

TEST_CASE("glibc alone can be asked for", "[libcuda]") {
  const LibcudaAnswer answer = ask("", ProbeStage::version);
  CHECK(answer.end == ProbeEnd::answered);
  CHECK(answer.glibc.starts_with("2."));
  CHECK_FALSE(answer.version_code);
}

TEST_CASE("lines that are no JSON are left out", "[libcuda]") {
  LibcudaAnswer answer;
  host::read_probe_lines(
      "{\"step\":\"start\",\"glibc\":\"2.17\"}\nnoise\n[1]\n"
      "{\"step\":\"version\",\"code\":\"x\",\"version\":99999999999}\n{\"step\":\"vers",
      answer);
  CHECK(answer.glibc == "2.17");
  CHECK(answer.version_code == -1);
  CHECK(answer.cuda_version == -1);
}

}  // namespace
