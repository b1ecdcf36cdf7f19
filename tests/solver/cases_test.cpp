// Runs every file of tests/solver/cases, by a dive and by libsolv alone.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "solve/relax.hpp"
#include "solver/case.hpp"

namespace hpcenv::solve_test {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::vector<conda::PackageRecord>& packages) {
  Lines lines;
  for (const auto& record : packages) {
    lines.push_back(fmt::format("{} {} {}", record.name, record.version, record.build));
  }
  return lines;
}

std::filesystem::path folder() {
  return std::filesystem::path(HPCENV_SOURCE_DIR) / "tests/solver/cases";
}

/// Writes what was found into the file, for a person to look at: UPDATE=1 in the environment.
void update_section(const Case& test, const std::string& section, const Lines& found) {
  const auto file = folder() / (test.name + ".case");
  const std::string text = base::read_file(file).value();
  const std::string head = "[" + section + "]\n";
  const std::size_t begin = text.find(head) + head.size();
  const std::size_t end = std::min(text.find("\n[", begin - 1), text.size() - 1);
  const std::string body = base::join(found, "\n") + (found.empty() ? "" : "\n");
  std::ofstream(file) << text.substr(0, begin) << body << text.substr(end + 1);
}

void check_section(const Case& test, const std::string& section, const Lines& found) {
  const auto expected = test.expected.find(section);
  if (expected == test.expected.end()) return;
  if (found != expected->second && std::getenv("UPDATE") != nullptr) {
    update_section(test, section, found);
  }
  INFO("section " << section << ", found:\n" << base::join(found, "\n"));
  CHECK(found == expected->second);
}

void check_solution(const Case& test, const solve::SolveRequest& request,
                    const solve::Solution& solution) {
  for (const std::string& fault : faults_of(request, solution.packages)) FAIL_CHECK(fault);
  Lines lines = lines_of(solution.packages);
  check_section(test, "order", lines);
  Lines files;
  for (const auto& record : solution.packages) files.push_back(record.file_name);
  check_section(test, "files", files);
  std::sort(lines.begin(), lines.end());
  check_section(test, "packages", lines);
  check_section(test, "notes", solution.notes);
  Lines choices;
  for (const solve::Choice& choice : solution.asked) {
    choices.push_back(fmt::format("{} {}", choice.name, choice.version));
    if (!choice.reason.empty()) {
      choices.back() += fmt::format(" (newest {}: {})", choice.newest, choice.reason);
    }
  }
  check_section(test, "choices", choices);
  if (test.expected.contains("conflict") || test.expected.contains("unknown")) {
    FAIL_CHECK("a conflict was expected, found:\n" << base::join(lines, "\n"));
  }
}

void check_conflict(const Case& test, const solve::SolveRequest& request,
                    const solve::Conflict& conflict) {
  CHECK(conflict.lines.size() <= 12);
  CHECK_FALSE(conflict.lines.empty());
  if (test.expected.contains("packages") || test.expected.contains("order")) {
    FAIL_CHECK("packages were expected, found the conflict:\n" << base::join(conflict.lines, "\n"));
  }
  check_section(test, "conflict", conflict.lines);
  check_section(test, "unknown", conflict.unknown_names);
  check_section(test, "hints", conflict.hints);
  if (test.expected.contains("fits")) check_section(test, "fits", solve::relaxed_hints(request));
}

void run(const Case& test, solve::Method method) {
  solve::SolveRequest request = test.request;
  request.index = &test.index;
  request.method = method;
  const auto outcome = solve::solve(request);
  REQUIRE(outcome.has_value());
  if (const auto* solution = std::get_if<solve::Solution>(&*outcome)) {
    check_solution(test, request, *solution);
  } else {
    check_conflict(test, request, std::get<solve::Conflict>(*outcome));
  }
}

TEST_CASE("every case ends as its file says") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".case") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 20);
  int conflicts = 0;
  for (const auto& file : files) {
    INFO("case " << file.filename().string());
    const auto test = read_case(file);
    if (!test.has_value()) FAIL(test.error().message);
    REQUIRE_FALSE(test->expected.empty());
    conflicts += test->expected.contains("conflict") ? 1 : 0;
    {
      INFO("by a dive");
      run(*test, solve::Method::dive);
    }
    if (test->only_dive) continue;
    INFO("by libsolv");
    run(*test, solve::Method::search);
  }
  CHECK(conflicts >= 30);
}

}  // namespace
}  // namespace hpcenv::solve_test
