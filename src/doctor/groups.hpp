// The checks, a function a group; each group has its file.
#pragma once

#include <span>

#include "doctor/finding.hpp"

namespace hpcenv::doctor {

std::span<const Check> driver_checks();
std::span<const Check> device_checks();
std::span<const Check> toolkit_checks();
std::span<const Check> contamination_checks();
std::span<const Check> storage_checks();
std::span<const Check> host_checks();
std::span<const Check> slurm_checks();
std::span<const Check> network_checks();

// Of the group driver, whose table is in driver.cpp.
Finding examine_found(const Subject& subject);      ///< D03
Finding examine_stub(const Subject& subject);       ///< D04
Finding examine_unique(const Subject& subject);     ///< D05
Finding examine_match(const Subject& subject);      ///< D06
Finding examine_compat(const Subject& subject);     ///< D07
Finding examine_version(const Subject& subject);    ///< D08
Finding examine_override(const Subject& subject);   ///< D09
Finding examine_init(const Subject& subject);       ///< D10
Finding examine_init_time(const Subject& subject);  ///< D11
Finding examine_uvm(const Subject& subject);        ///< D12
Finding examine_nodes(const Subject& subject);      ///< D13
Finding examine_fabric(const Subject& subject);     ///< D14

/// H04, H05 and H07, of the group host.
Finding examine_limits(const Subject& subject);
Finding examine_shared_memory(const Subject& subject);
Finding examine_container(const Subject& subject);

/// E01, E05, E07 and E08, of the group shell.
Finding examine_library_path(const Subject& subject);
Finding examine_other_conda(const Subject& subject);
Finding examine_caches(const Subject& subject);
Finding examine_path(const Subject& subject);

/// F07, of the group storage: the path that programs of an environment have in their first lines.
Finding examine_prefix_path(const Subject& subject);

/// S03, of the group slurm: the GPUs that a job was given against those that programs see.
Finding examine_job(const Subject& subject);

}  // namespace hpcenv::doctor
