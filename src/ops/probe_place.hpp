// The private folder of a probe on a file system that nodes see too: this program, its script, and
// what the jobs answer, in a folder named by the id of each.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "ops/locations.hpp"

namespace hpcenv::ops {

/// Where such a folder could lie, the likeliest to be shared first: the root, what the site's
/// variables name ($SCRATCH, $WORK, ...), home. All are there and can be written to.
std::vector<std::filesystem::path> probe_parents(const Locations& locations,
                                                 const base::Environment& environment);

/// Directories of this host that jobs want to see: home, root, and what the variables name.
std::vector<std::filesystem::path> shared_directories(const Locations& locations,
                                                      const base::Environment& environment);

/// This program for nodes of that processor: itself, or `hpcenv-ARCH` beside it. Kind refused, with
/// what to do, where there is none. `arch` empty: not known, itself.
Result<std::filesystem::path> program_for(const std::string& arch);

struct ProbePlace {
  std::filesystem::path folder;  ///< 0700, ours
  std::filesystem::path script;
};
/// Makes the folder in `parent`, with a copy of `program` in it.
Result<ProbePlace> make_probe_place(const std::filesystem::path& parent,
                                    const std::filesystem::path& program,
                                    const std::string& version);

/// By its name: nothing else is ever removed.
bool is_probe_folder(const std::filesystem::path& folder);

/// Removes folders of this user's probes in `parent` that are older than a week.
void sweep_probe_places(const std::filesystem::path& parent, std::int64_t now);

/// A file of ours by which a directory is recognized elsewhere.
struct Token {
  std::filesystem::path directory;
  std::string name;  ///< of the file in it; it holds the same text
};
/// Into each directory that can be written to.
std::vector<Token> put_tokens(const std::vector<std::filesystem::path>& directories);
bool sees_token(const Token& token);
void remove_tokens(const std::vector<Token>& tokens);

}  // namespace hpcenv::ops
