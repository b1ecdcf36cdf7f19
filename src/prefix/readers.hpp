// Who only uses an environment: never a half-changed one, and never waiting for ever.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/reporter.hpp"
#include "base/result.hpp"

namespace hpcenv::prefix {

/// How long readers wait for a writer that seems to live, and how often they look.
struct ReaderPatience {
  std::chrono::milliseconds wait{30'000};
  std::chrono::milliseconds poll{200};
};

/// Refused while a commit is unfinished (PREFIX/.hpcenv/<token>/record is there) or link scripts
/// have not had their turn. A writer that may be alive is waited for, and the reporter names it.
/// The hint is the command that completes the change; who cannot write the prefix is told its
/// owner. Link scripts that failed are a warning. Writes nothing; kind interrupted or terminated
/// while waiting.
Result<> require_usable(const std::filesystem::path& prefix, const ReaderPatience& patience,
                        base::Reporter& reporter);
/// One look, no waiting.
Result<> require_usable(const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
