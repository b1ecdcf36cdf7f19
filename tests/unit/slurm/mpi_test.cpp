#include "slurm/mpi.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::slurm {
namespace {

// What srun 22.05 and 24.11 print.
constexpr std::string_view old_list =
    "MPI plugin types are...\n\tpmix\n\tnone\n\tcray_shasta\n"
    "\tpmi2\nspecific pmix plugin versions available: pmix_v4\n";
constexpr std::string_view with_prefix =
    "srun: MPI types are...\nsrun: none\nsrun: pmi2\nsrun: openmpi\n";

TEST_CASE("the types that srun lists are read") {
  CHECK(parse_mpi_list(old_list) ==
        std::vector<std::string>{"pmix", "none", "cray_shasta", "pmi2", "pmix_v4"});
  CHECK(parse_mpi_list(with_prefix) == std::vector<std::string>{"none", "pmi2", "openmpi"});
  CHECK(parse_mpi_list("").empty());
}

TEST_CASE("each family gets the type that it can use") {
  CHECK(mpi_family("libmpi.so.40") == MpiFamily::open_mpi);
  CHECK(mpi_family("libmpi.so.12") == MpiFamily::mpich);
  CHECK(mpi_family("libm.so.6") == MpiFamily::unknown);
  const auto offered = parse_mpi_list(old_list);
  CHECK(mpi_type_for(MpiFamily::open_mpi, offered) == "pmix");
  CHECK(mpi_type_for(MpiFamily::mpich, offered) == "pmi2");
  CHECK(mpi_type_for(MpiFamily::unknown, offered).empty());
  CHECK(mpi_type_for(MpiFamily::open_mpi, {"none", "pmi2", "pmix_v5"}) == "pmix_v5");
  CHECK(mpi_type_for(MpiFamily::mpich, {"none", "cray_shasta"}).empty());
}

TEST_CASE("a type with which every task would be alone is told apart") {
  CHECK(is_mpi_type_right(MpiFamily::open_mpi, "pmix_v4"));
  CHECK_FALSE(is_mpi_type_right(MpiFamily::open_mpi, "pmi2"));
  CHECK_FALSE(is_mpi_type_right(MpiFamily::mpich, "none"));
  CHECK(is_mpi_type_right(MpiFamily::unknown, "none"));
}

}  // namespace
}  // namespace hpcenv::slurm
