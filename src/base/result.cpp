#include "base/result.hpp"

#include <cerrno>
#include <cstring>

namespace hpcenv {

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::bad_spec:
      return "bad_spec";
    case ErrorKind::network:
      return "network";
    case ErrorKind::io:
      return "io";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::bug:
      return "bug";
    case ErrorKind::interrupted:
      return "interrupted";
    case ErrorKind::terminated:
      return "terminated";
  }
  return "bug";
}

Failure fail_hint(ErrorKind kind, std::string message, std::string hint) {
  return Failure(Error{kind, std::move(message), {}, {std::move(hint)}});
}

Failure fail_errno(int error_number, std::string what) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  // strerrordesc_np is thread-safe and knows no locale; it answers nullptr for numbers that the C
  // library does not know.
  const char* words = strerrordesc_np(error_number);
  std::string message = words != nullptr ? fmt::format("{}: {}", what, words)
                                         : fmt::format("{}: error number {}", what, error_number);
  Error error{full ? ErrorKind::no_space : ErrorKind::io, std::move(message), {}, {}};
  if (error_number == ENOSPC) {
    error.hints.emplace_back(
        "free some space or inodes there (`df -h`, `df -i`), then run the command again");
  } else if (error_number == EDQUOT) {
    error.hints.emplace_back(
        "your quota there is used up (`quota -s`); free some space, then run the command again");
  }
  return Failure(std::move(error));
}

Error with_context(Error error, std::string context) {
  error.context.push_back(std::move(context));
  return error;
}

Error with_hint(Error error, std::string hint) {
  error.hints.push_back(std::move(hint));
  return error;
}

}  // namespace hpcenv
