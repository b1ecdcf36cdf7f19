#include "base/write_protection.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace hpcenv::base {
namespace {

// The numbers of include/uapi/linux/landlock.h: a build machine's headers may be older than the
// kernel that the program meets.
constexpr long create_ruleset = 444;
constexpr long add_rule = 445;
constexpr long restrict_self = 446;
constexpr unsigned version_flag = 1;
constexpr int path_beneath = 1;
constexpr std::uint64_t change_file = 1U << 1U;
constexpr std::uint64_t remove_and_make = 0x1ff0;   // REMOVE_DIR to MAKE_SYM
constexpr std::uint64_t refer = 1U << 13U;          // ABI 2
constexpr std::uint64_t truncate_file = 1U << 14U;  // ABI 3
constexpr std::uint64_t connect_tcp = 1U << 1U;     // ABI 4, of the net rights

struct RuleSetRights {
  std::uint64_t files;
  std::uint64_t net;
};

struct [[gnu::packed]] PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};

std::uint64_t file_rights(long abi) {
  std::uint64_t rights = change_file | remove_and_make;
  if (abi >= 2) rights |= refer;
  if (abi >= 3) rights |= truncate_file;
  return rights;
}

bool allow(const Fd& rules, const std::filesystem::path& path, std::uint64_t rights) {
  const Fd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.valid()) return false;
  const PathRule rule{rights, place.get()};
  return syscall(add_rule, rules.get(), path_beneath, &rule, 0) == 0;
}

}  // namespace

std::optional<Fd> write_protection(const std::vector<std::filesystem::path>& writable) {
  const long abi = syscall(create_ruleset, nullptr, 0, version_flag);
  if (abi < 1) return std::nullopt;
  const std::uint64_t files = file_rights(abi);
  const RuleSetRights rights{files, abi >= 4 ? connect_tcp : 0};
  const std::size_t size = abi >= 4 ? sizeof rights : sizeof rights.files;
  Fd rules(static_cast<int>(syscall(create_ruleset, &rights, size, 0)));
  if (!rules.valid()) return std::nullopt;
  for (const std::filesystem::path& path : writable) {
    if (!allow(rules, path, files)) return std::nullopt;
  }
  const std::uint64_t on_a_file = files & (change_file | truncate_file);
  if (!allow(rules, "/dev/null", on_a_file)) return std::nullopt;
  return rules;
}

bool confine_writes(int rule_set) {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(restrict_self, rule_set, 0) == 0;
}

}  // namespace hpcenv::base
