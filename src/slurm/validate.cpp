#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "slurm/job_request.hpp"
#include "slurm/plain_text.hpp"

namespace hpcenv::slurm {
namespace {

bool is_plain_name(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !text.empty() && text.find_first_not_of(plain) == std::string_view::npos &&
         text.find_first_of("-.") != 0;
}

// "2", "a100", "a100:2"
std::optional<Gpus> parse_gpus(std::string_view text) {
  const auto parts = base::split(text, ':');
  if (parts.size() == 1) {
    if (const auto count = base::parse_unsigned(text)) return Gpus{"", *count};
    if (!is_plain_name(text)) return std::nullopt;
    return Gpus{std::string(text), 1};
  }
  const auto count = base::parse_unsigned(parts[1]);
  if (parts.size() != 2 || !count || !is_plain_name(parts[0])) return std::nullopt;
  return Gpus{std::string(parts[0]), *count};
}

bool is_memory(std::string_view text) {
  if (!text.empty() && std::string_view("KMGTkmgt").find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  return base::parse_unsigned(text).has_value();
}

Result<> check_option_text(const JobRequest& request) {
  for (const std::string& word : sbatch_words(request)) {
    if (has_control_character(word)) {
      return fail_hint(ErrorKind::usage,
                       "an option for sbatch holds a line break or another control character",
                       "write it on one line");
    }
  }
  if (!request.sbatch_options.empty() && !request.sbatch_options.front().starts_with('-')) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("'{}' is no option of sbatch", request.sbatch_options.front()),
                     "further options start with a dash: --sbatch=--constraint=a100");
  }
  return {};
}

struct Number {
  std::string JobRequest::* member;
  const char* option;
  const char* example;
};
constexpr std::array numbers{
    Number{&JobRequest::ntasks, "--ntasks", "how many processes there are, such as 8"},
    Number{&JobRequest::node_tasks, "--ntasks-per-node",
           "how many processes a node has, such as 4"},
    Number{&JobRequest::cpus, "--cpus-per-task", "how many processors the program uses, such as 8"},
};

bool is_node_count(std::string_view text) {
  const auto parts = base::split(text, '-');
  return parts.size() <= 2 && std::ranges::all_of(parts, [](std::string_view part) {
           return base::parse_unsigned(part).value_or(0) > 0;
         });
}

Result<> check_gpu_count(const std::string& gpus, const char* option) {
  const auto parsed = parse_gpus(gpus);
  if (gpus.empty() || (parsed && parsed->count > 0)) return {};
  return fail_hint(ErrorKind::usage, fmt::format("{} {} is no number of GPUs", option, gpus),
                   "write 1, or a type and a number (a100:2); leave it out for none");
}

Result<> check_numbers(const JobRequest& request) {
  for (const Number& number : numbers) {
    const std::string& text = request.*number.member;
    if (text.empty() || base::parse_unsigned(text).value_or(0) > 0) continue;
    return fail_hint(ErrorKind::usage, fmt::format("{} {} is no number", number.option, text),
                     fmt::format("write {}", number.example));
  }
  if (!request.nodes.empty() && !is_node_count(request.nodes)) {
    return fail_hint(ErrorKind::usage,
                     fmt::format("--nodes {} is no number of nodes", request.nodes),
                     "write 2, or the least and the most: 2-4");
  }
  HPCENV_TRY(check_gpu_count(request.gpus, "--gpus"));
  return check_gpu_count(request.task_gpus, "--gpus-per-task");
}

// Several tasks that nobody starts would be paid for and stay idle.
Result<> check_tasks(const JobRequest& request) {
  if (request.launcher == Launcher::torchrun && !request.ntasks.empty()) {
    return fail_hint(ErrorKind::usage,
                     "torchrun starts its processes itself: --ntasks says nothing",
                     "write --ntasks-per-node for the processes on a node (default: its GPUs)");
  }
  if (request.launcher != Launcher::torchrun || request.task_gpus.empty()) return {};
  return fail_hint(ErrorKind::usage, "torchrun shares the GPUs of a node out itself",
                   "write --gpus, the number on each node, in place of --gpus-per-task");
}

Result<> check_requeue(const JobRequest& request) {
  if (!request.requeue || request.time.empty()) return {};
  const auto limit = time_seconds(request.time);
  if (!limit || *limit > request.requeue->seconds) return {};
  return fail_hint(ErrorKind::usage,
                   fmt::format("a job of --time {} would get the signal at its start: {} s before "
                               "the limit",
                               request.time, request.requeue->seconds),
                   "give it more time, or the signal later: --requeue-on-signal USR1@60");
}

std::string names_text(const SiteProfile& site) {
  std::vector<std::string> names;
  names.reserve(site.partitions.size());
  for (const Partition& partition : site.partitions) {
    names.push_back(partition.name + (partition.is_default ? " (default)" : ""));
  }
  return base::join(names, ", ");
}

Failure unknown_partition(std::string_view name, const SiteProfile& site) {
  std::vector<std::string> known;
  known.reserve(site.partitions.size());
  for (const Partition& partition : site.partitions) known.push_back(partition.name);
  Error error{ErrorKind::not_found, fmt::format("there is no partition '{}' here", name), {}, {}};
  const auto nearest = base::nearest_words(name, known, 3);
  if (!nearest.empty()) {
    error.hints.push_back(fmt::format("did you mean {}?", base::join(nearest, " or ")));
  }
  error.hints.push_back(fmt::format("partitions: {} (sinfo -s shows more)", names_text(site)));
  return Failure(std::move(error));
}

struct GpuOffer {
  std::uint64_t most = 0;          ///< of the wanted type on one node
  std::vector<std::string> types;  ///< "a100 (2 a node)"
};

GpuOffer offer_of(const Partition& partition, const Gpus& wanted) {
  GpuOffer offer;
  for (const std::string& gres : partition.gres) {
    std::uint64_t on_node = 0;
    for (const Gpus& gpus : gpus_of_gres(gres)) {
      const std::string type = gpus.type.empty() ? "gpu" : gpus.type;
      offer.types.push_back(fmt::format("{} ({} a node)", type, gpus.count));
      if (wanted.type.empty() || gpus.type == wanted.type) on_node += gpus.count;
    }
    offer.most = std::max(offer.most, on_node);
  }
  return offer;
}

std::string partitions_with_gpus(const SiteProfile& site, const Gpus& wanted) {
  std::vector<std::string> names;
  for (const Partition& partition : site.partitions) {
    if (offer_of(partition, wanted).most >= std::max<std::uint64_t>(wanted.count, 1)) {
      names.push_back(partition.name);
    }
  }
  return names.empty() ? "no partition here has them; sinfo -o '%P %G' shows what there is"
                       : "partitions that have them: " + base::join(names, ", ");
}

Result<> check_gpus(const JobRequest& request, const Partition& partition,
                    const SiteProfile& site) {
  const auto wanted = parse_gpus(request.gpus);
  if (request.gpus.empty() || !wanted) return {};
  const GpuOffer offer = offer_of(partition, *wanted);
  if (wanted->count <= offer.most) return {};
  const std::string hint = partitions_with_gpus(site, *wanted);
  if (offer.types.empty()) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("the nodes of partition '{}' have no GPU", partition.name), hint);
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("no node of partition '{}' has --gpus {}: it offers {}",
                               partition.name, request.gpus, base::join(offer.types, ", ")),
                   hint);
}

