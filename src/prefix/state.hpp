// What is in a prefix.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "conda/prefix_record.hpp"

namespace hpcenv::prefix {

/// Names, sizes and times of conda-meta: another tool that changed a prefix changed this.
struct MetaFingerprint {
  std::string text;  ///< empty: no environment was there
  bool operator==(const MetaFingerprint&) const = default;
};

/// Empty where there is no conda-meta.
Result<MetaFingerprint> fingerprint(const std::filesystem::path& prefix);

struct PrefixState {
  std::filesystem::path prefix;
  std::vector<conda::PrefixRecord> packages;  ///< by name
  MetaFingerprint fingerprint;                ///< taken before the records were read
};

/// True where conda-meta/history exists: that is what makes a directory an environment.
bool is_environment(const std::filesystem::path& prefix);
/// How much of the records is read: their paths are nearly all of it.
enum class Detail { everything, without_paths };

/// Kind not_found where `prefix` is no environment; refused for a record that cannot be read,
/// naming the file. `without_paths` leaves `paths` empty where that is sooner done.
Result<PrefixState> read_state(const std::filesystem::path& prefix,
                               Detail detail = Detail::everything);
/// The same for who goes on without the records that cannot be read: those are left out of
/// `packages` and told in `unreadable`, a sentence each. Kind not_found as above.
Result<PrefixState> read_state_leniently(const std::filesystem::path& prefix,
                                         std::vector<std::string>& unreadable);
/// Variables of conda-meta/state and etc/conda/env_vars.d; the value nullopt means "unset".
struct StateVariable {
  std::string name;
  std::optional<std::string> value;
};
Result<std::vector<StateVariable>> state_variables(const std::filesystem::path& prefix);
/// Those of conda-meta/state alone, which the user set.
Result<std::vector<StateVariable>> own_variables(const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
