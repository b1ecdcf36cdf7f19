#include "host/json_members.hpp"
#include "host/system_facts.hpp"

namespace hpcenv::host {

Json system_to_json(const SystemFacts& facts) {
  Json value = {{"container", facts.container}};
  put(value, "locked_bytes", facts.limits.locked_bytes);
  put(value, "open_files", facts.limits.open_files);
  return value;
}

SystemFacts system_from_json(const Json& value) {
  SystemFacts facts;
  facts.container = base::string_or(value, "container");
  facts.limits.locked_bytes = integer_in<std::uint64_t>(value, "locked_bytes");
  facts.limits.open_files = integer_in<std::uint64_t>(value, "open_files");
  return facts;
}

}  // namespace hpcenv::host
