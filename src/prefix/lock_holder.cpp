#include "prefix/lock_holder.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/clock.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  const Result<std::string> text = base::read_file(path);
  return text.has_value() ? std::string(base::trim(*text)) : std::string();
}

struct ProcessFacts {
  std::string state;    ///< "R", "S", "Z", ...
  std::string started;  ///< clock ticks
};

/// nullopt where /proc does not show it.
std::optional<ProcessFacts> facts_of(std::int64_t pid) {
  const std::string stat = first_line(fmt::format("/proc/{}/stat", pid));
  // The second field is the program's name in parentheses and may hold anything.
  const std::size_t close = stat.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  const std::vector<std::string_view> fields =
      base::split_words(std::string_view(stat).substr(close + 1));
  constexpr std::size_t started_field = 19;  // field 22, counted from the third
  if (fields.size() <= started_field) return std::nullopt;
  return ProcessFacts{std::string(fields[0]), std::string(fields[started_field])};
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

std::string own_pid_namespace() {
  std::error_code error;
  return fs::read_symlink("/proc/self/ns/pid", error).native();
}

/// Locks of older versions hold the number.
std::string user_in(const base::Json& object) {
  std::string name = base::string_or(object, "user");
  if (name.empty()) name = user_name(base::integer_or(object, "user"));
  return name;
}

}  // namespace

LockHolder this_process(std::string_view command) {
  LockHolder holder;
  holder.host = host_name();
  holder.boot = first_line("/proc/sys/kernel/random/boot_id");
  holder.pid_namespace = own_pid_namespace();
  holder.pid = getpid();
  const auto facts = facts_of(holder.pid);
  if (facts.has_value()) holder.started = facts->started;
  holder.user = user_name(static_cast<std::int64_t>(geteuid()));
  holder.since = base::SystemClock().now();
  holder.command = command;
  return holder;
}

std::string holder_text(const LockHolder& holder) {
  base::Json object;
  object["host"] = holder.host;
  object["boot"] = holder.boot;
  object["pid_namespace"] = holder.pid_namespace;
  object["pid"] = holder.pid;
  object["started"] = holder.started;
  object["user"] = holder.user;
  object["since"] = holder.since;
  object["command"] = holder.command;
  return base::dump_json_line(object) + "\n";
}

std::optional<LockHolder> parse_holder(const std::string& text, const fs::path& file) {
  const Result<base::Json> object = base::parse_json(text, file.native());
  if (!object.has_value() || !object->is_object()) return std::nullopt;
  LockHolder holder;
  holder.host = base::string_or(*object, "host");
  holder.boot = base::string_or(*object, "boot");
  holder.pid_namespace = base::string_or(*object, "pid_namespace");
  holder.pid = base::integer_or(*object, "pid");
  holder.started = base::string_or(*object, "started");
  holder.user = user_in(*object);
  holder.since = base::integer_or(*object, "since");
  holder.command = base::string_or(*object, "command");
  return holder;
}

bool is_gone(const LockHolder& holder) {
  if (holder.pid <= 0 || holder.started.empty() || holder.boot.empty()) return false;
  const LockHolder here = this_process("");
  // Containers and virtual hosts share a boot id, so all three have to agree.
  if (holder.host != here.host || holder.boot != here.boot) return false;
  if (holder.pid_namespace.empty() || holder.pid_namespace != here.pid_namespace) return false;
  // A /proc with hidepid does not show other users' processes; signal 0 finds them.
  if (kill(static_cast<pid_t>(holder.pid), 0) != 0 && errno == ESRCH) return true;
  const auto facts = facts_of(holder.pid);
  if (!facts.has_value()) return false;
  return facts->started != holder.started || facts->state == "Z" || facts->state == "X";
}

std::string describe(const LockHolder& holder) {
  return fmt::format("{}, process {} of user {} on {}, since {} UTC", holder.command, holder.pid,
                     holder.user, holder.host, base::utc_text(holder.since));
}

std::string user_name(std::int64_t user) {
  std::string number = fmt::format("{}", user);
  const Result<std::string> users = base::read_file("/etc/passwd");
  if (!users.has_value()) return number;
  for (const std::string_view line : base::split_lines(*users)) {
    const std::vector<std::string_view> fields = base::split(line, ':');
    if (fields.size() > 2 && fields[2] == number) return std::string(fields[0]);
  }
  return number;
}

std::string owner_of(const fs::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {};
  return user_name(static_cast<std::int64_t>(status.st_uid));
}

}  // namespace hpcenv::prefix
