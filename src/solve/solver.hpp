// Which packages fit together. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "conda/match_spec.hpp"
#include "conda/package_record.hpp"
#include "index/channel_index.hpp"

namespace hpcenv::solve {

enum class ChannelPriority { strict, flexible, disabled };

/// How a solution is found: proposed by a dive and confirmed by libsolv, which searches where that
/// fails; or searched by libsolv from the beginning (to compare).
enum class Method { dive, search };

/// The machine that is solved for, in words: to explain what it forbids.
struct Machine {
  enum class Kind : std::uint8_t { here, target };
  /// Where the value of a virtual package, or its absence, comes from.
  struct Source {
    std::string text;      ///< "cuDriverGetVersion of /usr/lib64/libcuda.so.1 on gpu01"
    std::string variable;  ///< the CONDA_OVERRIDE_... that says so; empty: none does
  };
  Kind kind = Kind::here;
  std::string name = "the machine solved for";
  std::map<std::string, Source, std::less<>> sources;  ///< by virtual package
};

struct SolveRequest {
  const index::ChannelIndex* index = nullptr;  ///< outlives the call
  std::vector<conda::MatchSpec> specs;
  std::vector<conda::PackageRecord> virtual_packages;  ///< name, version, build
  Machine machine;
  std::vector<conda::MatchSpec> preferences;  ///< soft: followed where nothing is lost by it
                                              ///< (decision 3: `cuda-version <=12.2`)
  /// What is installed now, one record a name. Every record that can stays, beside what is asked
  /// for; one that no channel has any more can stay too.
  std::vector<conda::PackageRecord> installed;
  /// Asked for earlier: have to be met, but need not be newest. One about a name in `specs` gives
  /// way.
  std::vector<conda::MatchSpec> kept;
  /// Restrict without requiring (pinned_packages, conda-meta/pinned). A
  /// pattern as a name speaks of all that it fits.
  std::vector<conda::MatchSpec> pins;
  /// The same of what nobody pinned, but what shall not change unless it is named (python's minor).
  std::vector<conda::MatchSpec> held;
  /// No record that one of these fits is taken (disallowed_packages).
  std::vector<conda::MatchSpec> disallowed;
  /// Installed names, or patterns of them, that shall be as new as they can be (`update NAME`).
  std::vector<std::string> update;
  /// No installed record is preferred, and what only other packages needed goes when they need it
  /// no more (`update --all`).
  bool update_all = false;
  /// The point in time (milliseconds) after which records were left out of the index; told where
  /// there is no solution.
  std::optional<std::int64_t> exclude_newer;
  ChannelPriority priority = ChannelPriority::strict;
  std::string channel_alias;
  Method method = Method::dive;
};

/// How new a package came out that was asked for.
struct Choice {
  std::string name;
  std::string version;
  std::string newest;  ///< of what was asked for, in the channels
  std::string reason;  ///< why it is not the newest, in words; empty where it is
};

struct Solution {
  /// Topological: what a package depends on comes before it. Installed records that stay are the
  /// ones of the request, byte for byte.
  std::vector<conda::PackageRecord> packages;
  std::vector<std::string> notes;  ///< preferences that were not met, installed packages that
                                   ///< nothing needs and that could not stay: in words
  std::vector<Choice> asked;       ///< of `specs` and `update`, in their order
};

/// No solution: a value, not an error.
struct Conflict {
  /// Lines of the explanation, first what was asked for, last the record or virtual package that
  /// forbids it; at most 12.
  std::vector<std::string> lines;
  /// Names asked for that no channel has, with what was probably meant.
  std::vector<std::string> unknown_names;
  std::vector<std::string> hints;
};

using SolveOutcome = std::variant<Solution, Conflict>;

/// A pattern as the name of a spec stands for all installed packages that it fits; where none is
/// installed it has to fit exactly one package, else kind bad_spec.
Result<SolveOutcome> solve(const SolveRequest& request);

}  // namespace hpcenv::solve
