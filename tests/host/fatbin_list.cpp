// Prints what the fat binaries of each library hold: FILE, then a line `KIND CODE COUNT` for each.
// With --time before the files it prints only the nanoseconds that the scan of all took.
#include <chrono>
#include <cstdio>
#include <span>
#include <string_view>

#include "host/fatbin.hpp"

namespace {

using namespace hpcenv;

void print(const char* kind, const std::map<host::GpuCode, std::size_t>& codes) {
  for (const auto& [code, pieces] : codes) {
    std::printf("%s %s %zu\n", kind, code.text().c_str(), pieces);
  }
}

void list(std::span<char*> files) {
  for (const char* file : files) {
    const auto targets = host::scan_fatbin_path(file);
    std::printf("%s\n", file);
    if (!targets) {
      std::printf("error %s\n", targets.error().message.c_str());
      continue;
    }
    print("sass", targets->sass);
    print("ptx", targets->ptx);
  }
}

/// False where a file could not be scanned: then the time is of other work.
bool measure(std::span<char*> files) {
  const auto start = std::chrono::steady_clock::now();
  bool scanned = true;
  for (const char* file : files) scanned = host::scan_fatbin_path(file).has_value() && scanned;
  const std::chrono::nanoseconds taken = std::chrono::steady_clock::now() - start;
  std::printf("%lld\n", static_cast<long long>(taken.count()));
  return scanned;
}

}  // namespace

int main(int count, char** arguments) {
  const std::span<char*> words(arguments + 1, arguments + count);
  if (words.empty() || std::string_view(words[0]) != "--time") {
    list(words);
    return 0;
  }
  return measure(words.subspan(1)) ? 0 : 1;
}
