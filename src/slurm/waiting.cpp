#include "slurm/waiting.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

struct Reason {
  std::string_view words;  ///< in lower case, blanks as underscores, as scontrol writes them
  const char* advice;
};

constexpr std::array reasons{
    Reason{"partitiontimelimit", "ask for less time: the partition's limit is lower"},
    Reason{"partitionnodelimit", "ask for fewer or more nodes: the partition has limits"},
    Reason{"partitionconfig",
           "ask for less time or fewer nodes: it is over a limit of the partition"},
    Reason{"accountnotallowed", "name another --account, or another --partition"},
    Reason{"account_not_permitted", "name another --account, or another --partition"},
    Reason{"account_not_known",
           "name an --account that may use the partition, or another --partition"},
    Reason{"account's_not_known",
           "name an --account that may use the partition, or another --partition"},
    Reason{"invalidaccount", "name another --account"},
    Reason{"invalidqos", "name another --qos, or none"},
    Reason{"qos_not_permitted", "name another --qos, or another --partition"},
    Reason{"qosnotallowed", "name another --qos, or another --partition"},
    Reason{"assocgrp", "the account's share is used up: name another --account"},
    Reason{"assocmaxwall", "ask for less time: the account's limit is lower"},
    Reason{"qosmaxwall", "ask for less time: the limit of the QOS is lower"},
    Reason{"qosmin", "ask for more, or for another --qos: this one has a least size"},
    Reason{"qosmaxgresper", "ask for fewer GPUs, or for another --qos"},
    Reason{"badconstraints", "no node has what --constraint and --gpus ask for together"},
    Reason{"jobheldadmin", "the site holds it: ask its support"},
    Reason{"jobhelduser", "release it: scontrol release JOBID"},
    Reason{"launch_failed_requeued_held", "a node could not start it: ask the site's support"},
    Reason{"dependencyneversatisfied", "the job that it waits for has failed"},
};

}  // namespace

std::optional<std::string> never_starts(std::string_view reason) {
  const std::string lower = base::replace_all(base::to_lower(reason), " ", "_");
  const auto found = std::ranges::find_if(
      reasons, [&](const Reason& known) { return lower.find(known.words) != std::string::npos; });
  if (found == reasons.end()) return std::nullopt;
  return found->advice;
}

std::string start_time(std::string_view scontrol_text) {
  constexpr std::string_view key = " StartTime=";
  const std::size_t at = scontrol_text.find(key);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = scontrol_text.substr(at + key.size());
  const std::string_view value = rest.substr(0, rest.find(' '));
  return value == "Unknown" || value == "N/A" ? "" : std::string(value);
}

}  // namespace hpcenv::slurm
