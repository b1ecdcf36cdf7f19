#include <unistd.h>

#include <string>
#include <vector>

#include "base/environment.hpp"
#include "base/interrupt.hpp"
#include "base/parallel.hpp"
#include "cli/program.hpp"

int main(int argc, char** argv) {
  hpcenv::base::watch_interrupts();
  hpcenv::base::spare_address_space();
  const auto environment = hpcenv::base::Environment::from_block(environ);
  return hpcenv::cli::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc),
                                  environment);
}
