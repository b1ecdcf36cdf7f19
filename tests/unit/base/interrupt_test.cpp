#include "base/interrupt.hpp"

#include <catch2/catch_test_macros.hpp>
#include <csignal>

using namespace hpcenv;
using namespace hpcenv::base;

TEST_CASE("a signal sets the flag, and its kind tells which") {
  watch_interrupts();
  CHECK(check_interrupt().has_value());
  std::raise(SIGTERM);
  CHECK(interrupt_signal() == SIGTERM);
  CHECK(check_interrupt().error().kind == ErrorKind::terminated);
  set_interrupt(SIGINT);
  CHECK(check_interrupt().error().kind == ErrorKind::interrupted);
  set_interrupt(0);
  CHECK(check_interrupt().has_value());
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
}
