#include "shell/rc_block.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

// Notes within the block, of what has to be undone beside it.
constexpr std::string_view note_no_file = "# (there was no such file before)";
constexpr std::string_view note_no_line_end = "# (the line before had no line end)";

constexpr const char* take_it_out = "take these lines out by hand, then the same again";

/// Where a block is: offsets of its first byte and of the first behind it.
struct Block {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t line = 0;
  std::vector<std::string> lines;
};

struct Line {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< behind the line end
  std::string_view text;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t newline = text.find('\n', at);
    const std::size_t end = newline == std::string_view::npos ? text.size() : newline;
    const std::size_t next = newline == std::string_view::npos ? end : end + 1;
    lines.push_back({at, next, text.substr(at, end - at)});
    at = next;
  }
  return lines;
}

/// Editors may have put blanks or a carriage return behind it.
bool is_mark(std::string_view line, std::string_view mark) {
  return line.starts_with(mark) &&
         line.find_first_not_of(" \t\r", mark.size()) == std::string_view::npos;
}

Failure broken(std::string_view file, std::size_t line, std::string_view what) {
  return fail_hint(ErrorKind::refused, fmt::format("{}:{}: {}", file, line, what), take_it_out);
}

Result<std::optional<Block>> find_block(std::string_view text, std::string_view file) {
  std::optional<Block> block;
  bool is_open = false;
  std::size_t number = 0;
  for (const Line& line : lines_of(text)) {
    ++number;
    const bool begins = is_mark(line.text, block_begin);
    const bool ends = is_mark(line.text, block_end);
    if (begins && is_open) return broken(file, block->line, "the block begins and has no end");
    if (begins && block) return broken(file, number, "there is a second block of hpcenv init");
    if (ends && !is_open) return broken(file, number, "a block ends that has no beginning");
    if (begins) block = Block{line.begin, line.end, number, {}};
    is_open = (is_open || begins) && !ends;
    if (!block || (!is_open && !ends)) continue;
    block->end = line.end;
    block->lines.emplace_back(line.text);
  }
  if (is_open) return broken(file, block->line, "the block begins and has no end");
  return block;
}

bool has_note(const Block& block, std::string_view note) {
  return std::ranges::any_of(block.lines,
                             [&](const std::string& line) { return is_mark(line, note); });
}

std::vector<std::string> marked(const std::vector<std::string>& lines,
                                const std::vector<std::string_view>& notes) {
  std::vector<std::string> all{std::string(block_begin)};
  all.insert(all.end(), notes.begin(), notes.end());
  all.insert(all.end(), lines.begin(), lines.end());
  all.emplace_back(block_end);
  return all;
}

std::string joined(const std::vector<std::string>& lines) { return base::join(lines, "\n") + "\n"; }

BlockEdit append(const std::optional<std::string>& before, const std::vector<std::string>& lines) {
  const std::string text = before.value_or("");
  const bool open_line = !text.empty() && text.back() != '\n';
  std::vector<std::string_view> notes;
  if (!before) notes.push_back(note_no_file);
  if (open_line) notes.push_back(note_no_line_end);
  BlockEdit edit{BlockEdit::Change::added, {}, lines_of(text).size() + 1, {}, marked(lines, notes)};
  edit.text = text + (open_line ? "\n" : "") + joined(edit.added);
  return edit;
}

std::string quoted(std::string_view word, Dialect dialect) {
  if (is_csh(dialect)) return quote_csh(word);
  return dialect == Dialect::fish ? quote_fish(word) : quote_posix(word);
}

// csh cannot hold a quoted word within backquotes: the way of a path that needs quotes is longer.
std::vector<std::string_view> csh_lines(bool is_plain) {
  if (is_plain) {
    return {"if (-x @PROGRAM@) then", "  eval \"`@PROGRAM@ shell-hook @SHELL@`\"", "endif"};
  }
  return {"if (-x @PROGRAM@) then",
          "  set __hpcenv_file = \"`mktemp`\"",
          "  @PROGRAM@ shell-hook @SHELL@ > $__hpcenv_file:q",
          "  source $__hpcenv_file:q",
          "  \\rm -f $__hpcenv_file:q",
          "  unset __hpcenv_file",
          "endif"};
}

