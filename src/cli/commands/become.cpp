#include "cli/commands/become.hpp"

#include "base/process.hpp"

namespace hpcenv::cli {

int failed_start(const Error& error, const Session& session) {
  constexpr int not_executable = 126;
  constexpr int not_found = 127;
  session.output().say(fmt::format("error: {}\n", error.message));
  return error.kind == ErrorKind::not_found ? not_found : not_executable;
}

int become(const ops::Started& started, Session& session) {
  for (const std::string& warning : started.warnings) session.reporter().warning(warning);
  session.end_progress();
  return failed_start(base::exec_program(started.argv, started.environment), session);
}

}  // namespace hpcenv::cli
