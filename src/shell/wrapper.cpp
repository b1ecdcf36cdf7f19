#include "shell/wrapper.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "shell/render_posix.hpp"

namespace hpcenv::shell {
namespace {

constexpr std::string_view mark = "# Written by `hpcenv wrap`, which may write this file anew.";
constexpr std::string_view program_word = "# Program: ";
constexpr std::string_view prefix_word = "# Prefix: ";
constexpr std::string_view name_word = "# Environment: ";

constexpr std::string_view checks = R"sh(
if [ ! -e @PROGRAM@ ]; then
  if [ -e @PREFIX@/conda-meta/history ]; then
    echo "hpcenv: there is no" @PROGRAM@ "any more; install its package again, or remove $0" >&2
  else
    echo "hpcenv: the environment" @PREFIX@ "is gone; make it again (hpcenv create -p" @PREFIX@ \
      "...), or remove $0" >&2
  fi
  exit 127
fi

# A change that is under way is waited for; half changed, the environment is not used.
hpcenv_left=30
hpcenv_changing() {
  for hpcenv_item in @CHANGES@/*/@RECORD@; do
    if [ -e "$hpcenv_item" ]; then return 0; fi
  done
  return 1
}
while hpcenv_changing; do
  if [ "$hpcenv_left" -eq 0 ]; then
    echo "hpcenv: a change of" @PREFIX@ "is unfinished; this completes it: hpcenv install -p" \
      @PREFIX@ >&2
    exit 125
  fi
  sleep 1 || hpcenv_left=1
  hpcenv_left=$((hpcenv_left - 1))
done
unset -f hpcenv_changing
unset -v hpcenv_left hpcenv_item

)sh";

std::string word_after(std::string_view line, std::string_view word) {
  return line.starts_with(word) ? std::string(line.substr(word.size())) : "";
}

}  // namespace

std::string wrapper_text(const Activation& activation, const Wrapper& wrapper) {
  const std::string program = quote_posix(activation.prefix + "/bin/" + wrapper.program);
  std::string out = fmt::format("#!{}\n{}\n{}{}\n{}{}\n{}{}\n", wrapper.shell, mark, program_word,
                                wrapper.program, prefix_word, activation.prefix, name_word,
                                activation.environment_name);
  std::string checked = base::replace_all(std::string(checks), "@PROGRAM@", program);
  checked = base::replace_all(std::move(checked), "@CHANGES@",
                              quote_posix(activation.prefix + "/" + wrapper.change_folder));
  checked = base::replace_all(std::move(checked), "@RECORD@", quote_posix(wrapper.change_record));
  out += base::replace_all(std::move(checked), "@PREFIX@", quote_posix(activation.prefix));
  out += sh_suffices(activation) ? render_posix(activation) : render_bash(activation);
  return out + "\nexec " + program + " \"$@\"\n";
}

std::optional<WrapperMark> wrapper_mark(std::string_view text) {
  const std::vector<std::string_view> lines = base::split_lines(text.substr(0, 16'384));
  constexpr std::size_t wanted = 5;
  if (lines.size() < wanted || !lines[0].starts_with("#!") || lines[1] != mark) return std::nullopt;
  WrapperMark found{word_after(lines[2], program_word), word_after(lines[3], prefix_word),
                    word_after(lines[4], name_word)};
  if (found.program.empty() || found.prefix.empty()) return std::nullopt;
  return found;
}

}  // namespace hpcenv::shell
