#include "ops/node_sight.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "net/reach.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using base::Environment;

constexpr std::chrono::milliseconds channel_patience{3000};
constexpr std::chrono::milliseconds resolver_patience{3000};

// Set by sites for each job.
constexpr std::array disk_variables{
    "SLURM_TMPDIR",  "LOCAL_SCRATCH", "L_SCRATCH", "JOB_SCRATCH_DIR", "JOBSCRATCH",
    "SLURM_SCRATCH", "LOCALSCRATCH",  "LOCALDIR",  "SNIC_TMP",        "VSC_SCRATCH_NODE"};

struct Disk {
  std::string name;  ///< as jobs would write it
  fs::path path;
};

std::vector<Disk> disks(const std::string& cluster_disk, const Environment& environment) {
  std::vector<Disk> all;
  const auto variable = [&](const char* name) {
    const std::string value = environment.get_or(name, "");
    if (!value.empty()) all.push_back({std::string("$") + name, value});
  };
  for (const char* name : disk_variables) variable(name);
  const std::string job = environment.get_or("SLURM_JOB_ID", "");
  const std::string user = environment.get_or("USER", "");
  const std::string temporary = environment.get_or("TMPDIR", "");
  const bool is_of_job = !job.empty() && temporary.find(job) != std::string::npos;
  if (is_of_job || (temporary != "/tmp" && temporary != "/tmp/")) variable("TMPDIR");
  if (!job.empty()) {
    all.push_back({"/lscratch/$SLURM_JOB_ID", "/lscratch/" + job});
    all.push_back({"/scratch/$USER/job_$SLURM_JOB_ID", "/scratch/" + user + "/job_" + job});
  }
  if (!user.empty()) {
    all.push_back({"/mnt/bb/$USER", "/mnt/bb/" + user});
    all.push_back({"/local/$USER", "/local/" + user});
  }
  if (!cluster_disk.empty()) all.push_back({cluster_disk, cluster_disk});
  all.push_back({"/tmp", "/tmp"});
  return all;
}

bool is_writable(const fs::path& path) {
  const auto made = base::make_private_directory(path, ".hpcenv-probe-");
  if (!made) return false;
  static_cast<void>(base::remove_tree(*made));
  return true;
}

// Of a shared file system that is no disk of the node, whatever its variable is called.
bool is_seen_elsewhere(const fs::path& path, const std::vector<std::string>& shared) {
  return std::ranges::any_of(shared, [&](const std::string& directory) {
    return (path.native() + "/").starts_with(directory + "/");
  });
}

std::vector<slurm::NetInterface> interfaces() {
  std::vector<slurm::NetInterface> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    const bool is_loopback = (one->ifa_flags & IFF_LOOPBACK) != 0;
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || is_loopback) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);  // NOLINT
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
    const bool up = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_RUNNING) != 0;
    found.push_back({one->ifa_name, text.data(), up});
  }
  freeifaddrs(list);
  return found;
}

// What the node's resolver says, hosts file and all; getent asks it.
std::string address_of(const std::string& name, const LocalSeams& seams) {
  if (name.empty()) return "";
  base::ProcessRequest request;
  request.argv = {"getent", "ahostsv4", name};
  request.environment = seams.reader.environment();
  request.deadline = resolver_patience;
  const auto said = seams.runner.run(request);
  if (!said || !said->succeeded()) return "";
  const auto words = base::split_words(said->output);
  return words.empty() ? "" : std::string(words.front());
}

bool is_up(const std::string& address, const slurm::NodeSight& sight) {
  return std::ranges::any_of(sight.interfaces, [&](const slurm::NetInterface& one) {
    return one.up && one.address == address;
  });
}

void look_at_network(const SightRequest& request, const LocalSeams& seams,
                     slurm::NodeSight& sight) {
  sight.interfaces = interfaces();
  const std::string own = seams.reader.hostname();
  sight.own_address = address_of(own, seams);
  sight.slurm_address =
      address_of(request.slurm_address.empty() ? sight.node : request.slurm_address, seams);
  const std::string by_slurm = address_of(sight.node, seams);
  if (by_slurm == sight.slurm_address && is_up(by_slurm, sight)) return;
  for (const char* suffix : {"i", "-ib0", "-ib", "-hsn0"}) {
    const std::string address = address_of(sight.node + suffix, seams);
    if (address.empty() || !is_up(address, sight)) continue;
    sight.suffix = suffix;
    return;
  }
}

std::string net_of(const SightRequest& request) {
  if (request.url.empty()) return "";
  net::HttpOptions options = request.network;
  options.offline = net::HttpOptions::Offline::no;
  options.connect_timeout = channel_patience;
  const auto answers = net::reach({request.url}, options, channel_patience);
  if (!answers || answers->empty()) return "";
  using End = net::Reach::End;
  if (answers->front().end == End::unreachable || answers->front().end == End::failed) {
    return "none";
  }
  return net::proxy_for(request.url, options).empty() ? "direct" : "proxy";
}

}  // namespace

void find_local_disk(const std::string& cluster_disk, const Environment& environment,
                     slurm::NodeSight& sight) {
  for (const Disk& disk : disks(cluster_disk, environment)) {
    if (!disk.path.is_absolute() || is_seen_elsewhere(disk.path, sight.visible)) continue;
    if (access(disk.path.c_str(), W_OK | X_OK) != 0) continue;
    const auto facts = base::file_system_facts(disk.path);
    if (!facts) continue;
    const host::Storage storage = host::storage_of(*facts);
    if (storage == host::Storage::network || !is_writable(disk.path)) continue;
    sight.local = disk.name;
    sight.local_bytes = facts->free_bytes;
    sight.local_is_ram = storage == host::Storage::memory;
    return;
  }
}

Result<slurm::NodeSight> look_at_node(const SightRequest& request, const LocalSeams& seams) {
  const Environment& environment = seams.reader.environment();
  slurm::NodeSight sight;
  sight.node = environment.get_or("SLURMD_NODENAME", seams.reader.hostname());
  sight.job = environment.get_or("SLURM_JOB_ID", "");
  sight.ran_from = fs::path(environment.get_or("HPCENV_PROBE_PROGRAM", "")).parent_path();
  HPCENV_ASSIGN(sight.profile, host::probe_node(seams.reader, seams.runner, seams.clock,
                                                host::ProbeDepth::automatic));
  for (const Token& token : request.tokens) {
    if (sees_token(token)) sight.visible.push_back(token.directory.native());
  }
  find_local_disk(request.local_disk, environment, sight);
  look_at_network(request, seams, sight);
  sight.net = net_of(request);
  return sight;
}

}  // namespace hpcenv::ops
