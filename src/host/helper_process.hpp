// Starts a program that lies in our own memory and collects what it writes to one descriptor.
//
// This is not base::ProcessRunner: the program has no path (memfd), its answer comes on a
// descriptor of its own because stdout belongs to the library it loads, and how exec failed has to
// be told apart (ENOENT: the host has no glibc loader).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"

namespace hpcenv::host {

struct HelperRequest {
  std::string_view image;              ///< bytes of an ELF program
  std::vector<std::string> arguments;  ///< after argv[0]; `answer_fd` is open in the child
  base::Environment environment;
  std::chrono::milliseconds deadline{0};
};

struct HelperRun {
  enum class End { exited, signalled, timed_out, interrupted, cannot_start };
  End end = End::cannot_start;
  int code = 0;        ///< exit code, signal number, or errno of the start
  std::string output;  ///< at most 256 KiB, whatever had been written when it ended
};

/// The descriptor number on which the child answers.
inline constexpr int answer_fd = 3;

/// Comes back within the deadline plus 300 ms whatever the child does; a child that the kernel does
/// not let die is left behind. Where memfd_create or running from it is refused, a private file in
/// $TMPDIR, $XDG_RUNTIME_DIR, /tmp, /var/tmp, /dev/shm or $HOME serves, unlinked before it is
/// started.
HelperRun run_helper(const HelperRequest& request);

}  // namespace hpcenv::host
