#include "base/fault.hpp"

#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "base/process.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;

#ifdef HPCENV_FAULTS

TEST_CASE("passes three points", "[.fault_child]") {
  base::fault_point("first");
  base::fault_point("second");
  base::fault_point("third");
}

TEST_CASE("the process dies at the point that was asked for, and the log names those passed") {
  const test::TemporaryDirectory directory;
  const std::string log = directory / "log";
  base::ProcessRequest request;
  // A process of its own: the variables are read at the first point that a process passes.
  request.argv = {"/proc/self/exe", "[.fault_child]"};
  request.environment.set("HPCENV_FAULT_LOG", log);
  const auto runner = base::make_process_runner();
  CHECK(runner->run(request).value().succeeded());
  CHECK(test::text_of(log) == "first\nsecond\nthird\n");

  request.environment.set("HPCENV_FAULT_KILL", "2");
  const base::ProcessResult killed = runner->run(request).value();
  CHECK(killed.end == base::ProcessResult::End::signalled);
  CHECK(killed.code == SIGKILL);
  CHECK(test::text_of(log) == "first\nsecond\nthird\nfirst\nsecond\n");
}

#endif
