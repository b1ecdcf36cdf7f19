// Options that users of conda and mamba know and hpcenv lacks: what to type instead.
#pragma once

#include <string_view>

namespace hpcenv::cli {

/// One sentence for the hint of an unknown option; empty where the option is not known either.
/// `option` as typed, with a value behind `=` or without.
std::string_view instead_of(std::string_view command, std::string_view option);

}  // namespace hpcenv::cli
