#include "base/write_protection.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/process.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::base;
using hpcenv::test::TemporaryDirectory;

namespace {

ProcessResult protected_run(const std::filesystem::path& writable, const std::string& script) {
  const auto rules = write_protection({writable});
  if (!rules) SKIP("this kernel has no Landlock");
  ProcessRequest request;
  request.argv = {"sh", "-c", script};
  request.environment.set("PATH", "/usr/bin:/bin");
  request.protection = rules->get();
  return make_process_runner()->run(request).value();
}

}  // namespace

TEST_CASE("under write protection files change in the named folder alone") {
  const TemporaryDirectory open_folder;
  const TemporaryDirectory closed;
  const std::string in = open_folder.path().string();
  const std::string out = closed.path().string();
  REQUIRE(write_file(closed.path() / "kept", "old"));
  const ProcessResult result = protected_run(
      in, "cd " + out +
              "; echo new >kept; echo x >fresh; mkdir d; rm kept; ln -s a l; mv kept k; "
              "sh -c 'echo child >fresh'; echo quiet >/dev/null && echo null; cd " +
              in +
              " && mkdir d && echo fine >d/f && mv d/f d/g && rm d/g && rmdir d && echo inside");
  CHECK(result.output == "null\ninside\n");
  CHECK(*list_directory(closed.path()) == std::vector<std::string>{"kept"});
  CHECK(*read_file(closed.path() / "kept") == "old");
}

TEST_CASE("a folder that is not there gives no protection") {
  const TemporaryDirectory folder;
  CHECK_FALSE(write_protection({folder.path() / "missing"}));
}
