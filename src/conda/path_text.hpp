// `~` and `$NAME` in texts of configuration and specification files.
#pragma once

#include <string>
#include <string_view>

#include "base/environment.hpp"

namespace hpcenv::conda {

/// `$NAME` and `${NAME}` become their values; an unset name stays as it is written, as Python's
/// os.path.expandvars does.
std::string expand_variables(std::string_view text, const base::Environment& environment);
/// A leading `~` or `~/` becomes $HOME, where there is one. `~user` stays: nobody is looked up.
std::string expand_home(std::string_view text, const base::Environment& environment);

}  // namespace hpcenv::conda
