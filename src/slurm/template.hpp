// The pieces of job scripts in slurm/, compiled in. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace hpcenv::slurm {

using Values = std::map<std::string_view, std::string, std::less<>>;

/// slurm/NAME with each key replaced by its value, in one pass: what is filled in is not looked at
/// again. A first line that only tells shellcheck the dialect is left out.
std::string filled_template(std::string_view name, const Values& values);

}  // namespace hpcenv::slurm
