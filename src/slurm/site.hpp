// The cluster as Slurm shows it. Parsing is pure; ops runs the commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::slurm {

struct Partition {
  std::string name;
  bool is_default = false;
  std::string state;              ///< "up", "down", ...
  std::string time_limit;         ///< as Slurm writes it: "1:00:00", "infinite"
  std::vector<std::string> gres;  ///< distinct, as nodes have them: "gpu:a100:2"
  std::vector<std::string> nodes;
  // What follows is of `parse_partitions`; sinfo does not tell it.
  std::string default_time{};                 ///< empty: none, the limit counts
  std::vector<std::string> allow_accounts{};  ///< empty: all, as the next two
  std::vector<std::string> allow_groups{};
  std::vector<std::string> allow_qos{};
  std::string qos{};             ///< whose limits count here
  std::uint64_t min_nodes = 0;   ///< that a job has to ask for
  std::uint64_t max_nodes = 0;   ///< 0: no limit
  bool whole_nodes = false;      ///< a job gets whole nodes, whatever it asks for
  std::string default_memory{};  ///< "4000 MB per CPU"; empty: the cluster's
  std::string max_memory{};
  std::string job_defaults{};  ///< "DefCpuPerGPU=8,DefMemPerGPU=64000"
};

struct SiteNode {
  std::string name;
  std::string arch;       ///< "x86_64"; empty: has not registered
  std::string address;    ///< NodeAddr
  std::string host_name;  ///< NodeHostName
  std::string state;      ///< "IDLE", "MIXED+DRAIN"
  std::string gres;       ///< "gpu:a100:2(S:0-1)"
  std::vector<std::string> features;
  std::vector<std::string> partitions;
  std::uint64_t memory_mb = 0;
  std::uint64_t cpus = 0;
  std::uint64_t local_disk_mb = 0;
};

/// Where the user may run jobs, as the accounting database says.
struct Association {
  std::string account;
  std::string partition;  ///< empty: any
  std::vector<std::string> qos;
  std::string default_qos;
};

struct SiteProfile {
  std::string slurm_version;  ///< "22.05.8"; empty where the text had none
  std::vector<Partition> partitions;
  // What follows is of `parse_configuration` and its like.
  std::string cluster;
  std::vector<std::string> submit_plugins;  ///< rules that no other question shows
  std::vector<std::string> client_filters;
  std::vector<std::string> enforced;  ///< "associations", "limits", "qos", ...
  bool has_database = false;
  bool allocates_memory = false;
  std::string default_memory;  ///< "100 MB per CPU"; empty: all of the node
  std::string mpi_default;
  std::string enforce_part_limits;  ///< "NO", "ALL", "ANY"
  std::string local_disk;           ///< TmpFS, "/tmp"
  std::vector<SiteNode> nodes;
  std::vector<Association> associations;
  std::string default_account;
  std::int64_t taken_at = 0;  ///< seconds since the epoch
};

/// The command line of sinfo whose text is the same on 22.05 and 24.11 (facts/slurm.md 2).
std::vector<std::string> sinfo_arguments();
/// Reads what that sinfo printed, and what `sinfo --version` printed. Refused where a line is not
/// of that form; no line at all is a site without partitions.
Result<SiteProfile> parse_sinfo(std::string_view text, std::string_view version_text);
/// Owned by `site`; nullptr where there is none.
const SiteNode* find_node(const SiteProfile& site, std::string_view name);
const Partition* find_partition(const SiteProfile& site, std::string_view name);

/// Whether jobs can be given the node now or later: neither down nor drained nor unknown.
bool is_usable(const SiteNode& node);

/// Kind not_found, with the nearest and all names.
Error unknown_partition(std::string_view name, const SiteProfile& site);

struct Gpus {
  std::string type;  ///< empty: any
  std::uint64_t count = 0;
};
/// As jobs ask for them: "2", "a100", "a100:2". nullopt: none of these.
std::optional<Gpus> parse_gpus(std::string_view text);
/// The GPUs of one node from its gres: "gpu:a100:2(S:0-1),lscratch:800" has two of type a100.
std::vector<Gpus> gpus_of_gres(std::string_view gres);

/// Seconds of a Slurm time ("30" minutes, "30:00", "2:00:00", "1-12", "1-12:00:00"); the largest
/// number for "infinite", "unlimited"; nullopt for what is no time.
std::optional<std::uint64_t> time_seconds(std::string_view text);

}  // namespace hpcenv::slurm
