// A process for which no file system has hard links.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace hpcenv::test {

/// From now on link(2) gives EPERM in this process, as vfat, AFS and some network file systems do.
/// False where the kernel has no filters.
inline bool refuse_hard_links() {
  const auto load = [](unsigned offset) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offset};
  };
  const auto skip_unless = [](unsigned number) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number};
  };
  const auto give = [](unsigned value) { return sock_filter{BPF_RET | BPF_K, 0, 0, value}; };
  std::array rules{load(offsetof(seccomp_data, nr)),
#ifdef SYS_link
                   skip_unless(SYS_link),
                   give(SECCOMP_RET_ERRNO | EPERM),
#endif
                   skip_unless(SYS_linkat),
                   give(SECCOMP_RET_ERRNO | EPERM),
                   give(SECCOMP_RET_ALLOW)};
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace hpcenv::test
