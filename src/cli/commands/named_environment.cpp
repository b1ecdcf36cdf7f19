#include "cli/commands/named_environment.hpp"

namespace hpcenv::cli {

Result<ops::EnvironmentRef> named_environment(const Arguments& arguments,
                                              const ops::Locations& locations) {
  return ops::existing_environment(locations, arguments.value("name"), arguments.value("prefix"));
}

Result<prefix::PrefixState> installed_in_named(const Arguments& arguments,
                                               const ops::Locations& locations) {
  HPCENV_ASSIGN(const ops::EnvironmentRef environment, named_environment(arguments, locations));
  return prefix::read_state(environment.prefix, prefix::Detail::without_paths);
}

}  // namespace hpcenv::cli
