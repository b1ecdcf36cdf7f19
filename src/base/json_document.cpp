#include "base/json_document.hpp"

#include <simdjson.h>

#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "base/json.hpp"

namespace hpcenv::base {

namespace {

namespace dom = simdjson::dom;

constexpr std::size_t depth_limit = 512;

Json tree_of(const dom::element& element);

Json object_of(const dom::object& object) {
  Json json = Json::object();
  for (const auto [key, value] : object) json.emplace(std::string(key), tree_of(value));
  return json;
}

Json array_of(const dom::array& array) {
  Json json = Json::array();
  for (const dom::element element : array) json.push_back(tree_of(element));
  return json;
}

Json tree_of(const dom::element& element) {
  switch (element.type()) {
    case dom::element_type::ARRAY:
      return array_of(element.get_array().value_unsafe());
    case dom::element_type::OBJECT:
      return object_of(element.get_object().value_unsafe());
    case dom::element_type::INT64:
      return element.get_int64().value_unsafe();
    case dom::element_type::UINT64:
      return element.get_uint64().value_unsafe();
    case dom::element_type::DOUBLE:
      return element.get_double().value_unsafe();
    case dom::element_type::STRING:
      return std::string(element.get_string().value_unsafe());
    case dom::element_type::BOOL:
      return element.get_bool().value_unsafe();
    default:
      return nullptr;
  }
}

}  // namespace

struct JsonValue::Access {
  static_assert(sizeof(dom::element) <= sizeof(JsonValue::element_));
  static_assert(std::is_trivially_copyable_v<dom::element>);

  static JsonValue wrap(const dom::element& element) {
    JsonValue value;
    std::memcpy(value.element_.data(), &element, sizeof(element));
    return value;
  }

  static dom::element unwrap(const JsonValue& value) {
    dom::element element;
    std::memcpy(&element, value.element_.data(), sizeof(element));
    return element;
  }
};

bool JsonValue::is_object() const { return Access::unwrap(*this).is_object(); }
bool JsonValue::is_array() const { return Access::unwrap(*this).is_array(); }

std::optional<std::string_view> JsonValue::text() const {
  std::string_view text;
  if (Access::unwrap(*this).get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<std::int64_t> JsonValue::integer() const {
  std::int64_t number = 0;
  if (Access::unwrap(*this).get_int64().get(number) != simdjson::SUCCESS) return std::nullopt;
  return number;
}

std::optional<bool> JsonValue::boolean() const {
  bool truth = false;
  if (Access::unwrap(*this).get_bool().get(truth) != simdjson::SUCCESS) return std::nullopt;
  return truth;
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  const dom::element element = Access::unwrap(*this);
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  for (const auto [name, value] : object) {
    if (name == key) return Access::wrap(value);
  }
  return std::nullopt;
}

Result<> JsonValue::for_each_member(const Member& member) const {
  const dom::element element = Access::unwrap(*this);
  dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) return {};
  for (const auto [key, value] : object) {
    HPCENV_TRY(member(key, Access::wrap(value)));
  }
  return {};
}

Result<> JsonValue::for_each_element(const Element& element) const {
  const dom::element self = Access::unwrap(*this);
  dom::array array;
  if (self.get_array().get(array) != simdjson::SUCCESS) return {};
  for (const dom::element value : array) {
    HPCENV_TRY(element(Access::wrap(value)));
  }
  return {};
}

Json JsonValue::to_json() const { return tree_of(Access::unwrap(*this)); }

struct JsonDocument::State {
  dom::parser parser;
  JsonValue root = {};
};

JsonDocument::JsonDocument(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonValue JsonDocument::root() const { return state_->root; }

Result<JsonDocument> JsonDocument::parse(std::string_view text, std::string_view name) {
  auto state = std::make_unique<State>();
  dom::element root;
  const bool has_room = state->parser.allocate(text.size(), depth_limit) == simdjson::SUCCESS;
  if (!has_room ||
      state->parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS) {
    // The slower reader knows line, column and reason.
    HPCENV_TRY(parse_json(text, name));
    return fail(ErrorKind::refused, "{}: not JSON that can be read: a number is too large", name);
  }
  state->root = JsonValue::Access::wrap(root);
  return JsonDocument(std::move(state));
}

}  // namespace hpcenv::base
