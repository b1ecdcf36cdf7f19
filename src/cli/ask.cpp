#include "cli/ask.hpp"

#include <poll.h>
#include <unistd.h>

#include <iostream>

#include "base/interrupt.hpp"
#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

/// How long a signal may go unseen: one that comes between a look at the flag and the wait does not
/// end the wait.
constexpr int look_every_ms = 100;

}  // namespace

Result<std::string> ask_name(std::string_view question, const Output& output) {
  output.say(question);
  for (pollfd input{STDIN_FILENO, POLLIN, 0}; poll(&input, 1, look_every_ms) <= 0;) {
    HPCENV_TRY(base::check_interrupt());
  }
  std::string answer;
  if (!std::getline(std::cin, answer)) {
    HPCENV_TRY(base::check_interrupt());
    return fail(ErrorKind::not_found, "there is no answer to: {}", base::trim(question));
  }
  return std::string(base::trim(answer));
}

Result<std::string> ask(std::string_view question, const Output& output) {
  HPCENV_ASSIGN(const std::string answer, ask_name(question, output));
  return base::to_lower(answer);
}

}  // namespace hpcenv::cli
