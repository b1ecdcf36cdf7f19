#include "host/system.hpp"

#include <utility>

#include "base/ca_bundles.hpp"
#include "base/text.hpp"

namespace hpcenv::host {

namespace {

constexpr std::pair<std::string_view, std::optional<Limit> LimitFacts::*> limit_lines[] = {
    {"Max locked memory", &LimitFacts::locked_bytes},
    {"Max open files", &LimitFacts::open_files},
    {"Max processes", &LimitFacts::processes},
    {"Max stack size", &LimitFacts::stack_bytes},
    {"Max core file size", &LimitFacts::core_bytes},
    {"Max address space", &LimitFacts::address_bytes},
};

/// False where the word is neither a number nor "unlimited".
bool read_amount(std::string_view word, std::optional<std::uint64_t>& amount) {
  if (word == "unlimited") return true;
  amount = base::parse_unsigned(word);
  return amount.has_value();
}

std::optional<Limit> limit_in(std::string_view values) {
  const std::vector<std::string_view> words = base::split_words(values);
  Limit limit;
  const bool usable =
      words.size() >= 2 && read_amount(words[0], limit.soft) && read_amount(words[1], limit.hard);
  return usable ? std::optional(limit) : std::nullopt;
}

std::optional<std::uint64_t> number_in(const HostReader& reader, const std::string& path) {
  const auto text = reader.read_text(path);
  return text ? base::parse_unsigned(base::trim(*text)) : std::nullopt;
}

std::optional<int> small_number(std::optional<std::uint64_t> number) {
  if (!number || !std::in_range<int>(*number)) return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<RoomFacts> room_of(const HostReader& reader, const std::string& path) {
  // Of a directory that is not there the file system would be its parent's.
  if (!reader.exists(path)) return std::nullopt;
  const auto facts = reader.file_system(path);
  if (!facts || facts->total_bytes == 0) return std::nullopt;
  return RoomFacts{facts->total_bytes, facts->free_bytes};
}

/// Debian's and Ubuntu's switches stand beside the kernel's own.
std::optional<bool> user_namespaces(const HostReader& reader) {
  const auto most = number_in(reader, "/proc/sys/user/max_user_namespaces");
  if (!most) return std::nullopt;
  const bool denied =
      number_in(reader, "/proc/sys/kernel/unprivileged_userns_clone") == 0U ||
      number_in(reader, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns").value_or(0) > 0;
  return *most > 0 && !denied;
}

std::optional<int> seccomp_of(const HostReader& reader) {
  const std::string status = reader.read_text("/proc/self/status").value_or("");
  for (const std::string_view line : base::split_lines(status)) {
    constexpr std::string_view key = "Seccomp:";
    if (!line.starts_with(key)) continue;
    return small_number(base::parse_unsigned(base::trim(line.substr(key.size()))));
  }
  return std::nullopt;
}

/// The loader that programs of each library name; glibc's comes first, a host may have both.
std::string c_library_of(const HostReader& reader) {
  const std::string machine = reader.machine();
  const char* loader =
      machine == "aarch64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
  if (reader.exists(loader)) return "glibc";
  return reader.exists("/lib/ld-musl-" + machine + ".so.1") ? "musl" : "";
}

std::string ca_bundle_of(const HostReader& reader) {
  for (const std::string_view path : base::ca_bundle_paths) {
    if (reader.exists(std::string(path))) return std::string(path);
  }
  return "";
}

bool in_wsl(const HostReader& reader) {
  const std::string version = base::to_lower(reader.read_text("/proc/version").value_or(""));
  return version.find("microsoft") != std::string::npos;
}

/// Of several the innermost: Apptainer runs inside the others.
std::string container_of(const HostReader& reader) {
  const base::Environment& environment = reader.environment();
  for (const char* name : {"APPTAINER", "SINGULARITY"}) {
    const bool inside = environment.has(std::string(name) + "_CONTAINER") ||
                        environment.has(std::string(name) + "_NAME");
    if (inside) return base::to_lower(name);
  }
  if (reader.exists("/.singularity.d")) return "apptainer";
  if (reader.exists("/var/run/secrets/kubernetes.io") ||
      environment.has("KUBERNETES_SERVICE_HOST")) {
    return "kubernetes";
  }
  if (reader.exists("/run/.containerenv")) return "podman";
  if (reader.exists("/.dockerenv")) return "docker";
  const std::string manager(base::trim(reader.read_text("/run/systemd/container").value_or("")));
  if (!manager.empty()) return manager == "wsl" ? "wsl" : manager;
  return in_wsl(reader) ? "wsl" : "";
}

}  // namespace

LimitFacts parse_limits(std::string_view text) {
  LimitFacts limits;
  for (const std::string_view line : base::split_lines(text)) {
    for (const auto& [name, member] : limit_lines) {
      if (line.starts_with(name)) limits.*member = limit_in(line.substr(name.size()));
    }
  }
  return limits;
}

SystemFacts read_system(const HostReader& reader) {
  SystemFacts facts;
  facts.limits = parse_limits(reader.read_text("/proc/self/limits").value_or(""));
  facts.shared_memory = room_of(reader, "/dev/shm");
  facts.temporary = room_of(reader, "/tmp");
  facts.user_namespaces = user_namespaces(reader);
  facts.memfd_noexec = small_number(number_in(reader, "/proc/sys/vm/memfd_noexec"));
  facts.seccomp = seccomp_of(reader);
  facts.infiniband = !reader.list("/sys/class/infiniband").empty();
  facts.ca_bundle = ca_bundle_of(reader);
  facts.c_library = c_library_of(reader);
  facts.container = container_of(reader);
  return facts;
}

}  // namespace hpcenv::host
