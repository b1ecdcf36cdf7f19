// Which process manager of srun an MPI library wants. A wrong one can look like success: each task
// runs alone, as rank 0 of 1. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::slurm {

enum class MpiFamily { unknown, open_mpi, mpich };

/// By the name that a program needs or that lies in a lib folder: "libmpi.so.40" is Open MPI's,
/// "libmpi.so.12" that of MPICH and all that share its interface (Intel MPI, MVAPICH).
MpiFamily mpi_family(std::string_view library);
std::string_view name_of(MpiFamily family);

/// The types of `srun --mpi=list`, whichever stream it printed them on.
std::vector<std::string> parse_mpi_list(std::string_view text);

/// The value of --mpi: of those offered the first that the family can use; empty where the family
/// is not known or none is offered (facts of 22.05 and 24.11: Open MPI speaks PMIx, MPICH PMI-2).
std::string mpi_type_for(MpiFamily family, const std::vector<std::string>& offered);
/// Whether tasks of that family find each other with this type.
bool is_mpi_type_right(MpiFamily family, std::string_view type);

}  // namespace hpcenv::slurm
