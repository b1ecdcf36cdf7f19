#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

const char* code_of(Style style) {
  switch (style) {
    case Style::bold:
      return "1";
    case Style::dim:
      return "2";
    case Style::red:
      return "31";
    case Style::green:
      return "32";
    case Style::yellow:
      return "33";
    case Style::plain:
      return "0";
  }
  return "0";
}

bool is_dumb(std::string_view terminal) { return terminal.empty() || terminal == "dumb"; }

/// The first of them that is set counts.
bool speaks_utf8(const base::Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = base::to_lower(environment.get_or(name, ""));
    if (!value.empty()) return value.ends_with("utf-8") || value.ends_with("utf8");
  }
  return false;
}

std::string with_code(Style style, std::string_view text) {
  if (style == Style::plain) {
    return std::string(text);
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(style), text);
}

}  // namespace

Output::Output(const base::Environment& environment, Format format)
    : format_(format),
      stdin_terminal_(isatty(STDIN_FILENO) == 1),
      stdout_terminal_(isatty(STDOUT_FILENO) == 1),
      stderr_terminal_(isatty(STDERR_FILENO) == 1),
      dumb_(is_dumb(environment.get_or("TERM", ""))),
      utf8_(speaks_utf8(environment)),
      colour_(environment.get_or("NO_COLOR", "").empty() && !dumb_) {}

void Output::print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Output::print_json(const base::Json& body, bool success) const {
  base::Json root;
  root["schema"] = 1;
  root["success"] = success;
  for (const auto& [key, value] : body.items()) {
    root[key] = value;
  }
  print(base::dump_json(root));
}

std::size_t Output::stdout_columns() const {
  constexpr std::size_t usual = 80;
  winsize size{};
  const bool is_known = stdout_terminal_ && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return is_known && size.ws_col > 0 ? size.ws_col : usual;
}

void Output::say(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

std::string Output::styled(Style style, std::string_view text) const {
  return colour_ && stdout_terminal_ ? with_code(style, text) : std::string(text);
}

std::string Output::styled_error(Style style, std::string_view text) const {
  return colour_ && stderr_terminal_ ? with_code(style, text) : std::string(text);
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

bool flush_stdout() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace hpcenv::cli
