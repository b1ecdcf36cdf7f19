#include "slurm/probe_ladder.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

constexpr std::uint64_t minute = 60;
constexpr std::uint64_t half_hour = 30 * minute;
constexpr const char* some_memory = "4G";

bool holds(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

// "--gpus" and "-G", but not the "--gpus" of "--gpus-per-node".
bool names_gpus(std::string text) {
  text = base::replace_all(std::move(text), "--gpus-per", "");
  return holds(text, "--gpus") || holds(text, "-g ") || holds(text, "-g=");
}

// Which spelling a refusal asks for: one that it names and that was not tried.
std::optional<GpuSpelling> named_spelling(const std::string& said,
                                          const std::set<GpuSpelling>& tried) {
  const std::array named{
      std::pair{GpuSpelling::gpus_per_node, holds(said, "gpus-per-node")},
      std::pair{GpuSpelling::gpus, names_gpus(said)},
      std::pair{GpuSpelling::gres, holds(said, "gres")},
  };
  for (const auto& [spelling, is_named] : named) {
    if (is_named && !tried.contains(spelling)) return spelling;
  }
  return std::nullopt;
}

// Whether it speaks of GPUs beside naming a partition that is called so.
bool means_gpus(std::string said, const std::string& partition) {
  for (const char* before : {"partition ", "partition '", "partition: ", "queue "}) {
    said = base::replace_all(std::move(said), before + base::to_lower(partition), "");
  }
  return holds(said, "gpu") || holds(said, "gres") || holds(said, "tres");
}

// The words that `after` has and `before` lacks, and the other way.
std::string difference(const ProbeRequest& before, const ProbeRequest& after) {
  const auto old_words = probe_options(before);
  const auto new_words = probe_options(after);
  const auto missing_in = [](const std::vector<std::string>& words,
                             const std::vector<std::string>& others) {
    std::vector<std::string> missing;
    for (const std::string& word : words) {
      if (std::ranges::find(others, word) == others.end()) missing.push_back(word);
    }
    return base::join(missing, " ");
  };
  const std::string added = missing_in(new_words, old_words);
  const std::string dropped = missing_in(old_words, new_words);
  if (added.empty()) return "without " + dropped;
  return dropped.empty() ? "with " + added : added + " in place of " + dropped;
}

struct Asked {
  RefusalTopic topic;
  ReachField field;
};
constexpr std::array may_be_asked{Asked{RefusalTopic::account, ReachField::account},
                                  Asked{RefusalTopic::qos, ReachField::qos},
                                  Asked{RefusalTopic::partition, ReachField::partition}};

}  // namespace

void ProbeLadder::learn(ReachField field, std::string value, ReachSource source) {
  learnt_.set(field, {{std::move(value)}, source, 0});
}

bool ProbeLadder::next_account() {
  if (choices_.account_of_environment && !request_.account.empty()) {
    choices_.account_of_environment = false;
    request_.account.clear();
    return true;
  }
  // Among several only the user knows which is to pay.
  if (!request_.account.empty() || choices_.accounts.size() != 1) return false;
  request_.account = choices_.accounts.front();
  learn(ReachField::account, request_.account, ReachSource::slurm);
  return true;
}

bool ProbeLadder::next_qos() {
  if (choices_.qos_of_environment && !request_.qos.empty()) {
    choices_.qos_of_environment = false;
    request_.qos.clear();
    return true;
  }
  if (!request_.qos.empty() || choices_.qos.size() != 1) return false;
  request_.qos = choices_.qos.front();
  learn(ReachField::qos, request_.qos, ReachSource::slurm);
  return true;
}

// Some QOS have a shortest time.
bool ProbeLadder::longer() {
  const auto now = time_seconds(request_.time);
  const bool fits = choices_.longest_seconds == 0 || choices_.longest_seconds >= half_hour;
  if (lengthened_ || !now || *now >= half_hour || !fits) return false;
  lengthened_ = true;
  request_.time = "30";
  learn(ReachField::probe_time, request_.time, ReachSource::plugin);
  return true;
}

