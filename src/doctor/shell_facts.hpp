// What the shell is like that the user is in; its variables reach jobs (--export=ALL).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doctor/subject.hpp"

namespace hpcenv::doctor {

/// A variable of this process, also where a target is judged; of the profile where nobody looks at
/// this machine.
std::string shell_variable(const Subject& subject, std::string_view name);
/// The non-empty entries of one that holds a list of paths.
std::vector<std::string> shell_entries(const Subject& subject, std::string_view name);

/// Lines "FILE:NUMBER: text" of the user's shell start-up files that hold `text`; comments count
/// only where `text` is one.
std::vector<std::string> startup_lines(const Subject& subject, std::string_view text);
/// Who may have set a variable: start-up files that name it, else the loaded modules.
std::vector<std::string> where_set(const Subject& subject, std::string_view variable);

}  // namespace hpcenv::doctor
