#include "ops/job.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "conda/version.hpp"
#include "host/elf.hpp"
#include "host/target.hpp"
#include "prefix/python_packages.hpp"
#include "prefix/state.hpp"
#include "slurm/mpi.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

Result<slurm::Reach> reach_of(const std::string& target, const Locations& locations,
                              const base::Environment& environment) {
  if (target.empty()) return slurm::Reach();
  HPCENV_ASSIGN(const host::Target found,
                host::load_target(target, host::target_directories(environment),
                                  locations.working_directory));
  return slurm::reach_from_json(*found.reach, found.file.string());
}

/// The program as a file: a path, or what the environment has of that name, then PATH.
std::optional<fs::path> program_file(const std::string& program, const fs::path& prefix,
                                     const base::Environment& environment) {
  if (program.find('/') != std::string::npos) return fs::path(program);
  if (fs::path own = prefix / "bin" / program; base::path_exists(own)) return own;
  return base::find_program(program, environment);
}

/// Of those that the program needs; empty: none, or no program of this machine.
std::string library_of_program(const std::string& program, const fs::path& prefix,
                               const base::Environment& environment) {
  const auto file = program_file(program, prefix, environment);
  if (!file) return "";
  const auto mapped = host::MappedFile::open(*file);
  if (!mapped) return "";
  const auto elf = host::read_elf_dynamic(mapped->bytes());
  if (!elf) return "";
  const auto is_mpi = [](const std::string& library) {
    return slurm::mpi_family(library) != slurm::MpiFamily::unknown;
  };
  const auto found = std::ranges::find_if(elf->needed, is_mpi);
  return found == elf->needed.end() ? "" : *found;
}

std::string library_of_prefix(const fs::path& prefix) {
  for (const char* name : {"libmpi.so.40", "libmpi.so.12", "libmpi.so.20"}) {
    if (base::path_exists(prefix / "lib" / name)) return name;
  }
  return "";
}

std::vector<std::string> offered_types(const LocalSeams& seams) {
  base::ProcessRequest request;
  request.argv = {"srun", "--mpi=list"};
  request.environment = seams.reader.environment();
  request.deadline = std::chrono::seconds(15);
  const auto listed = seams.runner.run(request);
  if (!listed) return {};
  return slurm::parse_mpi_list(listed->output + "\n" + listed->errors);
}

std::vector<std::string> choose_mpi(slurm::JobRequest& request, const fs::path& prefix,
                                    const LocalSeams& seams) {
  std::string library =
      library_of_program(request.command.front(), prefix, seams.reader.environment());
  if (library.empty()) library = library_of_prefix(prefix);
  const slurm::MpiFamily family = slurm::mpi_family(library);
  const fs::path own = prefix / "lib" / library;
  request.mpi_library = !library.empty() && base::path_exists(own) ? own.string() : library;
  const std::string name(slurm::name_of(family));
  if (!request.mpi.empty()) {
    if (slurm::is_mpi_type_right(family, request.mpi)) return {};
    return {
        fmt::format("with --mpi={} the tasks of {} do not find each other: each would run "
                    "alone, as rank 0 of 1",
                    request.mpi, name)};
  }
  if (family == slurm::MpiFamily::unknown) {
    return {
        "which MPI library the program uses is not known: srun's default is taken (--mpi TYPE "
        "says another; `srun --mpi=list` shows them)"};
  }
  request.mpi = slurm::mpi_type_for(family, offered_types(seams));
  if (!request.mpi.empty()) return {};
  return {
      fmt::format("srun offers no --mpi that {} can use: the tasks may not find each other "
                  "(`srun --mpi=list` shows what there is)",
                  name)};
}

/// Of conda's record or of pip's.
std::string torch_version(const prefix::PrefixState& state) {
  for (const conda::PrefixRecord& record : state.packages) {
    if (record.record.name == "pytorch") return record.record.version;
  }
  for (const prefix::PythonPackage& package : prefix::python_packages(state)) {
    if (package.name == "torch") return package.version;
  }
  return "";
}

Result<> look_at_torch(slurm::JobRequest& request, const fs::path& prefix) {
  std::vector<std::string> unreadable;
  HPCENV_ASSIGN(const prefix::PrefixState state, prefix::read_state_leniently(prefix, unreadable));
  const auto version = conda::Version::parse(torch_version(state));
  const auto first = conda::Version::parse("2.5");
  request.torch_takes_address = version && first && !(*version < *first);
  return {};
}

}  // namespace

Result<> complete_job(slurm::JobRequest& request, const JobSetting& setting, const SiteLayer& layer,
                      const Locations& locations, const base::Environment& environment) {
  HPCENV_ASSIGN(slurm::Reach reach, reach_of(setting.target, locations, environment));
  for (const auto& [field, fact] : layer.defaults.facts()) {
    if (!reach.has(field)) reach.set(field, fact);
  }
  HPCENV_TRY(slurm::complete(request, reach));
  request.head.insert(request.head.begin(), layer.head.begin(), layer.head.end());
  return {};
}

Result<std::vector<std::string>> suit_launcher(slurm::JobRequest& request,
                                               const JobSetting& setting, const LocalSeams& seams) {
  if (request.launcher == slurm::Launcher::mpi) {
    return choose_mpi(request, setting.environment.prefix, seams);
  }
  if (request.launcher == slurm::Launcher::torchrun) {
    HPCENV_TRY(look_at_torch(request, setting.environment.prefix));
  }
  return std::vector<std::string>();
}

}  // namespace hpcenv::ops
