#include "slurm/refusal.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

struct Advice {
  RefusalTopic topic;
  const char* words;
  const char* text;
};

// What is more telling stands first.
constexpr std::array advices{
    Advice{RefusalTopic::unreachable, "unable to contact slurm|communication connection failure",
           "the controller does not answer; try again later"},
    Advice{RefusalTopic::account, "account|project|budget|allocation code",
           "name the account with --account; `sacctmgr -nP show assoc user=$USER "
           "format=account,partition,qos` lists yours"},
    Advice{RefusalTopic::qos, "qos|quality of service",
           "name a quality of service with --qos, or leave it out; `sacctmgr -nP show assoc "
           "user=$USER format=qos` lists yours"},
    Advice{RefusalTopic::node_name, "nodelist|node list|-w |--exclude|by name|named node",
           "leave out the names of nodes"},
    Advice{RefusalTopic::partition, "partition|queue",
           "name the partition with --partition; `sinfo -s` lists them"},
    Advice{RefusalTopic::time, "time limit|timelimit|walltime|wall time|time_limit|--time",
           "give another --time"},
    Advice{RefusalTopic::memory, "--mem|memory",
           "give another --mem, or leave it out where the site ties it to "
           "processors or GPUs"},
    Advice{RefusalTopic::gpus, "gres|gpu|tres",
           "ask for GPUs, with --gpus N or --gpus TYPE:N, as the site wants it: a target knows how "
           "(hpcenv target add NAME --partition PARTITION, then --on NAME)"},
    Advice{RefusalTopic::exclusive, "exclusive|whole node",
           "give the option with --sbatch, e.g. "
           "--sbatch=--exclusive"},
    Advice{RefusalTopic::tasks, "tasks-per-node|ntasks|number of tasks",
           "give another --ntasks or --ntasks-per-node"},
    Advice{RefusalTopic::nodes, "node count|--nodes|number of nodes", "give another --nodes"},
    Advice{RefusalTopic::cluster, "cluster",
           "name the cluster with --sbatch=--clusters=NAME; some sites want a module loaded"},
    Advice{RefusalTopic::configuration, "node configuration",
           "no node has all that was asked for; `sinfo -N -o '%N %P %c %m "
           "%G %f'` shows what nodes have"},
};
constexpr const char* no_advice =
    "the site's documentation says which options it asks for; give them with --sbatch";

bool holds_word(const std::string& text, std::string_view words) {
  return std::ranges::any_of(base::split(words, '|'), [&](std::string_view word) {
    return text.find(word) != std::string::npos;
  });
}

std::vector<std::string> sentences_of(std::string_view errors) {
  std::vector<std::string> sentences;
  for (std::string_view line : base::split_lines(errors)) {
    for (const std::string_view start : {"sbatch: ", "srun: ", "error: ", "allocation failure: "}) {
      if (line.starts_with(start)) line.remove_prefix(start.size());
    }
    line = base::trim(line);
    if (!line.empty()) sentences.emplace_back(line);
  }
  return sentences;
}

std::vector<const Advice*> advices_on(const std::vector<std::string>& sentences) {
  std::vector<const Advice*> found;
  const std::string lower = base::to_lower(base::join(sentences, "; ")) + " ";
  for (const Advice& advice : advices) {
    if (holds_word(lower, advice.words)) found.push_back(&advice);
  }
  return found;
}

}  // namespace

Refusal explain_refusal(std::string_view errors) {
  std::vector<std::string> sentences = sentences_of(errors);
  Refusal refusal;
  refusal.reason = base::join(sentences, "; ");
  std::vector<const Advice*> found;
  if (sentences.size() > 1) {
    // Slurm's own last line says what its error code is called, which plugins choose freely.
    const std::string last = std::move(sentences.back());
    sentences.pop_back();
    found = advices_on(sentences);
    sentences = {last};
  }
  if (found.empty()) found = advices_on(sentences);
  for (const Advice* advice : found) refusal.topics.push_back(advice->topic);
  refusal.advice = found.empty() ? no_advice : found.front()->text;
  return refusal;
}

std::string advice_beside(const Refusal& refusal, const std::vector<RefusalTopic>& given) {
  const auto is_new = [&](RefusalTopic topic) {
    return std::ranges::find(given, topic) == given.end();
  };
  const auto topic = std::ranges::find_if(refusal.topics, is_new);
  if (topic == refusal.topics.end()) return refusal.advice;
  return std::ranges::find(advices, *topic, &Advice::topic)->text;
}

}  // namespace hpcenv::slurm
