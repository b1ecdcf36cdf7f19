#include "ops/subshell.hpp"

#include "base/fs.hpp"
#include "base/process.hpp"
#include "shell/activation.hpp"

namespace hpcenv::ops {
namespace {

constexpr mode_t private_mode = 0600;

/// The first that takes a folder; where none does, the failure of the last.
Result<std::filesystem::path> private_folder(const base::Environment& now) {
  Result<std::filesystem::path> made =
      fail(ErrorKind::io, "there is no folder for temporary files");
  for (const std::string& parent :
       {now.get_or("TMPDIR", ""), now.get_or("XDG_RUNTIME_DIR", ""), std::string("/tmp")}) {
    if (!parent.starts_with('/')) continue;
    made = base::make_private_directory(parent, "hpcenv-shell-");
    if (made) return made;
  }
  return Failure(
      with_hint(std::move(made).error(), "set TMPDIR to a folder that you can write to"));
}

Result<> write_files(const std::filesystem::path& folder, const shell::Subshell& start) {
  for (const auto& [name, text] : start.files) {
    HPCENV_TRY(base::write_file(folder / name, text, private_mode));
  }
  return {};
}

std::vector<std::string> activate_options(const SubshellRequest& request) {
  std::vector<std::string> words;
  if (request.wish.stacking == shell::Stacking::stack) words.emplace_back("--stack");
  words.insert(words.end(), request.settings.begin(), request.settings.end());
  return words;
}

}  // namespace

Result<PreparedSubshell> prepare_subshell(const Locations& locations,
                                          const SubshellRequest& request,
                                          const base::Environment& now, const LocalSeams& seams) {
  // A shell that can activate by itself asks again, and then says what there is to say.
  const bool by_lines = shell::is_csh(request.wish.dialect);
  base::NullReporter nobody;
  const LocalSeams silent{seams.reader, seams.runner, nobody, seams.clock};
  HPCENV_ASSIGN(const std::string lines, enter_lines(locations, request.environment, now,
                                                     request.wish, by_lines ? seams : silent));
  HPCENV_ASSIGN(const std::filesystem::path folder, private_folder(now));
  shell::SubshellWish wish{request.wish.dialect,      request.input,
                           request.shell.string(),    folder.string(),
                           request.program.string(),  request.environment.prefix.string(),
                           activate_options(request), by_lines ? lines : std::string()};
  PreparedSubshell prepared{folder, shell::subshell(wish, now)};
  if (auto written = write_files(folder, prepared.start); !written) {
    (void)base::remove_tree(folder);
    return Failure(std::move(written).error());
  }
  return prepared;
}

Result<std::filesystem::path> file_to_enter_again(const Locations& locations,
                                                  const EnvironmentRef& environment,
                                                  const base::Environment& now,
                                                  const ShellWish& wish, const LocalSeams& seams) {
  HPCENV_ASSIGN(const std::string lines, enter_lines(locations, environment, now, wish, seams));
  HPCENV_ASSIGN(const std::filesystem::path folder, private_folder(now));
  const std::string text =
      fmt::format("\\rm -rf {}\nunsetenv {}\n{}", shell::quote_csh(folder.string()),
                  shell::subshell_prefix, lines);
  std::filesystem::path file = folder / "enter.csh";
  if (auto written = base::write_file(file, text, private_mode); !written) {
    (void)base::remove_tree(folder);
    return Failure(std::move(written).error());
  }
  return file;
}

Error become(const PreparedSubshell& prepared) {
  Error error = base::exec_program(prepared.start.argv, prepared.start.environment);
  (void)base::remove_tree(prepared.folder);
  return error;
}

}  // namespace hpcenv::ops
