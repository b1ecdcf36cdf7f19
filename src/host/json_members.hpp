// Members of a JSON object that may be missing or of another type, for the facts of a profile.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace hpcenv::host {

using base::Json;

template <class T>
void put(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

template <class T>
std::optional<T> integer_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  const auto value = found->get<std::int64_t>();
  if (!std::in_range<T>(value)) return std::nullopt;
  return static_cast<T>(value);
}

/// An array's integers of that type; what is none is left out.
template <class T>
std::vector<T> integers_in(const Json& object, const char* key) {
  std::vector<T> numbers;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return numbers;
  for (const Json& member : *found) {
    if (!member.is_number_integer()) continue;
    const auto number = member.get<std::int64_t>();
    if (std::in_range<T>(number)) numbers.push_back(static_cast<T>(number));
  }
  return numbers;
}

inline std::uint64_t bytes_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool usable = found != object.end() && found->is_number_unsigned();
  return usable ? found->get<std::uint64_t>() : 0;
}

inline bool flag_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// An array's objects; empty where the member is missing or something else.
inline std::vector<const Json*> objects_in(const Json& object, const char* key) {
  std::vector<const Json*> members;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return members;
  for (const Json& member : *found) {
    if (member.is_object()) members.push_back(&member);
  }
  return members;
}

inline Json object_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

}  // namespace hpcenv::host
