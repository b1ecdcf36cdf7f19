#include "conda/platform.hpp"

#include <algorithm>
#include <array>

namespace hpcenv::conda {

namespace {

constexpr auto known_subdirs = std::to_array<std::string_view>(
    {"noarch",       "linux-64",     "linux-aarch64", "linux-ppc64le", "linux-32",
     "linux-armv6l", "linux-armv7l", "linux-ppc64",   "linux-riscv32", "linux-riscv64",
     "linux-s390x",  "osx-64",       "osx-arm64",     "win-32",        "win-64",
     "win-arm64",    "freebsd-64",   "zos-z",         "wasi-wasm32",   "emscripten-wasm32"});

}  // namespace

std::string_view native_subdir() {
#if defined(__x86_64__)
  return "linux-64";
#elif defined(__aarch64__)
  return "linux-aarch64";
#elif defined(__powerpc64__)
  return "linux-ppc64le";
#else
#error "no conda subdir is known for this machine"
#endif
}

bool is_known_subdir(std::string_view text) {
  return std::find(known_subdirs.begin(), known_subdirs.end(), text) != known_subdirs.end();
}

std::vector<std::string> subdirs_for(std::string_view subdir) {
  if (subdir == "noarch") return {"noarch"};
  return {std::string(subdir), "noarch"};
}

}  // namespace hpcenv::conda
