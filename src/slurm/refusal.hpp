// Why sbatch said no, read from all that it and the site's plugins wrote. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::slurm {

/// What a refusal may be about, in the order in which sites mean it.
enum class RefusalTopic {
  unreachable,  ///< the controller does not answer
  account,
  qos,
  partition,
  time,
  memory,
  gpus,
  node_name,  ///< a node was asked for by name
  tasks,
  exclusive,
  nodes,  ///< how many
  cluster,
  configuration,  ///< no node has all of it
};

struct Refusal {
  std::string reason;  ///< all that sbatch and the site's plugins said, on one line
  std::string advice;  ///< which option to add or drop, or where to look
  /// What it speaks of: of the site's own sentences where they speak of anything, else of Slurm's
  /// last line ("Job violates accounting/QOS policy"); empty: nobody can tell.
  std::vector<RefusalTopic> topics;
};
/// From the stderr of a refused sbatch.
Refusal explain_refusal(std::string_view errors);
/// The advice on what the request does not name already; that of the refusal where it names all.
std::string advice_beside(const Refusal& refusal, const std::vector<RefusalTopic>& given);

}  // namespace hpcenv::slurm