/// What the shell evaluates; @PROGRAM@ is a word of it, @SHELL@ the name of the hook.
std::vector<std::string_view> hook_lines(Dialect dialect, bool is_plain) {
  if (is_csh(dialect)) return csh_lines(is_plain);
  if (dialect == Dialect::fish) {
    return {"if test -x @PROGRAM@", "  @PROGRAM@ shell-hook @SHELL@ | source", "end"};
  }
  return {"if [ -x @PROGRAM@ ]; then", "  eval \"$(@PROGRAM@ shell-hook @SHELL@)\"", "fi"};
}

}  // namespace

std::vector<std::string> init_lines(std::string_view program, Dialect dialect,
                                    std::string_view shell) {
  constexpr std::array names{"bash", "zsh", "posix", "fish", "tcsh", "csh"};
  const std::string name = names.at(static_cast<std::size_t>(dialect));
  std::vector<std::string> lines{fmt::format(
      "# Made by: hpcenv init {0}. Taken out again by: hpcenv init {0} --reverse", shell)};
  const bool is_plain = quote_posix(program) == program;
  const std::string word = is_plain ? std::string(program) : quoted(program, dialect);
  for (const std::string_view line : hook_lines(dialect, is_plain)) {
    const std::string named = base::replace_all(std::string(line), "@SHELL@", name);
    lines.push_back(base::replace_all(named, "@PROGRAM@", word));
  }
  return lines;
}

Result<BlockEdit> with_block(const std::optional<std::string>& before,
                             const std::vector<std::string>& lines, std::string_view file) {
  const std::string text = before.value_or("");
  HPCENV_ASSIGN(const std::optional<Block> block, find_block(text, file));
  if (!block) return append(before, lines);
  std::vector<std::string_view> notes;
  for (const std::string_view note : {note_no_file, note_no_line_end}) {
    if (has_note(*block, note)) notes.push_back(note);
  }
  BlockEdit edit{BlockEdit::Change::replaced, {}, block->line, block->lines, marked(lines, notes)};
  const std::string wanted = joined(edit.added);
  if (text.substr(block->begin, block->end - block->begin) == wanted) {
    return BlockEdit{BlockEdit::Change::none, before, block->line, {}, {}};
  }
  edit.text = text.substr(0, block->begin) + wanted + text.substr(block->end);
  return edit;
}

Result<BlockEdit> without_block(const std::optional<std::string>& before, std::string_view file) {
  const std::string text = before.value_or("");
  HPCENV_ASSIGN(const std::optional<Block> block, find_block(text, file));
  if (!block) return BlockEdit{BlockEdit::Change::none, before, 0, {}, {}};
  BlockEdit edit{BlockEdit::Change::removed, {}, block->line, block->lines, {}};
  std::string rest = text.substr(0, block->begin);
  // What came behind the block since needs the line end.
  if (block->end == text.size() && has_note(*block, note_no_line_end) && rest.ends_with('\n')) {
    rest.pop_back();
  }
  rest += text.substr(block->end);
  if (!rest.empty() || !has_note(*block, note_no_file)) edit.text = rest;
  return edit;
}

std::string diff_of(const BlockEdit& edit, std::string_view file) {
  if (edit.change == BlockEdit::Change::none) return "";
  const auto range = [&](const std::vector<std::string>& lines) {
    // A range without lines names the one before it.
    return fmt::format("{},{}", lines.empty() ? edit.line - 1 : edit.line, lines.size());
  };
  std::string text = fmt::format("--- {0}\n+++ {0}\n@@ -{1} +{2} @@\n", file, range(edit.removed),
                                 range(edit.added));
  for (const std::string& line : edit.removed) text += "-" + line + "\n";
  for (const std::string& line : edit.added) text += "+" + line + "\n";
  return text;
}

}  // namespace hpcenv::shell