bool ProbeLadder::next_spelling(const std::string& said) {
  if (request_.gpus == 0 || !means_gpus(said, request_.partition)) return false;
  auto next = named_spelling(said, tried_);
  for (const GpuSpelling spelling :
       {GpuSpelling::gres, GpuSpelling::gpus_per_node, GpuSpelling::none}) {
    if (!next && !tried_.contains(spelling)) next = spelling;
  }
  if (!next) return false;
  tried_.insert(*next);
  // Without a type it is the same word again.
  if (*next == GpuSpelling::gres && request_.gpu_type.empty() &&
      tried_.contains(GpuSpelling::gres_type)) {
    return next_spelling(said);
  }
  request_.spelling = *next;
  learn(ReachField::gpu_option, std::string(name_of(*next)), ReachSource::plugin);
  return true;
}

bool ProbeLadder::change_for(RefusalTopic topic, const Refusal& refusal) {
  switch (topic) {
    case RefusalTopic::account:
      return next_account();
    case RefusalTopic::qos:
      return next_qos();
    case RefusalTopic::time:
      return longer();
    case RefusalTopic::gpus:
      return next_spelling(base::to_lower(refusal.reason));
    case RefusalTopic::memory:
      if (!request_.memory.empty()) return false;
      request_.memory = some_memory;
      learn(ReachField::memory, some_memory, ReachSource::plugin);
      return true;
    case RefusalTopic::node_name:
      if (request_.node.empty()) return false;
      request_.node.clear();
      learn(ReachField::pick_node, "constraint", ReachSource::plugin);
      return true;
    case RefusalTopic::tasks:
      return std::exchange(request_.says_tasks, false);
    case RefusalTopic::exclusive:
      if (request_.whole_node) return false;
      request_.whole_node = true;
      learn(ReachField::whole_node, "exclusive", ReachSource::plugin);
      return true;
    case RefusalTopic::partition:
    case RefusalTopic::nodes:
    case RefusalTopic::cluster:
    case RefusalTopic::configuration:
    case RefusalTopic::unreachable:
      break;
  }
  return false;
}

LadderStep ProbeLadder::refused(const Refusal& refusal) {
  LadderStep step;
  const ProbeRequest before = request_;
  const auto spoken_of = [&](RefusalTopic topic) {
    return std::ranges::find(refusal.topics, topic) != refusal.topics.end();
  };
  if (spoken_of(RefusalTopic::unreachable)) return step;
  for (const RefusalTopic topic : refusal.topics) {
    if (!change_for(topic, refusal)) continue;
    step.kind = LadderStep::Kind::retry;
    step.change = difference(before, request_);
    return step;
  }
  for (const auto& [topic, field] : may_be_asked) {
    if (!spoken_of(topic)) continue;
    const bool is_given = (field == ReachField::account && !request_.account.empty()) ||
                          (field == ReachField::qos && !request_.qos.empty()) ||
                          (field == ReachField::partition && !request_.partition.empty());
    if (is_given) continue;
    step.kind = LadderStep::Kind::ask;
    step.field = field;
    if (field == ReachField::account) step.values = choices_.accounts;
    if (field == ReachField::qos) step.values = choices_.qos;
    return step;
  }
  return step;
}

void ProbeLadder::answer(ReachField field, const std::string& value) {
  if (field == ReachField::account) request_.account = value;
  if (field == ReachField::qos) request_.qos = value;
  if (field == ReachField::partition) request_.partition = value;
  learn(field, value, ReachSource::asked);
}

Reach ProbeLadder::learnt(std::int64_t now) const {
  Reach all;
  for (const auto& [field, fact] : learnt_.facts()) all.set(field, {fact.values, fact.source, now});
  return all;
}

}  // namespace hpcenv::slurm
