#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "slurm/job_request.hpp"
#include "slurm/plain_text.hpp"

namespace hpcenv::slurm {
namespace {

/// torchrun is not the program: its script is.
const std::string& named_word(const JobRequest& request) {
  const auto is_script = [](const std::string& word) { return word.ends_with(".py"); };
  const auto script = std::ranges::find_if(request.command, is_script);
  const bool torchrun = request.launcher == Launcher::torchrun;
  return torchrun && script != request.command.end() ? *script : request.command.front();
}

std::string job_name(const JobRequest& request) {
  if (!request.job_name.empty()) return request.job_name;
  if (request.command.empty()) return "";
  const std::string& program = named_word(request);
  return one_line(program.substr(program.rfind('/') + 1));
}

std::uint64_t number_or(std::string_view text, std::uint64_t otherwise) {
  return base::parse_unsigned(text).value_or(otherwise);
}

// torchrun is one task a node, with the processors of all the processes that it starts.
std::string task_cpus(const JobRequest& request) {
  const auto cpus = base::parse_unsigned(request.cpus);
  const std::uint64_t processes = number_or(request.node_tasks, 1);
  if (request.launcher != Launcher::torchrun || !cpus) return request.cpus;
  return std::to_string(*cpus * processes);
}

/// "a100:2" as {"a100:", 2}.
std::pair<std::string, std::uint64_t> type_and_count(const std::string& gpus) {
  const std::size_t colon = gpus.rfind(':');
  if (colon != std::string::npos) {
    return {gpus.substr(0, colon + 1), number_or(gpus.substr(colon + 1), 1)};
  }
  const auto count = base::parse_unsigned(gpus);
  return count ? std::pair(std::string(), *count) : std::pair(gpus + ":", std::uint64_t{1});
}

std::string gpu_word(const JobRequest& request) {
  const std::string& option = request.gpu_option;
  if (request.gpus.empty() || option == "none") return "";
  if (option.empty() || option == "gres") return "--gres=gpu:" + request.gpus;
  const auto [type, count] = type_and_count(request.gpus);
  if (option == "gpus") {
    const std::uint64_t nodes = number_or(request.nodes, 1);
    return fmt::format("--gpus={}{}", type, count * nodes);
  }
  if (option == "gpus-per-task") {
    const bool per_process = request.launcher != Launcher::torchrun;
    const std::uint64_t tasks = per_process ? number_or(request.node_tasks, 1) : 1;
    return fmt::format("--gpus-per-task={}{}", type, std::max<std::uint64_t>(count / tasks, 1));
  }
  return "--gpus-per-node=" + request.gpus;
}

class Words {
 public:
  void add(const char* option, const std::string& value) {
    if (!value.empty()) words_.push_back(option + value);
  }
  void add(const std::vector<std::string>& words) {
    words_.insert(words_.end(), words.begin(), words.end());
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

void add_place(const JobRequest& request, Words& words) {
  words.add("--clusters=", request.cluster);
  words.add("--partition=", request.partition);
  words.add("--constraint=", request.constraint);
  words.add("--account=", request.account);
  words.add("--qos=", request.qos);
}

// Slurm refuses --gpus-per-task where no number of tasks is given, whatever it could work out.
std::string task_count(const JobRequest& request) {
  const bool per_task = !request.task_gpus.empty() || request.gpu_option == "gpus-per-task";
  if (!request.ntasks.empty() || !per_task) return request.ntasks;
  const bool one_launcher = request.launcher == Launcher::torchrun;
  const std::uint64_t on_node = one_launcher ? 1 : number_or(request.node_tasks, 1);
  return std::to_string(number_or(request.nodes, 1) * on_node);
}

void add_size(const JobRequest& request, Words& words) {
  words.add("--ntasks=", task_count(request));
  words.add("--ntasks-per-node=",
            request.launcher == Launcher::torchrun ? "1" : request.node_tasks);
  words.add("", gpu_word(request));
  words.add("--gpus-per-task=", request.task_gpus);
  words.add("--cpus-per-task=", task_cpus(request));
  words.add("--mem=", request.memory);
  if (request.exclusive) words.add({"--exclusive"});
  words.add("--time=", request.time);
}

}  // namespace

bool has_several_nodes(const JobRequest& request) {
  const std::string& nodes = request.nodes;
  return number_or(nodes.substr(nodes.rfind('-') + 1), 1) > 1;
}

bool has_several_tasks(const JobRequest& request) {
  return has_several_nodes(request) || number_or(request.ntasks, 1) > 1 ||
         number_or(request.node_tasks, 1) > 1;
}

std::vector<std::string> sbatch_words(const JobRequest& request) {
  Words words;
  words.add("--job-name=", job_name(request));
  add_place(request, words);
  words.add("--nodes=", request.nodes.empty() ? "1" : request.nodes);
  add_size(request, words);
  words.add("--array=", request.array);
  words.add("--dependency=", request.dependency);
  words.add("--mail-type=", request.mail_type);
  words.add("--mail-user=", request.mail_user);
  words.add("--output=", request.output);
  if (request.requeue) {
    // The shell alone gets the signal: it knows what is to follow.
    words.add("--signal=", fmt::format("B:{}@{}", request.requeue->name, request.requeue->seconds));
    words.add({"--requeue", "--open-mode=append"});
  }
  words.add(request.sbatch_options);
  return words.take();
}

std::vector<std::string> srun_words(const JobRequest& request) {
  Words words;
  words.add("--job-name=", job_name(request));
  add_place(request, words);
  words.add("--nodes=", request.nodes);
  add_size(request, words);
  words.add("--mpi=", request.mpi);
  words.add(request.sbatch_options);
  return words.take();
}

std::string further_option(const JobRequest& request, std::string_view name,
                           std::string_view letter) {
  std::string value;
  const std::vector<std::string>& words = request.sbatch_options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if ((word == name || word == letter) && i + 1 < words.size()) {
      value = words[++i];
    } else if (word.starts_with(name) && word.substr(name.size()).starts_with('=')) {
      value = word.substr(name.size() + 1);
    } else if (word.starts_with(letter) && !word.starts_with("--")) {
      value = word.substr(letter.size());
    }
  }
  return value;
}

std::vector<std::string> jobs_waited_for(const JobRequest& request) {
  std::vector<std::string> ids;
  std::string text = base::replace_all(request.dependency, "?", ",");
  text = base::replace_all(std::move(text), ",", ":");
  for (const std::string_view part : base::split(text, ':')) {
    const std::string id(part.substr(0, part.find('+')));
    const bool is_id = base::parse_unsigned(id.substr(0, id.find('_'))).has_value();
    if (is_id && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> overruled_variables(const JobRequest& request, std::string_view start) {
  std::vector<std::string_view> names;
  if (!request.memory.empty()) names = {"MEM_PER_CPU", "MEM_PER_GPU", "MEM_PER_NODE"};
  if (!request.gpus.empty() || !request.task_gpus.empty()) {
    for (const char* name : {"GPUS", "GPUS_PER_NODE", "GPUS_PER_TASK", "GRES", "TRES_PER_TASK"}) {
      names.emplace_back(name);
    }
  }
  std::vector<std::string> variables;
  variables.reserve(names.size());
  for (const std::string_view name : names) {
    variables.push_back(std::string(start) + std::string(name));
  }
  return variables;
}

}  // namespace hpcenv::slurm
