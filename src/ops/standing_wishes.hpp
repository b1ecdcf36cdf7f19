// What holds beside what is asked for now: wishes of earlier commands, pins, python's minor
// version.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "conda/match_spec.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {

/// What was asked for earlier and is installed, one spec a name: of conda-meta/history, else of the
/// package's own record (other tools write only that). A wish that the installed package does not
/// meet any more, because another tool changed it, shrinks to the name.
Result<std::vector<conda::MatchSpec>> wished_earlier(const prefix::PrefixState& state);

/// Whether `name` alone is asked for: no version, no build, no channel.
bool is_name_only(const conda::MatchSpec& spec);
/// Whether an installed package is what the spec means, channel included.
bool meets(const conda::MatchSpec& spec, const conda::PackageRecord& record,
           std::string_view channel_alias);
const conda::PrefixRecord* find_installed(const prefix::PrefixState& state, std::string_view name);

/// `pinned_packages` of the settings, then conda-meta/pinned (one spec a line, `#` comments). Kind
/// bad_spec, naming the file and line or the setting.
Result<std::vector<conda::MatchSpec>> pins_of(const std::filesystem::path& prefix,
                                              std::span<const std::string> pinned_packages);
/// The specs of a setting. Kind bad_spec, naming the setting.
Result<std::vector<conda::MatchSpec>> specs_of_setting(std::string_view setting,
                                                       std::span<const std::string> texts);
/// "python 3.11.*" of the installed python; nothing where none is installed.
Result<std::vector<conda::MatchSpec>> python_pin(const prefix::PrefixState& state);
/// One exact spec for each installed package (--freeze-installed).
Result<std::vector<conda::MatchSpec>> frozen_packages(const prefix::PrefixState& state);

/// Refused where conda-meta/frozen is there (CEP 22), with its message.
Result<> require_not_frozen(const std::filesystem::path& prefix);

}  // namespace hpcenv::ops
