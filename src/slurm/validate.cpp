#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "slurm/job_request.hpp"
#include "slurm/plain_text.hpp"

namespace hpcenv::slurm {
namespace {

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

}  // namespace hpcenv::slurm
