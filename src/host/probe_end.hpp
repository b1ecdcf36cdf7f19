// ProbeEnd as a word.
#pragma once

#include <string_view>

#include "host/libcuda.hpp"

namespace hpcenv::host {

const char* name_of(ProbeEnd end);
/// `not_run` for a word that is none.
ProbeEnd probe_end_from(std::string_view text);

}  // namespace hpcenv::host
