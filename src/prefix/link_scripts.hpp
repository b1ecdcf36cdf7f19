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

/// A script of a package, with all that has to be known to run it at any later time.
struct LinkScript {
  std::string action;  ///< "pre-unlink", "pre-link", "post-link"
  std::string name;
  std::string version;
  std::string build;
  std::int64_t build_number = 0;
  std::string source;  ///< the unpacked package, of link scripts
  std::string package() const { return fmt::format("{}-{}-{}", name, version, build); }
  /// "bin/.NAME-ACTION.sh"
  std::string path() const;
};

std::string link_script_text(const LinkScript& script);
Result<LinkScript> parse_link_script(std::string_view text, std::string_view name);

/// What runs `file` for the package. `environment` is that of the command.
base::ProcessRequest script_request(const LinkScript& script, const std::filesystem::path& file,
                                    const std::filesystem::path& prefix,
                                    const base::Environment& environment);

/// The scripts with this action that a layout brings, in the packages' order.
std::vector<LinkScript> scripts_in(const Layout& layout,
                                   const std::vector<conda::UnpackedPackage>& packages,
                                   std::string_view action);

/// Kind refused where there are scripts, but neither the layout, nor the prefix, nor PATH has a
/// bash.
Result<> require_bash(const std::vector<LinkScript>& scripts, const Layout& layout,
                      const std::filesystem::path& prefix, const base::Environment& environment);

/// The post-link scripts of a layout, ready to be run; none where `options` leave them. Kind
/// refused as `require_bash`.
Result<std::vector<PendingScript>> post_link_scripts(
    const Layout& layout, const std::vector<conda::UnpackedPackage>& packages,
    const std::filesystem::path& prefix, const LinkOptions& options);

/// Runs them one after another. Kind refused for one that fails, with the end of its output.
Result<> run_scripts(const std::vector<PendingScript>& scripts, base::ProcessRunner& runner);
Result<> run_script(const PendingScript& script, base::ProcessRunner& runner);

/// Where a script waits in a prefix for its turn: relative, sorted as the numbers are.
std::string pending_script_file(std::string_view writer, std::size_t number);
/// Whether a script has not had its turn yet (a kill); those that failed are no such.
bool has_pending_scripts(const std::filesystem::path& prefix);
/// Packages whose link script failed and waits for the next try, as name-version-build.
std::vector<std::string> failed_scripts(const std::filesystem::path& prefix);
/// Runs all that wait, those that failed before too; each goes when it succeeded, or when its
/// package is gone. One that fails does not keep the others from running; kind refused then, with
/// its output: packages stay, and the next command that writes tries again.
Result<> run_pending_scripts(const std::filesystem::path& prefix,
                             const base::Environment& environment, base::ProcessRunner& runner);

/// What scripts left in PREFIX/.messages.txt, which is removed.
std::vector<std::string> take_messages(const std::filesystem::path& prefix);
/// The same of a file that was moved elsewhere before.
std::vector<std::string> messages_from(const std::filesystem::path& file);

}  // namespace hpcenv::prefix
