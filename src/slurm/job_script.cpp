#include "slurm/job_script.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "slurm/launch.hpp"
#include "slurm/plain_text.hpp"
#include "slurm/template.hpp"

namespace hpcenv::slurm {
namespace {

// sbatch reads its lines almost as a shell: blanks and `#` are safe in double quotes, where a
// backslash guards `"` and itself; a backslash outside quotes guards no blank
// (tried: 22.05, 24.11).
std::string directive_word(std::string_view word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,=@%[]()&|!*~";
  if (word.find_first_not_of(plain) == std::string_view::npos) return std::string(word);
  const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
  const std::size_t start = equals == std::string_view::npos ? 0 : equals + 1;
  std::string value = base::replace_all(std::string(word.substr(start)), "\\", "\\\\");
  value = base::replace_all(std::move(value), "\"", "\\\"");
  return std::string(word.substr(0, start)) + '"' + value + '"';
}

// Words that do not start with `-` belong to the option before them.
std::string directives(const JobRequest& request) {
  std::string out;
  for (const std::string& word : sbatch_words(request)) {
    if (word.starts_with('-') || out.empty()) {
      out += (out.empty() ? "" : "\n") + std::string("#SBATCH ") + directive_word(word);
    } else {
      out += " " + directive_word(word);
    }
  }
  return out + "\n";
}

std::string start_lines(const shell::Activation& activation) {
  return filled_template("start.sh", {{"'@PREFIX@'", shell::quote_posix(activation.prefix)}});
}

bool uses_modules(const std::vector<std::string>& head) {
  return std::ranges::any_of(head, [](const std::string& line) {
    return line.starts_with("module ") || line.starts_with("ml ");
  });
}

std::string head_lines(const JobRequest& request) {
  if (request.head.empty()) return "";
  std::string text = uses_modules(request.head) ? filled_template("modules.sh", {}) : "";
  text += "# What the site wants at the start of every job.\n";
  return text + base::join(request.head, "\n") + "\n\n";
}

}  // namespace

std::string job_script(const JobRequest& request, const shell::Activation& activation) {
  return filled_template("job.sh", {{"#@directives\n", directives(request)},
                                    {"@ENVIRONMENT@", one_line(activation.environment_name)},
                                    {"@VERSION@", one_line(request.hpcenv_version)},
                                    {"#@start\n", start_lines(activation)},
                                    {"#@head\n", head_lines(request)},
                                    {"#@activation\n", shell::render_bash(activation)},
                                    {"#@network\n", network_lines(request)},
                                    {"#@check\n", check_lines(request, activation.prefix)},
                                    {"#@launch\n", launch_lines(request)}});
}

std::string node_script(const JobRequest& request, const shell::Activation& activation) {
  return filled_template("node.sh", {{"#@start\n", start_lines(activation)},
                                     {"#@head\n", head_lines(request)},
                                     {"#@activation\n", shell::render_bash(activation)}});
}

std::string session_script(const JobRequest& request, const shell::Activation& activation,
                           const std::string& program) {
  return filled_template("session.sh", {{"#@start\n", start_lines(activation)},
                                        {"#@head\n", head_lines(request)},
                                        {"'@PROGRAM@'", shell::quote_posix(program)},
                                        {"'@PREFIX@'", shell::quote_posix(activation.prefix)},
                                        {"#@activation\n", shell::render_bash(activation)}});
}

}  // namespace hpcenv::slurm
