#include "ops/wrappers.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "ops/activate.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/state.hpp"
#include "shell/render_posix.hpp"
#include "shell/wrapper.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

bool is_program(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure) && access(path.c_str(), X_OK) == 0;
}

std::vector<std::string> programs_of(const fs::path& prefix) {
  std::vector<std::string> programs;
  if (const auto names = base::list_directory(prefix / "bin")) {
    std::ranges::copy_if(*names, std::back_inserter(programs), [&](const std::string& name) {
      return is_program(prefix / "bin" / name);
    });
  }
  return programs;
}

Result<> require_program(const fs::path& prefix, const std::string& program) {
  const bool plain = !program.empty() && program.find('/') == std::string::npos &&
                     std::ranges::none_of(program, [](unsigned char c) { return c < ' '; });
  if (!plain) {
    return fail_hint(ErrorKind::usage, fmt::format("'{}' is not the name of a program", program),
                     "name programs as they are called in " + (prefix / "bin").string());
  }
  if (is_program(prefix / "bin" / program)) return {};
  if (base::path_exists(prefix / "bin" / program)) {
    return fail(ErrorKind::refused, "{} cannot be executed", (prefix / "bin" / program).string());
  }
  Error error{ErrorKind::not_found,
              fmt::format("there is no program '{}' in {}", program, (prefix / "bin").string()),
              {},
              {}};
  const auto nearest = base::nearest_words(program, programs_of(prefix), 3);
  if (!nearest.empty()) error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  error.hints.push_back("look for a package with: hpcenv search " + program);
  return Failure(std::move(error));
}

// Enough of a file to see who wrote it; empty for what is no plain file.
std::string beginning_of(const fs::path& path) {
  std::error_code failure;
  if (fs::symlink_status(path, failure).type() != fs::file_type::regular) return "";
  const auto fd = base::open_read(path);
  if (!fd) return "";
  std::array<char, 16'384> buffer{};
  const ssize_t got = read(fd->get(), buffer.data(), buffer.size());
  return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : "";
}

Result<> require_place(const fs::path& file, ForeignFile foreign) {
  if (!base::path_exists(file)) return {};
  std::error_code failure;
  if (fs::symlink_status(file, failure).type() == fs::file_type::directory) {
    return fail(ErrorKind::refused, "{} is a directory", file.string());
  }
  if (foreign == ForeignFile::overwrite || shell::wrapper_mark(beginning_of(file))) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is there already, and hpcenv did not write it", file.string()),
                   "choose another folder, or overwrite it with --force");
}

// A wrapper there would start itself.
Result<> require_other_folder(const fs::path& prefix, const fs::path& folder) {
  HPCENV_ASSIGN(const fs::path own, base::resolve_path(prefix / "bin"));
  HPCENV_ASSIGN(const fs::path there, base::resolve_path(folder));
  if (own != there) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is where the programs themselves are", folder.string()),
                   "choose a folder outside the environment, such as ~/bin");
}

void warn_of_live(const shell::Activation& activation, const std::string& shell,
                  base::Reporter& reporter) {
  if (shell::sh_suffices(activation)) return;
  const bool guarded = activation.live_scripts.empty();
  const std::string names =
      script_names(guarded ? activation.recorded.scripts : activation.live_scripts);
  if (shell == "/bin/sh") {
    reporter.warning("no bash on this machine: what only bash can run is left out: " + names);
  } else if (!guarded) {
    reporter.warning(fmt::format(
        "written for bash, because these activation scripts run at each start: {}", names));
  } else {
    reporter.warning(fmt::format(
        "written for bash, because these activation scripts may have to run at a start: {}",
        names));
  }
}

WrapperState state_of(const shell::WrapperMark& mark, const std::string& text,
                      const Locations& locations, const LocalSeams& seams) {
  if (!prefix::is_environment(mark.prefix)) return WrapperState::no_environment;
  if (!is_program(fs::path(mark.prefix) / "bin" / mark.program)) return WrapperState::no_program;
  const auto activation =
      activation_for({mark.prefix, mark.environment_name}, ForNode::any, locations, seams);
  if (!activation) return WrapperState::unknown;
  const base::Environment& environment = seams.reader.environment();
  return wrapper_for(*activation, mark.program, environment).text == text ? WrapperState::current
                                                                          : WrapperState::changed;
}

}  // namespace

WrapperText wrapper_for(const shell::Activation& activation, const std::string& program,
                        const base::Environment& environment) {
  shell::Activation held = activation;
  shell::Wrapper wrapper{program, "/bin/sh", std::string(prefix::own_folder),
                         std::string(prefix::record_name)};
  if (!shell::sh_suffices(held)) {
    const auto bash = base::path_exists("/bin/bash") ? std::optional<fs::path>("/bin/bash")
                                                     : base::find_program("bash", environment);
    if (bash) {
      wrapper.shell = bash->string();
    } else {
      held.live_scripts.clear();
      held.recorded.guards.clear();
    }
  }
  return {shell::wrapper_text(held, wrapper), wrapper.shell};
}

Result<WrapAnswer> wrap_programs(const WrapWish& wish, const Locations& locations,
                                 const LocalSeams& seams) {
  HPCENV_TRY(require_other_folder(wish.environment.prefix, wish.folder));
  for (const std::string& program : wish.programs) {
    HPCENV_TRY(require_program(wish.environment.prefix, program));
    HPCENV_TRY(require_place(wish.folder / program, wish.foreign));
  }
  HPCENV_ASSIGN(const shell::Activation activation,
                activation_for(wish.environment, ForNode::any, locations, seams));
  HPCENV_TRY(base::make_directories(wish.folder));
  WrapAnswer answer;
  constexpr mode_t executable = 0777;
  for (const std::string& program : wish.programs) {
    const WrapperText text = wrapper_for(activation, program, seams.reader.environment());
    const fs::path file = wish.folder / program;
    HPCENV_TRY(base::write_file(file, text.text, executable));
    answer.written.push_back({program, file});
    answer.shell = text.shell;
  }
  if (answer.shell != "/bin/sh") answer.live_scripts = activation.live_scripts;
  warn_of_live(activation, answer.shell, seams.reporter);
  return answer;
}

std::string_view name_of(WrapperState state) {
  switch (state) {
    case WrapperState::current:
      return "current";
    case WrapperState::changed:
      return "changed";
    case WrapperState::no_program:
      return "program gone";
    case WrapperState::no_environment:
      return "environment gone";
    case WrapperState::unknown:
      break;
  }
  return "unknown";
}

Result<std::vector<KnownWrapper>> known_wrappers(const fs::path& folder, const Locations& locations,
                                                 const LocalSeams& seams) {
  HPCENV_ASSIGN(const std::vector<std::string> names, base::list_directory(folder));
  std::vector<KnownWrapper> found;
  for (const std::string& name : names) {
    const auto mark = shell::wrapper_mark(beginning_of(folder / name));
    if (!mark) continue;
    HPCENV_ASSIGN(const std::string text, base::read_file(folder / name));
    found.push_back(
        {folder / name, mark->program, mark->prefix, state_of(*mark, text, locations, seams)});
  }
  return found;
}

}  // namespace hpcenv::ops
