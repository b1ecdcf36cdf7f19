// The group toolkit: does what is in the environment run on the node?
#include <array>

#include "doctor/groups.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

constexpr std::array checks = {
    Check{"P01", "major", "CUDA toolkit and driver", true, examine_major},
    Check{"P02", "driver.exact", "Lowest driver for the CUDA toolkit", true, examine_driver_floor},
    Check{"P03", "ptx.jit", "PTX of the toolkit and driver", true, examine_ptx, Looks::at_profile,
          Cost::slow},
    Check{"P04", "sass", "Libraries have code for this GPU", true, examine_coverage,
          Looks::at_profile, Cost::slow},
    Check{"P05", "cudnn.cc", "cuDNN and GPU", true, examine_cudnn_device},
    Check{"P06", "cudnn.cuda", "cuDNN and CUDA toolkit; one copy of cuDNN", true,
          examine_cudnn_toolkit},
    Check{"P07", "toolkit.cc", "CUDA toolkit and GPU", true, examine_toolkit_device},
    Check{"P08", "era.mix", "CUDA from one source", true, examine_eras},
    Check{"P09", "cpu.build", "CPU builds on a GPU node", true, examine_cpu_build,
          Looks::at_profile, Cost::quick, false, Asks::slurm},
    Check{"P10", "virtual.recheck", "What packages need of the node", true,
          examine_virtual_packages},
    Check{"P11", "nvcc.host", "nvcc and its host compiler", true, examine_host_compiler,
          Looks::here},
    Check{"P12", "cuda.home", "Variables that name another CUDA toolkit", true, examine_cuda_home,
          Looks::here},
    Check{"P13", "integrity", "Files are as they were installed", true, examine_files,
          Looks::at_profile, Cost::deep},
    Check{"P14", "records", "Records of the packages can be read", true, examine_records},
    Check{"P15", "activation", "What activation scripts do", true, examine_activation},
};

}  // namespace

std::span<const Check> toolkit_checks() { return checks; }

}  // namespace hpcenv::doctor
