// What is known of the activation scripts of one prefix, on disk: PREFIX/.hpcenv/activation.json,
// or the user's cache where the prefix cannot be written (docs/reference/activation-record.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ops/script_class.hpp"
#include "shell/recorded.hpp"

namespace hpcenv::ops {

/// How a path was: "missing", "folder", "file SIZE SECONDS.NANOSECONDS", "other".
struct PathFact {
  std::string path;
  std::string state;
  bool operator==(const PathFact&) const = default;
};
/// Follows links.
PathFact path_fact(const std::string& path);
/// Of a path outside the prefix, which other nodes may have otherwise: "there" or "missing".
PathFact presence_fact(const std::string& path);

/// What a record has to agree with, as it is now.
struct RecordKey {
  std::string prefix;
  std::string meta;  ///< the last change of conda-meta, its history and the environment's variables
  std::vector<std::string> scripts;  ///< of activate.d, absolute, in order
  std::string node;                  ///< what the node's processor can do, as a hash
};

struct ActivationRecord {
  RecordKey key;                ///< `node` is empty where the scripts do not look at it
  std::vector<PathFact> files;  ///< the scripts, what they source, what they look at in the prefix
  std::vector<PathFact> outside;  ///< by presence_fact
  std::vector<ScriptVerdict> scripts;
  shell::Recorded recorded;
  std::vector<std::string> acted;  ///< file names of scripts that were run once
  std::string acted_for;           ///< `key.meta` when they were run
  std::int64_t made_at = 0;        ///< seconds since the epoch
};

/// Whether it says what the scripts do now and here. Looks at every path that it names.
bool still_holds(const ActivationRecord& record, const RecordKey& now);

struct RecordsRead {
  std::vector<ActivationRecord> records;  ///< one a kind of node
  std::string trouble;                    ///< a sentence; why what is there is of no use
};
/// A missing file is no trouble.
RecordsRead read_records(const std::filesystem::path& file, const std::string& prefix);
/// Written aside and renamed; with the rights of its folder's other files.
Result<> write_records(const std::filesystem::path& file,
                       const std::vector<ActivationRecord>& records);

}  // namespace hpcenv::ops
