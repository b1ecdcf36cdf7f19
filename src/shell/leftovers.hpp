// Names that other programs leave in a user's shell.
#pragma once

#include <array>
#include <string_view>

namespace hpcenv::shell {

/// What conda 4.4 to 26 and mamba 1 and 2 define in bash.
inline constexpr std::array<std::string_view, 11> conda_functions = {"conda",
                                                                     "mamba",
                                                                     "micromamba",
                                                                     "__conda_exe",
                                                                     "__conda_hashr",
                                                                     "__conda_activate",
                                                                     "__conda_reactivate",
                                                                     "__add_sys_prefix_to_path",
                                                                     "__mamba_exe",
                                                                     "__mamba_hashr",
                                                                     "__mamba_xctivate"};

/// Stay in PATH whoever installed an environment over them.
inline constexpr std::array<std::string_view, 3> system_directories = {"/bin", "/usr/bin",
                                                                       "/usr/local/bin"};

/// Where programs of the system are when a job starts without PATH.
inline constexpr std::string_view fallback_path = "/usr/local/bin:/usr/bin:/bin";

}  // namespace hpcenv::shell
