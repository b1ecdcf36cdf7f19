// What kind of thing an activation script is, from one run of it that was watched closely
// (facts/activation.md B and C).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/activation_probe.hpp"

namespace hpcenv::ops {

enum class ScriptClass {
  recorded,  ///< its effect is known, and the rules stand for it
  acts,      ///< recorded; what else it does was done once, after the commit
  node,      ///< recorded, for nodes like the one it was recorded on
  live,      ///< sourced at each entry
  refused,   ///< never sourced: it ends the shell, hangs, leaves processes, or cannot be read
};
/// "recorded", "acts", "node", "live", "refused".
std::string_view name_of(ScriptClass kind);

/// "x.sh" of "/p/etc/conda/activate.d/x.sh".
std::string script_name(const std::string& path);
/// The same of several, with commas between them.
std::string script_names(const std::vector<std::string>& paths);

struct ScriptVerdict {
  std::string path;
  ScriptClass kind = ScriptClass::recorded;
  std::string reason;  ///< half a sentence, of all but `recorded`: "starts mkdir"
  /// It also changes what only a shell has: functions, aliases, completions, options.
  bool interactive = false;
  bool operator==(const ScriptVerdict&) const = default;
};

/// Of a script that came back. `before` is the shell before it.
ScriptVerdict judge_script(const std::string& path, std::string_view text, const ScriptLook& look,
                           std::string_view shell_before);

/// Files that a trace shows being sourced, absolute.
std::vector<std::string> sourced_files(std::string_view trace);
/// Absolute paths among the words of commands in a trace, sorted: what scripts look at.
std::vector<std::string> paths_in_trace(std::string_view trace);

}  // namespace hpcenv::ops
