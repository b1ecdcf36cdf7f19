// Prints what the fat binaries of each library hold: FILE, then a line `KIND CODE COUNT` for each.
#include <cstdio>

#include "host/fatbin.hpp"

int main(int count, char** arguments) {
  using namespace hpcenv;
  for (int i = 1; i < count; ++i) {
    const auto targets = host::scan_fatbin_path(arguments[i]);
    if (!targets) {
      std::printf("%s\nerror %s\n", arguments[i], targets.error().message.c_str());
      continue;
    }
    std::printf("%s\n", arguments[i]);
    for (const auto& [code, pieces] : targets->sass) {
      std::printf("sass %s %zu\n", code.text().c_str(), pieces);
    }
    for (const auto& [code, pieces] : targets->ptx) {
      std::printf("ptx %s %zu\n", code.text().c_str(), pieces);
    }
  }
  return 0;
}
