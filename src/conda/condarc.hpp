// The keys of .condarc/.mambarc that matter here (facts/conda.md 4.10); narrow for now.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::conda {

struct Condarc {
  std::vector<std::string> channels;
  std::optional<std::string> channel_alias;
  std::optional<std::string> channel_priority;  ///< "strict", "flexible", "disabled"
  std::vector<std::string> pkgs_dirs;
  std::vector<std::string> envs_dirs;
};

Result<Condarc> parse_condarc(std::string_view text, std::string_view source);
/// `over` wins; lists: the later file's come first.
Condarc merge_condarc(Condarc under, const Condarc& over);

}  // namespace hpcenv::conda
