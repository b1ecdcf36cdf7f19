#include "slurm/job_script.hpp"

#include <map>

#include "base/embedded.hpp"
#include "base/text.hpp"

extern "C" const hpcenv::base::EmbeddedTable* hpcenv_embedded_slurm();

namespace hpcenv::slurm {
namespace {

// Comments and directives stay one line whatever stands in them.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c;
  return out;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string job_name(const JobRequest& request) {
  if (!request.job_name.empty()) return request.job_name;
  return request.command.empty() ? "" : one_line(base_name(request.command.front()));
}

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
  return out;
}

std::string command_lines(const JobRequest& request) {
  const std::string program = shell::quote_posix(request.command.front());
  std::string out;
  if (request.command.front().find('/') == std::string::npos) {
    out += "if ! type -P -- " + program + " >/dev/null; then\n";
    out += "  printf 'hpcenv: %s: no such program, neither in the environment nor on %s\\n' " +
           program + " \"$HOSTNAME\" >&2\n";
    out += "  exit 127\nfi\n";
  }
  out += "exec --";
  for (const std::string& word : request.command) out += " " + shell::quote_posix(word);
  return out;
}

using Values = std::map<std::string_view, std::string, std::less<>>;

// One pass: what is filled in is not looked at again.
std::string filled(std::string_view text, const Values& values) {
  std::string out;
  while (!text.empty()) {
    std::size_t first = std::string_view::npos;
    const Values::value_type* found = nullptr;
    for (const auto& value : values) {
      const std::size_t at = text.find(value.first);
      if (at < first) {
        first = at;
        found = &value;
      }
    }
    out += text.substr(0, first);
    if (found == nullptr) break;
    out += found->second;
    text.remove_prefix(first + found->first.size());
  }
  return out;
}

std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

std::vector<std::string> sbatch_words(const JobRequest& request) {
  std::vector<std::string> words;
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.push_back(option + value);
  };
  add("--job-name=", job_name(request));
  add("--partition=", request.partition);
  add("--account=", request.account);
  add("--qos=", request.qos);
  words.emplace_back("--nodes=1");
  add("--gres=gpu:", request.gpus);
  add("--cpus-per-task=", request.cpus);
  add("--mem=", request.memory);
  add("--time=", request.time);
  add("--output=", request.output);
  words.insert(words.end(), request.sbatch_options.begin(), request.sbatch_options.end());
  return words;
}

std::string job_script(const JobRequest& request, const shell::Activation& activation) {
  const auto text = base::embedded_file(*hpcenv_embedded_slurm(), "slurm/job.sh");
  return filled(text.value_or(""),
                {{"#@directives", directives(request)},
                 {"@ENVIRONMENT@", one_line(activation.environment_name)},
                 {"@VERSION@", one_line(request.hpcenv_version)},
                 {"'@PREFIX@'", shell::quote_posix(activation.prefix)},
                 {"#@activation", without_last_newline(shell::render_bash(activation))},
                 {"#@command", command_lines(request)}});
}

}  // namespace hpcenv::slurm
