// What create, install, update and remove share: their options, the request that these make, and
// the run from the request to the answer.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "ops/change.hpp"

namespace hpcenv::cli {

template <std::size_t... Sizes>
constexpr auto joined(const std::array<OptionSpec, Sizes>&... parts) {
  std::array<OptionSpec, (Sizes + ...)> all{};
  std::size_t at = 0;
  const auto put = [&](const auto& part) {
    for (const OptionSpec& option : part) all[at++] = option;
  };
  (put(parts), ...);
  return all;
}

inline constexpr std::array environment_options{
    OptionSpec{"-n,--name", "NAME", "name of the environment (default: the active one)"},
    OptionSpec{"-p,--prefix", "PREFIX", "or its path"},
};

inline constexpr std::array wish_options{
    OptionSpec{"-c,--channel", "CHANNEL", "take packages from here; earlier ones win",
               OptionSpec::Kind::many},
    OptionSpec{"--override-channels", "", "only the channels of -c", OptionSpec::Kind::flag},
    OptionSpec{"-f,--file", "FILE",
               "environment.yml, list of specs, or @EXPLICIT file; may be repeated",
               OptionSpec::Kind::many},
    OptionSpec{"--no-pip", "", "leave the `pip:` section of files out", OptionSpec::Kind::flag},
};

inline constexpr std::array choice_options{
    OptionSpec{"--on", "TARGET", "choose for this target (a name, or a file of `hpcenv probe`)"},
    OptionSpec{"--platform,--subdir", "PLATFORM", "choose for e.g. linux-aarch64"},
    OptionSpec{"--channel-priority", "MODE", "strict (default), flexible or disabled"},
    OptionSpec{"--exclude-newer", "DATE", "ignore packages that are newer (2026-11-26, or 7d)"},
    OptionSpec{"--offline", "", "use what is in the caches, open no connection",
               OptionSpec::Kind::flag},
    OptionSpec{"--no-deps", "", "only the packages named, without what they need",
               OptionSpec::Kind::flag},
    OptionSpec{"--only-deps", "", "only what the packages named need", OptionSpec::Kind::flag},
    OptionSpec{"--no-pin", "", "leave pinned_packages and conda-meta/pinned aside",
               OptionSpec::Kind::flag},
};

inline constexpr std::array python_pin_options{
    OptionSpec{"--no-py-pin", "", "let python's minor version change", OptionSpec::Kind::flag},
};

inline constexpr std::array link_options{
    OptionSpec{"--no-pyc", "", "do not compile Python files", OptionSpec::Kind::flag},
    OptionSpec{"--always-copy,--copy", "", "copy files, make no hard links to the package cache",
               OptionSpec::Kind::flag},
};

inline constexpr std::array existing_options{
    OptionSpec{"--override-frozen", "", "change it though it is marked as frozen",
               OptionSpec::Kind::flag},
};

inline constexpr OptionSpec no_lock_option{
    "--no-lock", "", "go on where the file system has no locks", OptionSpec::Kind::flag};

inline constexpr std::array act_options{
    no_lock_option,
    OptionSpec{"-d,--dry-run", "", "show the plan and stop", OptionSpec::Kind::flag},
    OptionSpec{"-y,--yes", "", "do not ask", OptionSpec::Kind::flag},
};

/// What a writer does where no lock can be had: the setting no_lock, which --no-lock sets.
prefix::LockRequest::Missing missing_lock(const Session& session);

/// `-n`, `-p`, or the environment that is active. Kind usage where none is named.
Result<ops::EnvironmentRef> environment_to_change(const Arguments& arguments,
                                                  const Session& session,
                                                  const ops::Locations& locations);

/// The prefix (empty: not known yet), wishes, rules, machine, how to link and lock. Warnings of
/// files are said.
Result<ops::ChangeRequest> change_request_of(ops::Action action, const Arguments& arguments,
                                             Session& session, const std::filesystem::path& prefix);

/// The same for an environment that is there: `environment_to_change`, and its prefix set.
Result<ops::ChangeRequest> change_of_environment(ops::Action action, const Arguments& arguments,
                                                 Session& session, const ops::Locations& locations);

/// Runs the pipeline; shows the plan, asks a person, prints the answer. A conflict is an error.
Result<int> run_change(const ops::ChangeRequest& request, const Arguments& arguments,
                       Session& session, const ops::Locations& locations);

}  // namespace hpcenv::cli