Result<> check_time(const JobRequest& request, const Partition& partition) {
  const auto wanted = time_seconds(request.time);
  const auto limit = time_seconds(partition.time_limit);
  // A QOS may lift the partition's limit.
  if (request.time.empty() || !request.qos.empty() || !wanted || !limit || *wanted <= *limit)
    return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("--time {} is over the limit of partition '{}', which is {}",
                               request.time, partition.name, partition.time_limit),
                   "such a job would wait for ever: ask for less, or name another partition "
                   "(sinfo -o '%P %l' shows the limits)");
}

}  // namespace

Result<> validate_request(const JobRequest& request) {
  if (request.command.empty() || request.command.front().empty()) {
    return fail_hint(ErrorKind::usage, "the job has no command",
                     "write it after two dashes: hpcenv slurm submit -n NAME -- python train.py");
  }
  HPCENV_TRY(check_option_text(request));
  HPCENV_TRY(check_numbers(request));
  HPCENV_TRY(check_tasks(request));
  if (!request.time.empty() && !time_seconds(request.time)) {
    return fail_hint(ErrorKind::usage, fmt::format("--time {} is no time", request.time),
                     "write minutes (30), hours (2:00:00) or days (1-12:00:00)");
  }
  if (!request.memory.empty() && !is_memory(request.memory)) {
    return fail_hint(ErrorKind::usage, fmt::format("--mem {} is no size", request.memory),
                     "write 8G, or a number of megabytes");
  }
  return check_requeue(request);
}

Result<> validate_against_site(const JobRequest& request, const SiteProfile& site) {
  if (request.partition.empty() || site.partitions.empty()) return {};
  const auto names = base::split(request.partition, ',');
  for (const std::string_view name : names) {
    if (find_partition(site, name) == nullptr) return unknown_partition(name, site);
  }
  Result<> last;
  for (const std::string_view name : names) {
    const Partition& partition = *find_partition(site, name);
    last = check_gpus(request, partition, site);
    if (last) last = check_time(request, partition);
    if (last) return {};
  }
  return last;
}

std::vector<std::string> site_warnings(const JobRequest& request, const SiteProfile& site) {
  std::vector<std::string> warnings;
  for (const std::string_view name : base::split(request.partition, ',')) {
    const Partition* partition = find_partition(site, name);
    if (partition != nullptr && partition->state != "up") {
      warnings.push_back(fmt::format("partition '{}' is {}: the job waits until it is up again",
                                     partition->name, partition->state));
    }
  }
  return warnings;
}

}  // namespace hpcenv::slurm
