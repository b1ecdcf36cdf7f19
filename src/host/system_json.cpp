#include <utility>

#include "host/json_members.hpp"
#include "host/system_facts.hpp"

namespace hpcenv::host {

namespace {

constexpr const char* unlimited = "unlimited";

constexpr std::pair<const char*, std::optional<Limit> LimitFacts::*> limit_names[] = {
    {"locked_bytes", &LimitFacts::locked_bytes}, {"open_files", &LimitFacts::open_files},
    {"processes", &LimitFacts::processes},       {"stack_bytes", &LimitFacts::stack_bytes},
    {"core_bytes", &LimitFacts::core_bytes},     {"address_bytes", &LimitFacts::address_bytes},
};

Json amount_to_json(const std::optional<std::uint64_t>& amount) {
  return amount ? Json(*amount) : Json(unlimited);
}

/// False where the member is neither a number nor "unlimited".
bool read_amount(const Json& value, const char* key, std::optional<std::uint64_t>& amount) {
  const auto found = value.find(key);
  if (found == value.end()) return false;
  if (found->is_number_unsigned()) {
    amount = found->get<std::uint64_t>();
    return true;
  }
  return *found == unlimited;
}

Json limits_to_json(const LimitFacts& limits) {
  Json value = Json::object();
  for (const auto& [name, member] : limit_names) {
    const std::optional<Limit>& limit = limits.*member;
    if (!limit) continue;
    value[name] = {{"soft", amount_to_json(limit->soft)}, {"hard", amount_to_json(limit->hard)}};
  }
  return value;
}

LimitFacts limits_from_json(const Json& value) {
  LimitFacts limits;
  for (const auto& [name, member] : limit_names) {
    const Json pair = object_in(value, name);
    Limit limit;
    if (read_amount(pair, "soft", limit.soft) && read_amount(pair, "hard", limit.hard)) {
      limits.*member = limit;
    }
  }
  return limits;
}

void put_room(Json& object, const char* key, const std::optional<RoomFacts>& room) {
  if (!room) return;
  object[key] = {{"total_bytes", room->total_bytes}, {"free_bytes", room->free_bytes}};
}

std::optional<RoomFacts> room_in(const Json& object, const char* key) {
  const Json value = object_in(object, key);
  if (value.empty()) return std::nullopt;
  return RoomFacts{bytes_in(value, "total_bytes"), bytes_in(value, "free_bytes")};
}

}  // namespace

Json system_to_json(const SystemFacts& facts) {
  Json value = {{"container", facts.container},
                {"ca_bundle", facts.ca_bundle},
                {"c_library", facts.c_library},
                {"infiniband", facts.infiniband},
                {"limits", limits_to_json(facts.limits)}};
  put_room(value, "shared_memory", facts.shared_memory);
  put_room(value, "temporary", facts.temporary);
  put(value, "user_namespaces", facts.user_namespaces);
  put(value, "memfd_noexec", facts.memfd_noexec);
  put(value, "seccomp", facts.seccomp);
  return value;
}

SystemFacts system_from_json(const Json& value) {
  SystemFacts facts;
  facts.container = base::string_or(value, "container");
  facts.c_library = base::string_or(value, "c_library");
  facts.ca_bundle = base::string_or(value, "ca_bundle");
  facts.infiniband = flag_in(value, "infiniband");
  facts.limits = limits_from_json(object_in(value, "limits"));
  facts.shared_memory = room_in(value, "shared_memory");
  facts.temporary = room_in(value, "temporary");
  if (const auto found = value.find("user_namespaces");
      found != value.end() && found->is_boolean()) {
    facts.user_namespaces = found->get<bool>();
  }
  facts.memfd_noexec = integer_in<int>(value, "memfd_noexec");
  facts.seccomp = integer_in<int>(value, "seccomp");
  return facts;
}

}  // namespace hpcenv::host
