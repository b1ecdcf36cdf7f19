#include "ops/probe_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "slurm/probe_script.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view folder_start = ".hpcenv-probe-";
constexpr std::string_view token_start = ".hpcenv-seen-";
constexpr std::int64_t week = std::int64_t{7} * 86400;

// What clusters call their shared file systems.
constexpr std::array shared_variables{"SCRATCH",  "PSCRATCH", "WORK",       "FAST",
                                      "WRKDIR",   "PROJECT",  "PROJECTDIR", "SCRATCHDIR",
                                      "VSC_DATA", "USERWORK", "STORE"};

bool is_own(const fs::path& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && status.st_uid == geteuid();
}

bool is_folder(const fs::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool can_make_in(const fs::path& path) {
  return is_folder(path) && access(path.c_str(), W_OK | X_OK) == 0;
}

// Of this node alone, whatever variables say.
bool is_local(const fs::path& path) {
  const std::string text = path.native() + "/";
  return std::ranges::any_of(
      std::array<std::string_view, 4>{"/tmp/", "/var/tmp/", "/dev/", "/run/"},
      [&](std::string_view local) { return text.starts_with(local); });
}

void add_distinct(std::vector<fs::path>& paths, const fs::path& path) {
  if (!path.is_absolute() || std::ranges::find(paths, path) != paths.end()) return;
  paths.push_back(path);
}

// The user's own corner of a directory that many share.
fs::path own_corner(const fs::path& directory, const base::Environment& environment) {
  const std::string user = environment.get_or("USER", environment.get_or("LOGNAME", ""));
  const fs::path corner = directory / user;
  return !is_own(directory) && !user.empty() && is_own(corner) && is_folder(corner) ? corner
                                                                                    : directory;
}

fs::path existing_part(fs::path path) {
  while (path.has_relative_path() && !is_folder(path)) path = path.parent_path();
  return base::resolve_path(path).value_or(path);
}

std::string machine_of_elf(const fs::path& program) {
  constexpr std::size_t machine_at = 18;  ///< e_machine, two bytes, little end first
  const base::Fd file(open(program.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<unsigned char, machine_at + 2> head{};
  if (!file.valid() || read(file.get(), head.data(), head.size()) != ssize_t{head.size()}) {
    return "";
  }
  switch (head[machine_at] + 256 * head[machine_at + 1]) {
    case 62:
      return "x86_64";
    case 183:
      return "aarch64";
    case 21:
      return "ppc64le";
    default:
      return "";
  }
}

std::string random_name(std::string_view start) {
  std::array<unsigned char, 8> bytes{};
  const base::Fd random(open("/dev/urandom", O_RDONLY | O_CLOEXEC));
  std::string name(start);
  if (!random.valid() || read(random.get(), bytes.data(), bytes.size()) < 0) return name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

Result<> copy_program(const fs::path& from, const fs::path& to) {
  HPCENV_ASSIGN(const std::string bytes, base::read_file(from));
  HPCENV_ASSIGN(const base::Fd file, base::create_new(to, 0700));
  return base::write_all(file.get(), bytes, to);
}

}  // namespace

std::vector<fs::path> shared_directories(const Locations& locations,
                                         const base::Environment& environment) {
  std::vector<fs::path> found;
  if (!locations.home.empty()) add_distinct(found, locations.home);
  add_distinct(found, existing_part(locations.root));
  for (const char* variable : shared_variables) {
    const fs::path named = environment.get_or(variable, "");
    if (named.is_absolute() && is_folder(named)) {
      add_distinct(found, own_corner(named, environment));
    }
  }
  std::erase_if(found, is_local);
  // What lies in home is there where home is.
  std::erase_if(found, [&](const fs::path& path) {
    return path != locations.home && !locations.home.empty() &&
           path.native().starts_with(locations.home.native() + "/");
  });
  return found;
}

std::vector<fs::path> probe_parents(const Locations& locations,
                                    const base::Environment& environment) {
  std::vector<fs::path> parents;
  const auto shared = shared_directories(locations, environment);
  // Home comes last: some sites do not mount it on nodes.
  const auto below_home = [&](const fs::path& path) {
    return !locations.home.empty() &&
           (path.native() + "/").starts_with(locations.home.native() + "/");
  };
  for (const fs::path& path : shared) {
    if (can_make_in(path) && !below_home(path)) add_distinct(parents, path);
  }
  for (const fs::path& path : shared) {
    if (can_make_in(path) && below_home(path)) add_distinct(parents, path);
  }
  return parents;
}

Result<fs::path> program_for(const std::string& arch) {
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail_errno(error.value(), "cannot find this program");
  utsname here{};
  const std::string machine = uname(&here) == 0 ? here.machine : "";
  if (arch.empty() || arch == machine) return fs::path("/proc/self/exe");
  fs::path other = own.parent_path() / ("hpcenv-" + arch);
  if (machine_of_elf(other) == arch) return other;
  Error no_program{ErrorKind::refused,
                   fmt::format("the nodes are {}, this hpcenv is for {}", arch, machine),
                   {},
                   {}};
  no_program.hints.push_back(
      fmt::format("put the hpcenv for {} beside this one, as {}", arch, other.native()));
  no_program.hints.emplace_back(
      "or use the hpcenv of a login node of that kind, or in a job there: hpcenv target add NAME "
      "--here");
  return Failure(std::move(no_program));
}

Result<ProbePlace> make_probe_place(const fs::path& parent, const fs::path& program,
                                    const std::string& version) {
  HPCENV_ASSIGN(fs::path folder, base::make_private_directory(parent, folder_start));
  ProbePlace place{std::move(folder), {}};
  place.script = place.folder / "probe.sh";
  const auto make = [&]() -> Result<> {
    HPCENV_TRY(copy_program(program, place.folder / "hpcenv"));
    HPCENV_ASSIGN(const std::string digest,
                  base::hash_file(base::HashKind::sha256, place.folder / "hpcenv"));
    return base::write_file(place.script,
                            slurm::probe_script(place.folder.native(), digest, version), 0700);
  };
  if (auto made = make(); !made) {
    static_cast<void>(base::remove_tree(place.folder));
    return Failure(std::move(made).error());
  }
  return place;
}

bool is_probe_folder(const fs::path& folder) {
  return folder.is_absolute() && folder.filename().native().starts_with(folder_start);
}

void sweep_probe_places(const fs::path& parent, std::int64_t now) {
  const auto names = base::list_directory(parent);
  if (!names) return;
  for (const std::string& name : *names) {
    const bool is_ours = name.starts_with(folder_start) || name.starts_with(token_start);
    struct stat status{};
    if (!is_ours || lstat((parent / name).c_str(), &status) != 0) continue;
    if (status.st_uid != geteuid() || now - status.st_mtim.tv_sec < week) continue;
    static_cast<void>(base::remove_tree(parent / name));
  }
}

std::vector<Token> put_tokens(const std::vector<fs::path>& directories) {
  std::vector<Token> tokens;
  for (const fs::path& directory : directories) {
    Token token{directory, random_name(token_start)};
    const fs::path file = directory / token.name;
    const auto made = base::create_new(file, 0600);
    if (made && base::write_all(made->get(), token.name, file)) tokens.push_back(std::move(token));
  }
  return tokens;
}

bool sees_token(const Token& token) {
  const auto text = base::read_file(token.directory / token.name);
  return text && *text == token.name;
}

void remove_tokens(const std::vector<Token>& tokens) {
  for (const Token& token : tokens) unlink((token.directory / token.name).c_str());
}

}  // namespace hpcenv::ops
