// Child processes. ProcessRunner is one of the five seams.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

struct ProcessRequest {
  std::vector<std::string>
      argv;  ///< argv[0] is looked up in the PATH of `environment` where it holds no slash
  Environment environment;                ///< the whole environment of the child
  std::filesystem::path directory;        ///< empty: the caller's
  std::string input;                      ///< given on stdin, then closed
  std::chrono::milliseconds deadline{0};  ///< 0: none; then the whole process group is killed
  std::size_t output_limit =
      1U << 20U;  ///< bytes kept of stdout and of stderr each; more is read and dropped
  /// A rule set of base/write_protection.hpp that the child enters; negative: none.
  int protection = -1;
  /// What a child that ended by itself leaves in its process group.
  enum class Leftovers { live_on, killed };
  Leftovers leftovers = Leftovers::live_on;
};

struct ProcessResult {
  enum class End { exited, signalled, timed_out };
  End end = End::exited;
  int code = 0;  ///< exit code, or signal number
  std::string output;
  std::string errors;
  bool left_children = false;  ///< something of its process group was still there
  bool succeeded() const { return end == End::exited && code == 0; }
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  /// Waits for the child in its own process group (stdin closed or `input`), polls the interrupt
  /// flag. A program that cannot be started is an error (not_found where it is missing); an exit
  /// code is not. Never blocks on a child stuck in the kernel.
  virtual Result<ProcessResult> run(const ProcessRequest& request) = 0;
};

/// The real one. Ignores SIGPIPE in this process from now on (children get the default back).
std::unique_ptr<ProcessRunner> make_process_runner();

/// Looks a program up in PATH as execvp does.
std::optional<std::filesystem::path> find_program(const std::string& name,
                                                  const Environment& environment);

/// Replaces this process (execve); returns only on failure: not_found (127) or io (126).
Error exec_program(const std::vector<std::string>& argv, const Environment& environment);

}  // namespace hpcenv::base
