// The checks of the group toolkit that have files of their own.
#pragma once

#include "doctor/finding.hpp"

namespace hpcenv::doctor {

// toolkit_driver.cpp
Finding examine_major(const Subject& subject);         // P01
Finding examine_driver_floor(const Subject& subject);  // P02
Finding examine_ptx(const Subject& subject);  // P03: reads the CUDA libraries where it warns
// coverage.cpp
Finding examine_coverage(const Subject& subject);  // P04: reads every CUDA library
// cudnn.cpp
Finding examine_cudnn_device(const Subject& subject);    // P05
Finding examine_cudnn_toolkit(const Subject& subject);   // P06
Finding examine_toolkit_device(const Subject& subject);  // P07
// cuda_sources.cpp
Finding examine_eras(const Subject& subject);  // P08
// gpu_builds.cpp
Finding examine_cpu_build(const Subject& subject);  // P09
// records.cpp
Finding examine_virtual_packages(const Subject& subject);  // P10
Finding examine_files(const Subject& subject);             // P13: hashes every file
Finding examine_records(const Subject& subject);           // P14
// build_tools.cpp
Finding examine_host_compiler(const Subject& subject);  // P11
Finding examine_cuda_home(const Subject& subject);      // P12
// activation.cpp
Finding examine_activation(const Subject& subject);  // P15

}  // namespace hpcenv::doctor
