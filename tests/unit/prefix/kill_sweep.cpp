#include "unit/prefix/kill_sweep.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/process.hpp"

namespace hpcenv::test {

Ending in_child(const std::function<bool()>& act, int kill_at) {
  const pid_t child = fork();
  if (child == 0) {
    if (kill_at > 0) setenv("HPCENV_FAULT_KILL", std::to_string(kill_at).c_str(), 1);
    _exit(act() ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, WEXITSTATUS(status)};
}

void run_sweep(const std::string& tag, const std::string& proof) {
#ifndef HPCENV_FAULTS
  SKIP("no fault points in this build");
#endif
  // This process may have passed fault points already; a fresh one counts from zero in its
  // children.
  base::ProcessRequest request;
  request.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), tag};
  // In memory: hundreds of changes with their syncs take a slow disk minutes.
  if (access("/dev/shm", W_OK | X_OK) == 0) request.environment.set("TMPDIR", "/dev/shm");
  const auto result = base::make_process_runner()->run(request).value();
  INFO(result.output << result.errors);
  CHECK(result.succeeded());
  CHECK(result.output.find(proof) != std::string::npos);
}

}  // namespace hpcenv::test
