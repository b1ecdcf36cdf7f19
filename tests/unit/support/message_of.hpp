// What a Result says, so that a failed check shows it.
#pragma once

#include <string>

#include "base/result.hpp"

namespace hpcenv::test {

inline constexpr const char* no_failure = "(no failure)";

/// `REQUIRE(message_of(result) == no_failure);`
template <class T>
std::string message_of(const Result<T>& result) {
  return result.has_value() ? no_failure : result.error().message;
}

}  // namespace hpcenv::test
