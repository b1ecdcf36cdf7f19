// One run of activation scripts in a private bash, watched (facts/activation.md C).
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"

namespace hpcenv::ops {

/// A folder of its own for the runs, gone with this object.
class ProbeGround {
 public:
  /// In the first of $TMPDIR, /tmp, /dev/shm that takes it.
  static Result<ProbeGround> make(const base::Environment& environment);
  ProbeGround(ProbeGround&&) noexcept;
  ProbeGround& operator=(ProbeGround&&) = delete;
  ~ProbeGround();
  const std::filesystem::path& path() const { return path_; }
  /// A new empty folder below.
  Result<std::filesystem::path> fresh(const std::string& name) const;

 private:
  explicit ProbeGround(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

struct ProbeRequest {
  std::string bash;
  std::vector<std::string> scripts;  ///< absolute, in order
  base::Environment incoming;        ///< as the first script finds it
  std::filesystem::path directory;   ///< where bash starts
  /// `closely` looks at the shell around each script and traces it.
  enum class Look { at_the_end, closely };
  Look look = Look::at_the_end;
  /// `with_prompt`: PS1 is set, as in a shell that a person types into.
  enum class Prompt { none, set };
  Prompt prompt = Prompt::none;
  std::chrono::milliseconds deadline{5000};
  /// `refused`: no file outside the ground changes, where the kernel can see to it.
  enum class Writes { refused, allowed };
  Writes writes = Writes::refused;
};

/// What was seen of one script; of a run that looks closely.
struct ScriptLook {
  int code = 0;
  std::string output;
  std::string errors;
  std::string trace;
  std::string shell_after;  ///< functions, aliases, options, limits ..., as bash prints them
  std::string jobs;         ///< that it left in the background
  base::Environment after;
};

struct ProbeRun {
  enum class End { complete, exited, hung };
  End end = End::complete;
  std::size_t reached = 0;  ///< of an early end: index of the script that did not come back
  base::Environment before;
  base::Environment after;
  std::string shell_before;
  std::vector<ScriptLook> looks;
  bool left_children = false;
  bool was_protected = false;  ///< the kernel refused writes
};

/// Kind not_found where bash is gone, io where the ground cannot be written; interrupted and
/// terminated as asked. Whatever the scripts do, it comes back after the deadline and their
/// processes are dead.
Result<ProbeRun> run_probe(const ProbeRequest& request, const ProbeGround& ground,
                           base::ProcessRunner& runner);

}  // namespace hpcenv::ops
