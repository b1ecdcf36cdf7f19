// How jobs get to the machines of a target: the fields that sites differ in, each with where its
// value came from. Kept as `reach` in the target's file. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::slurm {

enum class ReachField {
  partition,     ///< one, or several with commas between; missing: the site routes jobs
  account,       ///< --account
  qos,           ///< --qos
  constraint,    ///< --constraint, passed on unread
  gpu_option,    ///< how a GPU is asked for: gres, gpus, gpus-per-node, gpus-per-task, none
  gpu_type,      ///< "a100": asked for by name; missing: any
  gpus,          ///< on a node, where a job does not say
  time,          ///< where a job does not say
  time_min,      ///< the shortest that the QOS takes
  time_max,      ///< the longest
  memory,        ///< "forbidden": no --mem; else what --mem gets where a job does not say
  cpus_per_gpu,  ///< --cpus-per-task for each GPU, where a job does not say
  whole_node,    ///< "exclusive": --exclusive is wanted; "implied": nodes are given whole anyway
  cluster,       ///< --clusters
  arch,          ///< of the nodes, "x86_64"
  local,         ///< a variable ($TMPDIR) or path of a disk of the node
  local_option,  ///< the option that asks for it
  local_size,    ///< bytes
  local_is_ram,  ///< "yes": it takes of the job's memory
  workdir,       ///< directories of this host that the nodes see
  net,           ///< "direct", "none", "proxy"
  interface,     ///< that nodes talk to each other over, "ib0"
  host_suffix,   ///< after a node's name, the name of that interface's address
  mpi,           ///< --mpi of srun
  probe_partition,
  probe_qos,
  probe_time,
  pick_node,  ///< how a job names a node: "nodelist", "constraint"
  head,       ///< lines of bash before the activation
  options,    ///< of sbatch, each one word
};

enum class ReachSource {
  asked,      ///< answered at a prompt
  user,       ///< an option, or written into the file by hand
  site_file,  ///< the site's slurm.yml
  plugin,     ///< learnt from a refusal of sbatch
  slurm,      ///< shown by Slurm
  probe,      ///< seen on a node
};

struct ReachFact {
  std::vector<std::string> values;  ///< one, but for workdir, head and options; never empty
  ReachSource source = ReachSource::user;
  std::int64_t when = 0;  ///< seconds since the epoch; 0: not known
};

class Reach {
 public:
  /// Owned by this; nullptr where the field is not known.
  const ReachFact* find(ReachField field) const;
  bool has(ReachField field) const { return find(field) != nullptr; }
  /// The first value; empty where the field is not known.
  std::string text(ReachField field) const;
  /// No value at all: the field is not known.
  std::vector<std::string> values(ReachField field) const;
  /// A fact without values takes the field out.
  void set(ReachField field, ReachFact fact);
  const std::map<ReachField, ReachFact>& facts() const { return facts_; }

 private:
  std::map<ReachField, ReachFact> facts_;
};

/// "gpu_option" and the like: the names in files.
std::string_view name_of(ReachField field);
std::string_view name_of(ReachSource source);
/// All fields, in the order of the enumeration.
std::span<const std::string_view> reach_field_names();

/// A field is {"value": TEXT or [TEXT...], "source": ..., "when": SECONDS}, or TEXT or a list
/// alone, which came from `source`. Kind refused, naming `name` and the field: one that is not
/// known, a value that is none of those the field can have, a control character.
Result<Reach> reach_from_json(const base::Json& value, std::string_view name,
                              ReachSource source = ReachSource::user);
base::Json reach_to_json(const Reach& reach);

}  // namespace hpcenv::slurm
