// Findings in one line each; `examine` fills in id and title.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "doctor/finding.hpp"

namespace hpcenv::doctor {

Finding pass(std::string text);
Finding info(std::string text);
/// The question has no answer here: `text` says why.
Finding unavailable(std::string text);
Finding warning(std::string text, Remedy remedy);
Finding failure(std::string text, Remedy remedy);

/// The same with the values that were read.
Finding with_evidence(Finding finding, std::vector<std::string> evidence);

/// The first lines, and how many more there are.
std::vector<std::string> shortened(std::vector<std::string> lines);

/// A word as a shell takes it: quoted where it has to be.
std::string shell_word(std::string_view word);

/// Sets a list variable (LD_LIBRARY_PATH) to what remains without `dropped`; unsets it when nothing
/// does.
std::string drop_entries_command(std::string_view variable, std::string_view value,
                                 const std::vector<std::string>& dropped);

}  // namespace hpcenv::doctor
