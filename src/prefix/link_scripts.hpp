// Scripts that packages want run around their linking (CEP 32, CEP 34).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "conda/unpacked_package.hpp"
#include "prefix/create.hpp"
#include "prefix/layout.hpp"

namespace hpcenv::prefix {

/// `environment` without variables that by their name hold a secret, and without user and password
/// in urls.
base::Environment without_secrets(const base::Environment& environment);

/// The post-link scripts of a layout in the packages' order. Kind refused: a pre-link script (it
/// would have to run before the files are there), or no bash to run a script with.
Result<std::vector<PendingScript>> post_link_scripts(
    const Layout& layout, const std::vector<conda::UnpackedPackage>& packages,
    const std::filesystem::path& prefix, const base::Environment& environment);

/// Runs them one after another. Kind refused for one that fails, with the end of its output.
Result<> run_scripts(const std::vector<PendingScript>& scripts, base::ProcessRunner& runner);

/// What scripts left in PREFIX/.messages.txt, which is removed.
std::vector<std::string> take_messages(const std::filesystem::path& prefix);

}  // namespace hpcenv::prefix
