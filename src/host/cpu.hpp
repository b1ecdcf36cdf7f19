// The CPU as archspec names it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::host {

/// From the text of /proc/cpuinfo and the machine: a vendor's microarchitecture where the small
/// table knows it ("zen3", "icelake", "neoverse_n1"), else "x86_64_v2".."x86_64_v4" by the flags of
/// the psABI levels, else the machine itself.
std::string microarchitecture(std::string_view cpuinfo, std::string_view machine);
/// The psABI level of x86-64 by flags, 1 to 4; 0 where not even the first is met.
int x86_64_level(std::string_view flags);
/// The name of the most that two microarchitectures of one machine have in common, as archspec
/// orders them; `machine` ("x86_64") where a name is not known.
std::string common_microarchitecture(const std::string& one, const std::string& other,
                                     const std::string& machine);

/// The psABI level of x86-64 that a microarchitecture by name has, 1 to 4; 0 for a name that is not
/// known or no x86-64.
int x86_64_level_of(const std::string& name);
/// The microarchitectures whose code a CPU by name runs, itself first; empty for a name that is not
/// known.
std::vector<std::string> runnable_microarchitectures(const std::string& name);

}  // namespace hpcenv::host
