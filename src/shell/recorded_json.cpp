#include "shell/recorded_json.hpp"

#include <optional>

#include "base/hex.hpp"
#include "base/json.hpp"

namespace hpcenv::shell {
namespace {

using base::Json;

Json text_to_json(const char* member, const std::string& text) {
  Json json;
  if (base::is_utf8(text)) {
    json[member] = text;
  } else {
    json["hex"] = base::hex_of(text);
  }
  return json;
}

Error damaged(std::string_view what) {
  return Error{ErrorKind::refused, fmt::format("the record has no usable {}", what), {}, {}};
}

Result<Piece> piece_from_json(const Json& json) {
  Piece piece;
  if (json.is_object() && json.contains("hex")) {
    piece.text = base::bytes_of(base::string_or(json, "hex"));
  } else if (json.is_object() && json.contains("incoming")) {
    piece.kind = Piece::Kind::incoming;
    piece.text = base::string_or(json, "incoming");
  } else if (json.is_object() && json.contains("text")) {
    piece.text = base::string_or(json, "text");
  } else {
    return Failure(damaged("piece of a value"));
  }
  return piece;
}

Result<Outcome> outcome_from_json(const Json& rule, const char* state) {
  Outcome outcome;
  const auto found = rule.find(state);
  if (found == rule.end()) return Failure(damaged("outcome"));
  if (*found == "keep") return outcome;
  if (*found == "unset") {
    outcome.kind = Outcome::Kind::unset;
    return outcome;
  }
  if (!found->is_array()) return Failure(damaged("outcome"));
  outcome.kind = Outcome::Kind::set;
  for (const Json& json : *found) {
    HPCENV_ASSIGN(Piece piece, piece_from_json(json));
    outcome.value.push_back(std::move(piece));
  }
  return outcome;
}

Result<Rule> rule_from_json(const Json& json) {
  Rule rule;
  rule.name = base::string_or(json, "name");
  rule.selector = base::string_or(json, "selector", rule.name);
  if (rule.name.empty()) return Failure(damaged("name of a rule"));
  HPCENV_ASSIGN(rule.unset, outcome_from_json(json, "unset"));
  HPCENV_ASSIGN(rule.empty, outcome_from_json(json, "empty"));
  HPCENV_ASSIGN(rule.set, outcome_from_json(json, "set"));
  rule.scripts = base::strings_or_empty(json, "scripts");
  return rule;
}

Json rule_to_json(const Rule& rule) {
  Json json;
  json["name"] = rule.name;
  json["class"] = name_of(class_of(rule));
  if (rule.selector != rule.name) json["selector"] = rule.selector;
  json["unset"] = outcome_to_json(rule.unset);
  json["empty"] = outcome_to_json(rule.empty);
  json["set"] = outcome_to_json(rule.set);
  json["scripts"] = rule.scripts;
  return json;
}

std::optional<Incoming> state_named(std::string_view name) {
  for (const Incoming state : {Incoming::unset, Incoming::empty, Incoming::set}) {
    if (name_of(state) == name) return state;
  }
  return std::nullopt;
}

const Json& member(const Json& json, const char* name) {
  static const Json nothing = Json::array();
  const auto found = json.find(name);
  return found == json.end() || !found->is_array() ? nothing : *found;
}

}  // namespace

Json outcome_to_json(const Outcome& outcome) {
  if (outcome.kind == Outcome::Kind::keep) return "keep";
  if (outcome.kind == Outcome::Kind::unset) return "unset";
  Json pieces = Json::array();
  for (const Piece& piece : outcome.value) {
    const bool literal = piece.kind == Piece::Kind::text;
    pieces.push_back(text_to_json(literal ? "text" : "incoming", piece.text));
  }
  return pieces;
}

Json recorded_to_json(const Recorded& recorded) {
  Json json;
  json["scripts"] = recorded.scripts;
  json["rules"] = Json::array();
  for (const Rule& rule : recorded.rules) json["rules"].push_back(rule_to_json(rule));
  json["guards"] = Json::array();
  for (const Guard& guard : recorded.guards) {
    json["guards"].push_back({{"name", guard.name}, {"state", name_of(guard.state)}});
  }
  return json;
}

Result<Recorded> recorded_from_json(const Json& json) {
  Recorded recorded;
  if (!json.is_object()) return Failure(damaged("rules"));
  recorded.scripts = base::strings_or_empty(json, "scripts");
  for (const Json& one : member(json, "rules")) {
    HPCENV_ASSIGN(Rule rule, rule_from_json(one));
    recorded.rules.push_back(std::move(rule));
  }
  for (const Json& one : member(json, "guards")) {
    const auto state = state_named(base::string_or(one, "state"));
    if (!state) return Failure(damaged("guard"));
    recorded.guards.push_back({base::string_or(one, "name"), *state});
  }
  return recorded;
}

}  // namespace hpcenv::shell
