// What CEP 30 and CEP 46 say of virtual packages, case by case (tests/data).
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "host/virtual_packages.hpp"
#include "unit/support/case_file.hpp"

namespace hpcenv::host {
namespace {

struct Case {
  std::string section;
  std::string subdir;
  NodeProfile profile;
  base::Environment environment;
  std::vector<std::string> expectations;
};

std::pair<std::string, std::string> pair_of(std::string_view text) {
  const std::size_t equals = text.find('=');
  REQUIRE(equals != std::string_view::npos);
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::pair<int, int> numbers_of(std::string_view text) {
  const auto parts = base::split(text, '.');
  REQUIRE(parts.size() == 2);
  return {std::stoi(std::string(parts[0])), std::stoi(std::string(parts[1]))};
}

void add_driver(NodeProfile& profile, std::string_view cuda) {
  const auto [major, minor] = numbers_of(cuda);
  LibcudaCandidate library;
  library.path = "/usr/lib64/libcuda.so.1";
  library.end = ProbeEnd::answered;
  library.version_code = 0;
  library.cuda_version = major * 1000 + minor * 10;
  profile.nvidia.libcuda = {library};
  profile.nvidia.winner = 0;
}

void read_node(NodeProfile& profile, std::string_view line) {
  for (const std::string_view word : base::split_words(line)) {
    const auto [key, value] = pair_of(word);
    if (key == "machine") profile.machine = value;
    if (key == "kernel") profile.kernel = value;
    if (key == "glibc") profile.glibc = value;
    if (key == "cpu") profile.cpu = value;
    if (key == "cuda") add_driver(profile, value);
    if (key != "arch") continue;
    for (const std::string_view capability : base::split(value, ',')) {
      auto& device = profile.nvidia.libcuda.at(0).devices.emplace_back();
      std::tie(device.capability_major, device.capability_minor) = numbers_of(capability);
    }
  }
}

void read_line(Case& test, std::string_view line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view key = line.substr(0, blank);
  const std::string rest(base::trim(line.substr(blank)));
  if (key == "on") {
    test.subdir = rest;
  } else if (key == "node") {
    read_node(test.profile, rest);
  } else if (key == "set") {
    const auto [name, value] = pair_of(rest);
    test.environment.set(name, value);
  } else {
    test.expectations.emplace_back(line);
  }
}

std::vector<Case> read_cases(const std::string& file) {
  std::vector<Case> cases;
  bool open = false;
  for (const test::CaseLine& line : test::read_case_lines_with_blanks(file)) {
    if (line.text.empty()) {
      open = false;
      continue;
    }
    if (!open) cases.emplace_back().section = line.section;
    open = true;
    read_line(cases.back(), line.text);
  }
  return cases;
}

std::string described(const VirtualPackage& package) {
  constexpr std::array<std::string_view, 3> origins = {"detected", "overridden", "assumed"};
  return fmt::format("{} {} {} {}", package.name, package.version, package.build,
                     origins.at(static_cast<std::size_t>(package.origin)));
}

void check_line(const VirtualPackages& made, std::string_view line) {
  INFO(line);
  const std::string_view rest = base::trim(line.substr(line.find(' ')));
  if (line.starts_with("has ")) {
    std::vector<std::string> all;
    all.reserve(made.packages.size());
    for (const auto& package : made.packages) all.push_back(described(package));
    INFO("found:\n" << base::join(all, "\n"));
    CHECK(std::ranges::find(all, rest) != all.end());
  } else if (line.starts_with("lacks ")) {
    CHECK(std::ranges::find(made.packages, rest, &VirtualPackage::name) == made.packages.end());
  } else {
    REQUIRE(line.starts_with("warns "));
    CHECK(std::ranges::any_of(made.warnings, [&](const std::string& warning) {
      return std::string_view(warning).contains(rest);
    }));
  }
}

void check(const Case& test) {
  INFO(test.section << ", " << test.subdir);
  REQUIRE_FALSE(test.expectations.empty());
  const VirtualPackages made = virtual_packages(test.profile, test.environment, test.subdir);
  std::ptrdiff_t warnings = 0;
  for (const std::string& line : test.expectations) {
    check_line(made, line);
    if (line.starts_with("warns ")) ++warnings;
  }
  INFO("warnings:\n" << base::join(made.warnings, "\n"));
  CHECK(std::ssize(made.warnings) == warnings);
}

TEST_CASE("virtual packages are what CEP 30 says", "[virtual]") {
  const auto cases = read_cases("cep30_virtual_packages.txt");
  REQUIRE(cases.size() > 40);
  for (const Case& test : cases) check(test);
}

TEST_CASE("__cuda_arch is what CEP 46 says", "[virtual]") {
  const auto cases = read_cases("cep46_cuda_arch.txt");
  REQUIRE(cases.size() > 10);
  for (const Case& test : cases) check(test);
}

}  // namespace
}  // namespace hpcenv::host
