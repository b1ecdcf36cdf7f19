// How the helper is started; tests/host/helper_start.sh runs these under kernels that refuse.
#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"
#include "host/helper_image.hpp"
#include "host/helper_process.hpp"
#include "host/libcuda.hpp"
#include "unit/host/stand_in.hpp"

namespace {

using namespace hpcenv;
using host::HelperRun;

TEST_CASE("the helper starts and answers", "[start]") {
  base::Environment environment;
  environment.set("TMPDIR", std::filesystem::temp_directory_path().native());
  host::LibcudaQuestion question;
  question.deadline = std::chrono::milliseconds{20000};
  const host::LibcudaAnswer answer = host::ask_libcuda(question, environment);
  INFO(answer.detail);
  CHECK(answer.end == host::ProbeEnd::answered);
  CHECK(answer.glibc.starts_with("2."));
}

TEST_CASE("what is no program cannot be started, and says why", "[helper]") {
  const HelperRun run = host::run_helper({"no program", {}, {}, std::chrono::milliseconds{1000}});
  CHECK(run.end == HelperRun::End::cannot_start);
  CHECK(run.code == ENOEXEC);
}

TEST_CASE("a program whose loader is missing says that", "[helper]") {
  const tests::TemporaryDirectory directory;
  const base::fs::path source = directory.path() / "main.c";
  const base::fs::path program = directory.path() / "program";
  REQUIRE(base::write_file(source, "int main(void) { return 0; }\n"));
  tests::run_gcc({"-o", program.native(), source.native(), "-Wl,--dynamic-linker=/nowhere/ld.so"});
  const std::string image = *base::read_file(program);
  const HelperRun run = host::run_helper({image, {}, {}, std::chrono::milliseconds{1000}});
  CHECK(run.end == HelperRun::End::cannot_start);
  CHECK(run.code == ENOENT);
}

TEST_CASE("places come in order, memory first, each an unlinked file", "[helper]") {
  const tests::TemporaryDirectory directory;
  base::Environment environment;
  environment.set("TMPDIR", directory.path().native());
  environment.set("HOME", "relative is not used");
  host::ImagePlaces places("some bytes", environment);
  const base::Fd memory = places.next();
  REQUIRE(memory.valid());
  CHECK(memory.get() >= 10);
  const base::Fd file = places.next();
  REQUIRE(file.valid());
  CHECK(file.get() >= 10);
  CHECK(base::list_directory(directory.path())->empty());
  int more = 0;
  while (places.next().valid()) ++more;
  CHECK(more <= 3);
}

TEST_CASE("a directory that cannot be written is passed over", "[helper]") {
  base::Environment environment;
  environment.set("TMPDIR", "/proc/nowhere");
  host::ImagePlaces places("some bytes", environment);
  CHECK(places.next().valid());
  CHECK(places.next().valid());
}

}  // namespace
