#include "base/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::base {

namespace {

constexpr std::size_t depth_limit = 128;
/// Values that a document may hold after its aliases are expanded.
constexpr std::size_t value_limit = 300'000;

std::size_t count_values(const Json& value) {
  std::size_t count = 1;
  for (const Json& item : value) {
    if (value.is_structured()) count += count_values(item);
  }
  return count;
}

/// Builds the tree from yaml-cpp's events. Its Node tree is not used: that keeps only the last of
/// two equal keys and shares aliased nodes without bound. What is wrong stops the parser with an
/// exception, which never leaves this file.
class TreeBuilder final : public YAML::EventHandler {
 public:
  struct Stop {
    YAML::Mark mark;
    std::string reason;
  };

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, nullptr);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // A plain scalar has the tag "?", a quoted one "!"; only plain words mean null.
    const bool null = tag == "?" && (value.empty() || value == "~" || value == "null" ||
                                     value == "Null" || value == "NULL");
    add(mark, anchor, null ? Json(nullptr) : Json(value));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Stop{mark, "an alias to a value that is not finished"};
    values_ += count_values(found->second);
    add(mark, 0, found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::array());
  }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::object());
  }

  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  Json take() { return root_.has_value() ? std::move(*root_) : Json(nullptr); }

 private:
  struct Level {
    YAML::Mark mark;
    YAML::anchor_t anchor;
    Json value;
    std::optional<std::string> key;
  };

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    if (levels_.size() == depth_limit) throw Stop{mark, "nested too deep"};
    ++values_;
    levels_.push_back({mark, anchor, std::move(value), std::nullopt});
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    add(level.mark, level.anchor, std::move(level.value));
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    ++values_;
    if (anchor != 0) {
      values_ += count_values(value);
      anchors_.insert_or_assign(anchor, value);
    }
    if (values_ > value_limit) throw Stop{mark, "too large once its aliases are expanded"};
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (!level.key.has_value()) {
      take_key(mark, level, value);
    } else {
      level.value[*std::exchange(level.key, std::nullopt)] = std::move(value);
    }
  }

  static void take_key(const YAML::Mark& mark, Level& level, const Json& value) {
    if (!value.is_string()) throw Stop{mark, "a key has to be a word"};
    auto key = value.get<std::string>();
    if (level.value.contains(key))
      throw Stop{mark, fmt::format("the key \"{}\" stands twice", key)};
    level.key = std::move(key);
  }

  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Json> anchors_;
  std::optional<Json> root_;
  std::size_t values_ = 0;  ///< made so far, copies for anchors and aliases included
};

Failure refuse(std::string_view name, const YAML::Mark& mark, std::string_view reason) {
  return fail(ErrorKind::refused, "{}:{}:{}: {}", name, mark.line + 1, mark.column + 1, reason);
}

/// Words that one of the two versions takes for a boolean or null.
bool is_reserved(std::string_view text) {
  constexpr auto words = std::to_array<std::string_view>(
      {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "~"});
  const std::string word = to_lower(text);
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Letters first, then what no version gives a meaning inside a word: numbers, dates and times,
/// which start with a digit, sign or dot, are quoted.
bool is_plain(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty()) return false;
  const char first = text.front();
  if (!letter(first) && first != '_' && first != '/') return false;
  if (text.back() == ':') return false;
  const bool known = std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || std::string_view("_-.+/=:@~").contains(c);
  });
  return known && !is_reserved(text);
}

}  // namespace

std::string yaml_scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  // What JSON writes in quotes YAML reads the same.
  std::string quoted = dump_json_line(Json(text));
  while (quoted.ends_with('\n')) quoted.pop_back();
  return quoted;
}

Result<Json> parse_yaml(std::string_view text, std::string_view name) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    if (TreeBuilder second; parser.HandleNextDocument(second)) {
      return fail(ErrorKind::refused, "{}: holds more than one document", name);
    }
    return builder.take();
  } catch (const TreeBuilder::Stop& stop) {
    return refuse(name, stop.mark, stop.reason);
  } catch (const YAML::Exception& error) {
    return refuse(name, error.mark, fmt::format("not valid YAML: {}", error.msg));
  } catch (const std::exception& error) {
    return fail(ErrorKind::refused, "{}: not valid YAML: {}", name, error.what());
  }
}

}  // namespace hpcenv::base
