// The one place where an Error becomes text, JSON and an exit code (design.md section 5).
#pragma once

#include "base/json_fwd.hpp"
#include "base/result.hpp"
#include "cli/output.hpp"
#include "solve/solver.hpp"

namespace hpcenv::cli {

int exit_code_of(ErrorKind kind);
/// Prints to stderr, or as JSON to stdout; returns the exit code.
int report_error(const Error& error, const Output& output);
base::Json error_to_json(const Error& error);
/// A conflict as it is reported: its explanation in the context, outermost first.
Error error_of(const solve::Conflict& conflict);

}  // namespace hpcenv::cli
