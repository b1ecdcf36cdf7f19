// Commands that hand on a program's exit code, and their own (design.md section 5): as env(1) and
// the shells use them, they seldom are a program's.
#pragma once

#include "base/result.hpp"
#include "cli/session.hpp"
#include "ops/activate.hpp"

namespace hpcenv::cli {

inline constexpr int cannot_run = 125;  ///< a failure of hpcenv itself

/// Says why a program could not be started; its exit code: 127 not found, 126 otherwise.
int failed_start(const Error& error, const Session& session);

/// Replaces this process; returns only where that fails, as failed_start.
int become(const ops::Started& started, Session& session);

}  // namespace hpcenv::cli
