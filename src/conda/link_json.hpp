// info/link.json of noarch packages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

/// `command = module:function`
struct EntryPoint {
  std::string command;
  std::string module;
  std::string function;  ///< may hold dots
};

/// Kind refused: a command or module that is no plain name (facts/conda.md 4.6).
Result<EntryPoint> parse_entry_point(std::string_view text);
Result<std::vector<EntryPoint>> parse_link_json(std::string_view text, std::string_view name);

}  // namespace hpcenv::conda
