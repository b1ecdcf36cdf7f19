#include "unit/host/stand_in.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"
#include "base/process.hpp"

namespace hpcenv::tests {

TemporaryDirectory::TemporaryDirectory() {
  auto made = base::make_private_directory(std::filesystem::temp_directory_path(), "hpcenv-test-");
  REQUIRE(made);
  path_ = *made;
}

TemporaryDirectory::~TemporaryDirectory() { static_cast<void>(base::remove_tree(path_)); }

void run_gcc(const std::vector<std::string>& arguments) {
  base::ProcessRequest request;
  request.argv = {"gcc"};
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  request.environment.set("PATH", "/usr/local/bin:/usr/bin:/bin");
  const auto result = base::make_process_runner()->run(request);
  REQUIRE(result);
  INFO(result->errors);
  REQUIRE(result->succeeded());
}

std::filesystem::path make_libcuda(const std::filesystem::path& directory,
                                   const std::string& define) {
  const std::filesystem::path library = directory / "libcuda.so.1";
  std::vector<std::string> arguments{"-shared", "-fPIC", "-O1", "-w", "-Wl,-soname,libcuda.so.1"};
  if (!define.empty()) arguments.push_back("-D" + define);
  // NVIDIA's stubs need no library; a driver needs libc.
  if (define == "STUB") arguments.emplace_back("-nostdlib");
  arguments.insert(arguments.end(),
                   {"-o", library.native(), HPCENV_SOURCE_DIR "/tests/fake/libcuda.c"});
  run_gcc(arguments);
  return library;
}

}  // namespace hpcenv::tests
