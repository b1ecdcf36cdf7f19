#include "slurm/launch.hpp"

#include "shell/activation.hpp"
#include "slurm/template.hpp"

namespace hpcenv::slurm {
namespace {

constexpr std::string_view once_a_node =
    "--nodes=\"$SLURM_NNODES\" --ntasks=\"$SLURM_NNODES\" --ntasks-per-node=1";
// Those that tell in seconds whether a job can use its environment and its GPUs.
constexpr std::string_view job_checks =
    "driver devices P01 P02 P04 P05 P06 P07 P10 E01 E02 H01 H02 S03";

std::string words_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + shell::quote_posix(word);
  return text;
}

/// Says so and leaves where there is no such program; empty for a path.
std::string look_for(const std::string& name, const char* where) {
  if (name.find('/') != std::string::npos) return "";
  const std::string program = shell::quote_posix(name);
  return "if ! type -P -- " + program +
         " >/dev/null; then\n  printf 'hpcenv: %s: no such program, " + where + " %s\\n' " +
         program + " \"$HOSTNAME\" >&2\n  exit 127\nfi\n";
}

std::string start(const JobRequest& request, const std::string& command) {
  if (request.requeue) return "hpcenv_run" + command + "\n";
  return "exec --" + command + "\n";
}

std::string what_starts(const JobRequest& request) {
  if (!request.requeue) return "";
  return filled_template("requeue.sh", {{"@SIGNAL@", request.requeue->name},
                                        {"@SECONDS@", std::to_string(request.requeue->seconds)}}) +
         "\n";
}

/// A bash that knows these functions, and starts the first with what follows.
std::string in_bash(const std::string& functions) {
  return "\"$BASH\" -c \"$(declare -f " + functions + "); " + functions + " \\\"\\$@\\\"\" hpcenv";
}

/// torchrun's own words: it starts Python itself.
std::vector<std::string> torchrun_words(const JobRequest& request) {
  std::vector<std::string> words = request.command;
  const std::string name = words.front().substr(words.front().rfind('/') + 1);
  if (words.size() > 1 && (name == "python" || name == "python3" || name == "torchrun")) {
    words.erase(words.begin());
  }
  return words;
}

std::string processes(const JobRequest& request) {
  return request.node_tasks.empty() ? "${SLURM_GPUS_ON_NODE:-1}" : request.node_tasks;
}

std::string torchrun_lines(const JobRequest& request) {
  const std::string program = words_text(torchrun_words(request));
  const std::string look = look_for("torchrun", "neither in the environment nor on");
  // The signal of a requeue is for the processes, which srun reaches and torchrun does not.
  if (!has_several_nodes(request) && !request.requeue) {
    return look +
           "# torchrun starts one process a GPU, hands signals on and leaves with their exit "
           "code.\n" +
           start(request, " torchrun --standalone --nproc_per_node=\"" + processes(request) + "\"" +
                              program);
  }
  const std::string address = request.torch_takes_address ? "--local-addr=\"$host\"" : "";
  std::string ignored;
  if (request.requeue) {
    ignored = fmt::format("  # It would end torchrun; the processes get it too.\n  trap '' {}\n",
                          request.requeue->name);
  }
  std::string suffix = shell::quote_posix(request.host_suffix);
  if (request.host_suffix.empty()) suffix.clear();
  const std::string text =
      filled_template("torchrun.sh", {{"@PROCESSES@", processes(request)},
                                      {" '#@address'", address.empty() ? "" : " " + address},
                                      {"#@ignored\n", ignored},
                                      {"'@SUFFIX@'", suffix}});
  return what_starts(request) + look + filled_template("rank.sh", {}) + text +
         start(request, fmt::format(" srun {} --kill-on-bad-exit=1 \\\n  {}", once_a_node,
                                    in_bash("hpcenv_task hpcenv_torchrun")) +
                            " \"$hpcenv_host\" \"$hpcenv_port\" \\\n " + program);
}

std::string mpi_word(const JobRequest& request) {
  return request.mpi.empty() ? "" : " --mpi=" + shell::quote_posix(request.mpi);
}

std::string task_lines(const JobRequest& request) {
  const std::string mpi = request.launcher == Launcher::mpi ? mpi_word(request) : "";
  return what_starts(request) +
         look_for(request.command.front(), "neither in the environment nor on") +
         look_for("srun", "which starts the tasks of a job, on") + filled_template("rank.sh", {}) +
         start(request, " srun" + mpi + " --kill-on-bad-exit=1 \\\n  " + in_bash("hpcenv_task") +
                            " \\\n " + words_text(request.command));
}

std::string mpi_size_lines(const JobRequest& request) {
  if (request.launcher != Launcher::mpi || request.mpi_library.empty()) return "";
  return filled_template("mpi_size.sh", {{" '@MPI@'", mpi_word(request)},
                                         {"'@LIBRARY@'", shell::quote_posix(request.mpi_library)}});
}

std::string program_lines(const JobRequest& request) {
  const std::string comment =
      request.requeue
          ? ""
          : "# The program takes the place of this shell: signals reach it, and its exit code is "
            "the job's.\n";
  return what_starts(request) + comment +
         look_for(request.command.front(), "neither in the environment nor on") +
         start(request, words_text(request.command));
}

}  // namespace

std::string launch_lines(const JobRequest& request) {
  switch (request.launcher) {
    case Launcher::none:
      return program_lines(request);
    case Launcher::srun:
    case Launcher::mpi:
      return task_lines(request);
    case Launcher::torchrun:
      return torchrun_lines(request);
  }
  return "";
}

std::string check_lines(const JobRequest& request, std::string_view prefix) {
  if (request.checker.empty()) return "";
  std::string everywhere;
  if (has_several_nodes(request)) {
    everywhere = "hpcenv_check=(srun " + std::string(once_a_node) +
                 " --kill-on-bad-exit=1 \"${hpcenv_check[@]}\")\n";
  }
  return filled_template("check.sh", {{"'@CHECKER@'", shell::quote_posix(request.checker)},
                                      {"'@PREFIX@'", shell::quote_posix(prefix)},
                                      {"'@CHECKS@'", std::string(job_checks)},
                                      {"#@everywhere\n", everywhere}}) +
         mpi_size_lines(request) + "\n";
}

std::string network_lines(const JobRequest& request) {
  const std::string& name = request.interface;
  if (name.empty() || !has_several_nodes(request)) return "";
  // NCCL takes the start of a name: a node of Slingshot has several, and one alone hangs.
  const std::string nccl = name.starts_with("hsn") ? "hsn" : name;
  const std::string gloo = name == "hsn" ? "hsn0" : name;
  return filled_template("network.sh", {{"@INTERFACE@", name},
                                        {"'@NCCL@'", shell::quote_posix(nccl)},
                                        {"'@GLOO@'", shell::quote_posix(gloo)}}) +
         "\n";
}

}  // namespace hpcenv::slurm
