#include "cli/error_report.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/printable.hpp"

namespace hpcenv::cli {

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::refused:
    case ErrorKind::not_found:
    case ErrorKind::conflict:
      return 1;
    case ErrorKind::usage:
    case ErrorKind::bad_spec:
      return 2;
    case ErrorKind::network:
    case ErrorKind::io:
    case ErrorKind::no_space:
      return 3;
    case ErrorKind::bug:
      return 70;
    case ErrorKind::interrupted:
      return 130;
    case ErrorKind::terminated:
      return 143;
  }
  return 70;
}

base::Json error_to_json(const Error& error) {
  base::Json value;
  value["kind"] = name_of(error.kind);
  value["message"] = error.message;
  value["context"] = error.context;
  value["hints"] = error.hints;
  return value;
}

int report_error(const Error& error, const Output& output) {
  if (output.json()) {
    base::Json body;
    body["error"] = error_to_json(error);
    output.print_json(body, false);
    return exit_code_of(error.kind);
  }
  std::string text =
      output.styled_error(Style::red, "error:") + " " + printable(error.message) + "\n";
  for (const std::string& line : error.context) {
    text += "  " + printable(line) + "\n";
  }
  for (const std::string& hint : error.hints) {
    text += output.styled_error(Style::green, "hint:") + " " + printable(hint) + "\n";
  }
  output.say(text);
  return exit_code_of(error.kind);
}

Error error_of(const solve::Conflict& conflict) {
  if (!conflict.unknown_names.empty()) {
    return Error{ErrorKind::not_found,
                 fmt::format("no channel has a package of that name: {}",
                             base::join(conflict.unknown_names, ", ")),
                 conflict.lines, conflict.hints};
  }
  return Error{ErrorKind::conflict, "the packages asked for do not fit together", conflict.lines,
               conflict.hints};
}

}  // namespace hpcenv::cli
