// Big or hot JSON that is only read (simdjson): paths.json and conda-meta of an environment have
// some 25 MB. Strict, and about ten times as fast as the tree of base/json.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/json_fwd.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

/// A value inside a JsonDocument, valid as long as that lives; cheap to copy. Texts point into it.
class JsonValue {
 public:
  using Member = std::function<Result<>(std::string_view key, JsonValue value)>;
  using Element = std::function<Result<>(JsonValue value)>;

  bool is_object() const;
  bool is_array() const;
  /// Nothing where the value is of another type.
  std::optional<std::string_view> text() const;
  std::optional<std::int64_t> integer() const;
  std::optional<bool> boolean() const;
  /// The first member of that name; nothing where there is none or this is no object.
  std::optional<JsonValue> find(std::string_view key) const;
  /// In the document's order; the first failure ends it. Of another type: nothing is visited.
  Result<> for_each_member(const Member& member) const;
  Result<> for_each_element(const Element& element) const;
  /// The same value as a tree of its own.
  Json to_json() const;

 private:
  friend class JsonDocument;
  JsonValue() = default;

  // A simdjson element; its header costs a second in each file that sees it.
  struct Access;
  alignas(std::max_align_t) std::array<std::byte, 16> element_{};
};

class JsonDocument {
 public:
  /// Checks the whole text; `name` (a path or url) stands in the message, with line and column.
  /// Kind: refused.
  static Result<JsonDocument> parse(std::string_view text, std::string_view name);

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonValue root() const;

 private:
  struct State;
  explicit JsonDocument(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::base
