// Starting the driver (stage B of the probe): which library is asked, with which environment, and
// what the management library adds.
#pragma once

#include "base/clock.hpp"
#include "host/node_profile.hpp"
#include "host/nvidia_facts.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// Fills in devices, codes and times of the library that programs get; where that is a stub, or one
/// for forward compatibility that does not start, of the one behind it too. First as a program
/// would find it, then without CUDA_VISIBLE_DEVICES where that leaves something out. At most 40 s.
void ask_devices(const HostReader& reader, const base::Clock& clock, ProbeDepth depth,
                 NvidiaFacts& facts);

/// What NVML tells besides, where a driver has started and its own NVML lies beside it.
void ask_management(const HostReader& reader, const base::Clock& clock, NvidiaFacts& facts);

}  // namespace hpcenv::host
