// What goes to stdout (data) and stderr (the rest), and how it looks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"

namespace hpcenv::cli {

enum class Style { plain, bold, green, yellow, red, dim };

/// Colour only on a terminal, without NO_COLOR and with a TERM that is not "dumb"; meaning is never
/// in colour alone.
class Output {
 public:
  enum class Format { text, json };
  Output(const base::Environment& environment, Format format);

  bool json() const { return format_ == Format::json; }
  bool stdin_is_terminal() const { return stdin_terminal_; }
  bool stderr_is_terminal() const { return stderr_terminal_; }
  /// Whether lines on stderr can be drawn over: a terminal that is not dumb, and no --json.
  bool can_redraw() const { return stderr_terminal_ && !dumb_ && !json(); }
  bool stdout_is_terminal() const { return stdout_terminal_; }
  /// Of the terminal on stdout; 80 where there is none.
  std::size_t stdout_columns() const;
  /// Whether the locale's variables speak of UTF-8.
  bool is_utf8() const { return utf8_; }

  /// Data, as it is.
  void print(std::string_view text) const;
  /// One root object: `schema` and `success` come first, then the members of `body`.
  void print_json(const base::Json& body, bool success) const;
  /// To stderr.
  void say(std::string_view text) const;
  std::string styled(Style style, std::string_view text) const;
  std::string styled_error(Style style, std::string_view text) const;

 private:
  Format format_;
  bool stdin_terminal_ = false;
  bool stdout_terminal_ = false;
  bool stderr_terminal_ = false;
  bool dumb_ = false;
  bool utf8_ = false;
  bool colour_ = false;
};

/// Columns padded to their widest cell, two blanks between, no blanks at line ends; the first row
/// is the heading.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

/// False where stdout could not take all that was printed (full disk, closed pipe).
bool flush_stdout();

}  // namespace hpcenv::cli
