// The one way a failure travels: Result<T>, an Error with a kind, what was being done,
// and what to do next.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace hpcenv {

/// What sort of failure it is; `cli/error_report.cpp` alone turns a kind into an exit code.
enum class ErrorKind {
  refused,      ///< the answer is no: bad content, a rule forbids it (exit 1)
  not_found,    ///< a named thing does not exist: package, environment, partition (exit 1)
  conflict,     ///< no solution; used where a Conflict value has to travel as an error (exit 1)
  usage,        ///< the command line is wrong (exit 2)
  bad_spec,     ///< a match spec or version that cannot be read (exit 2)
  network,      ///< transfer failed, may be retried (exit 3)
  io,           ///< a system call on this machine failed, may be retried (exit 3)
  no_space,     ///< disk or quota is full (exit 3)
  bug,          ///< an invariant of ours broke (exit 70)
  interrupted,  ///< SIGINT (exit 130)
  terminated,   ///< SIGTERM or SIGHUP (exit 143)
};

/// The name of a kind as it stands in JSON ("refused", "not_found", ...).
const char* name_of(ErrorKind kind);

struct Error {
  ErrorKind kind = ErrorKind::bug;
  std::string message;               ///< one sentence, no full stop: what failed and where
  std::vector<std::string> context;  ///< what was being done, innermost first
  std::vector<std::string> hints;    ///< what to do next; a hint names a command where there is one
};

template <class T = void>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

/// `return fail(ErrorKind::io, "cannot read {}", path);`
template <class... Args>
[[nodiscard]] Failure fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  return Failure(Error{kind, fmt::format(text, std::forward<Args>(args)...), {}, {}});
}

/// The same with one hint.
[[nodiscard]] Failure fail_hint(ErrorKind kind, std::string message, std::string hint);

/// Names errno in words: `"cannot open /x: Permission denied"`; ENOSPC and EDQUOT become
/// `no_space`, the rest `io`.
[[nodiscard]] Failure fail_errno(int error_number, std::string what);

/// Adds what was being done to an error that passes through.
[[nodiscard]] Error with_context(Error error, std::string context);
[[nodiscard]] Error with_hint(Error error, std::string hint);

}  // namespace hpcenv

#define HPCENV_CONCAT_(a, b) a##b
#define HPCENV_CONCAT(a, b) HPCENV_CONCAT_(a, b)

/// HPCENV_TRY(act()); hands a failure of a Result<> on.
#define HPCENV_TRY(expression)                                                   \
  do {                                                                           \
    if (auto hpcenv_try_result = (expression); !hpcenv_try_result.has_value()) { \
      return ::hpcenv::Failure(std::move(hpcenv_try_result).error());            \
    }                                                                            \
  } while (false)

/// HPCENV_ASSIGN(auto text, read_file(path)); declares from a Result's value, or hands the failure
/// on.
#define HPCENV_ASSIGN(declaration, expression) \
  HPCENV_ASSIGN_(HPCENV_CONCAT(hpcenv_result_, __LINE__), declaration, expression)
#define HPCENV_ASSIGN_(result, declaration, expression)  \
  auto result = (expression);                            \
  if (!result.has_value()) {                             \
    return ::hpcenv::Failure(std::move(result).error()); \
  }                                                      \
  declaration = std::move(result).value()
