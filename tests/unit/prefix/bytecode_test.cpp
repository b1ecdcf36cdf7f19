#include "prefix/bytecode.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <mutex>
#include <set>

namespace hpcenv::prefix {
namespace {

/// Keeps what a python is asked to compile: per process, the sources of each piece.
class AskedPython final : public base::ProcessRunner {
 public:
  using Pieces = std::map<std::string, std::vector<std::string>>;

  Result<base::ProcessResult> run(const base::ProcessRequest& request) override {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < request.input.size();) {
      words.emplace_back(request.input.c_str() + at);
      at += words.back().size() + 1;
    }
    Pieces pieces;
    for (std::size_t i = 0; i + 2 < words.size(); i += 3) pieces[words[i]].push_back(words[i + 1]);
    const std::lock_guard lock(mutex_);
    asked.push_back(std::move(pieces));
    return base::ProcessResult{};
  }

  std::vector<Pieces> asked;

 private:
  std::mutex mutex_;
};

/// Packages of 150, 1, 64, 65 and 20 modules.
BytecodeJob job_of(std::size_t jobs) {
  BytecodeJob job;
  job.directory = "/nowhere/new";
  job.prefix = "/opt/envs/e";
  job.python.program = "bin/python3";
  job.form = BytecodeJob::Form::lasting;
  job.jobs = jobs;
  std::size_t group = 3;
  for (const std::size_t count : {150U, 1U, 64U, 65U, 20U}) {
    for (std::size_t i = 0; i < count; ++i) {
      job.sources.push_back(fmt::format("{}/{}.py", group, i));
      job.groups.push_back(group);
    }
    group += 2;
  }
  return job;
}

}  // namespace

TEST_CASE("which sources share a process does not depend on how many compile at once") {
  std::set<std::vector<std::string>> alone;
  for (const std::size_t jobs : {1U, 2U, 5U, 100U}) {
    AskedPython python;
    REQUIRE(compile_bytecode(job_of(jobs), python).has_value());
    CHECK(python.asked.size() <= jobs);
    CHECK((jobs == 1 || python.asked.size() > 1));
    std::set<std::vector<std::string>> pieces;
    std::size_t sources = 0;
    for (const AskedPython::Pieces& process : python.asked) {
      for (const auto& [number, piece] : process) {
        CHECK(piece.size() <= 64);
        const auto package = [](const std::string& path) {
          return path.substr(0, path.rfind('/'));
        };
        CHECK(package(piece.front()) == package(piece.back()));
        sources += piece.size();
        pieces.insert(piece);
      }
    }
    CHECK(sources == 300);
    CHECK(pieces.size() == 8);
    if (jobs == 1) alone = pieces;
    CHECK(pieces == alone);
  }
}

}  // namespace hpcenv::prefix
