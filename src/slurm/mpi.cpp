#include "slurm/mpi.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hpcenv::slurm {

MpiFamily mpi_family(std::string_view library) {
  if (library == "libmpi.so.40" || library == "libmpi.so.20") return MpiFamily::open_mpi;
  if (library == "libmpi.so.12" || library == "libmpich.so.12") return MpiFamily::mpich;
  return MpiFamily::unknown;
}

std::string_view name_of(MpiFamily family) {
  switch (family) {
    case MpiFamily::open_mpi:
      return "Open MPI";
    case MpiFamily::mpich:
      return "MPICH";
    case MpiFamily::unknown:
      break;
  }
  return "an unknown MPI";
}

std::vector<std::string> parse_mpi_list(std::string_view text) {
  std::vector<std::string> types;
  for (std::string_view line : base::split_lines(text)) {
    line = base::trim(line);
    for (const std::string_view start : {"srun: ", "MPI types are...", "MPI plugin types are...",
                                         "specific pmix plugin versions available:"}) {
      if (line.starts_with(start)) line = base::trim(line.substr(start.size()));
    }
    for (const std::string_view part : base::split(line, ',')) {
      const std::string_view type = base::trim(part);
      const bool is_word = !type.empty() && type.find(' ') == std::string_view::npos;
      if (is_word && std::ranges::find(types, type) == types.end()) types.emplace_back(type);
    }
  }
  return types;
}

bool is_mpi_type_right(MpiFamily family, std::string_view type) {
  if (family == MpiFamily::open_mpi) return type.starts_with("pmix");
  if (family == MpiFamily::mpich) return type == "pmi2" || type == "cray_shasta";
  return true;
}

std::string mpi_type_for(MpiFamily family, const std::vector<std::string>& offered) {
  if (family == MpiFamily::unknown) return "";
  const std::string_view first = family == MpiFamily::open_mpi ? "pmix" : "pmi2";
  if (std::ranges::find(offered, first) != offered.end()) return std::string(first);
  const auto other = std::ranges::find_if(
      offered, [&](const std::string& type) { return is_mpi_type_right(family, type); });
  return other == offered.end() || *other == "cray_shasta" ? "" : *other;
}

}  // namespace hpcenv::slurm
