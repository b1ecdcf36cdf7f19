// An activation for shells that know no more than POSIX asks of them.
#pragma once

#include <string>

#include "shell/activation.hpp"

namespace hpcenv::shell {

/// Whether plain sh can make all of it: nothing is sourced, and no guard asks for that.
bool sh_suffices(const Activation& activation);

/// Lines for dash, busybox ash, ksh, mksh, bash and zsh (as sh) that make of the exported variables
/// what apply() makes of them; live scripts and guards are left out. They start no program, survive
/// `set -eu` and readonly variables (named on stderr, and left as they are), give options and IFS
/// back and leave no name behind. A variable that a shell cannot name, or that means something to
/// the shell itself, is left out, in a comment. Shellcheck clean but for SC1003 and SC2016.
std::string render_posix(const Activation& activation);

}  // namespace hpcenv::shell
