#include "host/storage.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>

#include "base/apart.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "host/quota.hpp"
#include "host/quota_programs.hpp"

namespace hpcenv::host {

namespace {

using base::Json;
using Places = std::vector<std::optional<MountFacts>>;

/// Of a look at places, and of each trial.
constexpr std::chrono::milliseconds patience{3000};

const char* owner_of(const struct stat& status) {
  if (status.st_uid == geteuid()) return "you";
  return status.st_uid == 0 ? "root" : "another user";
}

void add_status(const std::string& existing, MountFacts& mount) {
  struct stat status{};
  if (stat(existing.c_str(), &status) != 0) return;
  constexpr mode_t permission_bits = 07777;
  mount.device = status.st_dev;
  mount.group = (status.st_mode & S_ISGID) != 0 ? status.st_gid : getegid();
  mount.writable = access(existing.c_str(), W_OK | X_OK) == 0;
  const bool default_acl = getxattr(existing.c_str(), "system.posix_acl_default", nullptr, 0) > 0;
  mount.permissions = {status.st_mode & permission_bits, owner_of(status), default_acl};
}

std::optional<MountFacts> look_at(const std::string& path) {
  Result<base::FileSystemFacts> facts = base::file_system_facts(path);
  if (!facts) return std::nullopt;
  MountFacts mount;
  mount.path = path;
  mount.facts = *std::move(facts);
  base::fs::path existing = path;
  while (!base::path_exists(existing) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  mount.missing = existing != base::fs::path(path);
  const auto resolved = base::resolve_path(existing);
  mount.existing = resolved ? resolved->native() : existing.native();
  add_status(mount.existing, mount);
  return mount;
}

/// Nothing is tried in what belongs to others, /tmp and the like excepted.
std::string why_untried(const MountFacts& mount) {
  if (!mount.permissions || !mount.writable) return "it cannot be examined";
  if (!*mount.writable) return "it cannot be written to";
  const bool shared = (mount.permissions->mode & S_ISVTX) != 0;
  return mount.permissions->owner == "you" || shared ? ""
                                                     : "it belongs to " + mount.permissions->owner;
}

using Work = std::function<Places()>;

/// The answer of a child; nullopt where it did not answer in time or died.
std::optional<Places> apart(const Work& work) {
  const base::ApartResult result = base::run_apart(
      [&] {
        Json list = Json::array();
        for (const auto& mount : work()) {
          list.push_back(mount ? mount_to_json(*mount) : Json());
        }
        return base::dump_json_line(list);
      },
      patience);
  if (result.end == base::ApartResult::End::cannot_start) return work();
  if (result.end != base::ApartResult::End::answered) return std::nullopt;
  const auto list = base::parse_json(result.answer, "places");
  if (!list || !list->is_array()) return std::nullopt;
  Places places;
  for (const Json& value : *list) {
    places.push_back(value.is_object() ? std::optional(mount_from_json(value)) : std::nullopt);
  }
  return places;
}

MountFacts hanging(const std::string& path) {
  MountFacts mount;
  mount.path = path;
  mount.hangs = true;
  return mount;
}

Places look_apart(const std::vector<std::string>& paths) {
  const auto together = apart([&] {
    Places places;
    for (const std::string& path : paths) places.push_back(look_at(path));
    return places;
  });
  if (together && together->size() == paths.size()) return *together;
  Places places(paths.size());
  static_cast<void>(base::parallel_for(paths.size(), paths.size(), [&](std::size_t i) -> Result<> {
    const auto alone = apart([&] { return Places{look_at(paths[i])}; });
    places[i] = alone && alone->size() == 1 ? alone->front() : hanging(paths[i]);
    return {};
  }));
  return places;
}

/// Tries in the first place of each file system where that may be done; the others of it are told
/// the same.
void try_apart(Places& places) {
  for (auto& mount : places) {
    if (!mount || mount->hangs || mount->abilities || !mount->device) continue;
    mount->untried = why_untried(*mount);
    if (!mount->untried.empty()) continue;
    const auto tried = apart([&] {
      // It finishes, and removes what it made, also where the parent is killed.
      prctl(PR_SET_PDEATHSIG, 0);
      MountFacts answer = *mount;
      answer.abilities = try_abilities(answer.existing);
      return Places{std::move(answer)};
    });
    const bool done = tried && tried->front() && tried->front()->abilities;
    if (!done) mount->untried = tried ? "no file can be made there" : "it does not answer in time";
    if (!done) continue;
    for (auto& same : places) {
      if (!same || same->device != mount->device) continue;
      same->abilities = tried->front()->abilities;
      same->untried.clear();
    }
  }
}

bool has_option(const Mount& mount, std::string_view wanted) {
  const auto options = base::split(mount.options, ',');
  return std::ranges::find(options, wanted) != options.end();
}

bool locks_stay_on_node(const Mount& mount) {
  if (mount.type == "lustre") return has_option(mount, "localflock");
  constexpr std::array local{"nolock", "local_lock=all", "local_lock=flock", "local_lock=posix"};
  return mount.type.starts_with("nfs") &&
         std::ranges::any_of(local, [&](const char* option) { return has_option(mount, option); });
}

bool can_hold_files(const MountFacts& mount) {
  const bool inodes = mount.facts.total_inodes == 0 || mount.facts.free_inodes > 0;
  const bool usable = mount.writable.value_or(true) && !mount.facts.read_only && inodes;
  const bool runs = !mount.facts.no_exec && (!mount.abilities || mount.abilities->runs_programs);
  return !mount.hangs && usable && runs;
}

bool is_on_node(const MountFacts& mount) {
  const Storage storage = storage_of(mount.facts);
  return storage == Storage::disk || storage == Storage::memory;
}

constexpr const char* local_disk = "job's local disk";

/// In the order of what a batch system gives to a job first.
NamedPaths node_places(const base::Environment& environment) {
  NamedPaths places;
  const auto add = [&](const char* purpose, const std::string& path) {
    if (path.starts_with('/')) places.emplace_back(purpose, path);
  };
  const std::string home = environment.get_or("HOME", "");
  add("home", home);
  add("root", environment.get_or("HPCENV_ROOT", home.empty() ? "" : home + "/.local/share/hpcenv"));
  add("scratch", environment.get_or("SCRATCH", ""));
  add("temporary files", environment.get_or("TMPDIR", "/tmp"));
  for (const char* name : {"SLURM_TMPDIR", "PBS_JOBFS", "SCRATCH", "TMPDIR"}) {
    add(local_disk, environment.get_or(name, ""));
  }
  add(local_disk, "/tmp");
  return places;
}

}  // namespace

std::vector<std::optional<MountFacts>> HostReader::places(const std::vector<std::string>& paths,
                                                          Trial /*trial*/) const {
  Places known(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto facts = file_system(paths[i]);
    if (!facts) continue;
    known[i].emplace();
    known[i]->path = known[i]->existing = paths[i];
    known[i]->facts = *std::move(facts);
  }
  return known;
}

std::vector<std::optional<MountFacts>> look_at_places(const std::vector<std::string>& paths,
                                                      Trial trial) {
  Places places = look_apart(paths);
  if (trial == Trial::yes) try_apart(places);
  return places;
}

std::vector<MountFacts> storage_at(const NamedPaths& places, const HostReader& reader,
                                   base::ProcessRunner& runner) {
  std::vector<std::string> paths;
  for (const auto& [purpose, path] : places) {
    if (std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
  }
  const Places known = reader.places(paths, Trial::yes);
  const std::string table = reader.read_text("/proc/self/mounts").value_or("");
  std::vector<MountFacts> mounts;
  for (const auto& found : known) {
    if (!found) continue;
    mounts.push_back(*found);
    const auto mount = found->hangs ? std::nullopt : mount_of(table, found->existing);
    if (!mount) continue;
    mounts.back().mount_point = mount->point;
    mounts.back().locks_stay_on_node = locks_stay_on_node(*mount);
  }
  ask_quotas(mounts, table, reader.environment(), runner);
  std::vector<MountFacts> named;
  for (const auto& [purpose, path] : places) {
    const auto found = std::ranges::find(mounts, path, &MountFacts::path);
    if (found == mounts.end()) continue;
    named.push_back(*found);
    named.back().purpose = purpose;
  }
  return named;
}

std::vector<MountFacts> node_storage(const HostReader& reader, base::ProcessRunner& runner) {
  std::vector<MountFacts> all = storage_at(node_places(reader.environment()), reader, runner);
  std::vector<MountFacts> mounts;
  bool has_local_disk = false;
  for (MountFacts& mount : all) {
    const bool candidate = mount.purpose == local_disk;
    if (candidate) {
      if (has_local_disk || mount.missing || !is_on_node(mount) || !can_hold_files(mount)) continue;
      has_local_disk = true;
    }
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

}  // namespace hpcenv::host
