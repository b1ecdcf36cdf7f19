#include "cli/activation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/output.hpp"
#include "cli/printable.hpp"
#include "shell/recorded_json.hpp"

namespace hpcenv::cli {
namespace {

using Kind = shell::Operation::Kind;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::string_view declared = "the environment";
constexpr std::size_t widest_value = 60;

std::string maker(const std::string& script, const ActivationReport& report) {
  const auto package = report.packages.find(script);
  return package == report.packages.end() ? script : script + " (" + package->second + ")";
}

std::string makers(const shell::Rule& rule, const ActivationReport& report) {
  std::vector<std::string> names;
  names.reserve(rule.scripts.size());
  for (const std::string& script : rule.scripts) names.push_back(maker(script, report));
  return base::join(names, ", ");
}

std::string shown(const std::string& text) {
  std::string line = base::replace_all(printable(text), "\n", "\\n");
  if (line.size() > widest_value) line = line.substr(0, widest_value - 3) + "...";
  return line;
}

std::string value_text(const shell::Template& value) {
  std::string text;
  for (const shell::Piece& piece : value) {
    const bool literal = piece.kind == shell::Piece::Kind::text;
    text += literal ? piece.text : "$" + piece.text;
  }
  return text;
}

// "unset, empty: /x; set: as it is" where a class does not say it all.
std::string outcomes_text(const shell::Rule& rule) {
  const auto text_of = [](const shell::Outcome& outcome) -> std::string {
    if (outcome.kind == shell::Outcome::Kind::keep) return "as it is";
    return outcome.kind == shell::Outcome::Kind::unset ? "unset" : value_text(outcome.value);
  };
  const std::string unset = text_of(rule.unset);
  const std::string empty = text_of(rule.empty);
  std::string set = text_of(rule.set);
  if (unset == empty && empty == set) return set;
  const std::string by = rule.selector == rule.name ? "" : "by $" + rule.selector + ": ";
  if (unset == empty) return by + "without a value " + unset + ", else " + set;
  return by + "unset " + unset + ", empty " + empty + ", else " + set;
}

std::string rule_text(const shell::Rule& rule) {
  switch (shell::class_of(rule)) {
    case shell::RuleClass::set:
    case shell::RuleClass::standard:
      return value_text(rule.unset.value);
    case shell::RuleClass::unset:
      return "";
    case shell::RuleClass::prepend:
    case shell::RuleClass::append:
      return shell::added_text(rule);
    case shell::RuleClass::other:
      break;
  }
  return outcomes_text(rule);
}

bool is_declared(const shell::Operation& operation) {
  return operation.kind == Kind::set || operation.kind == Kind::prepend;
}

Rows variable_rows(const ActivationReport& report) {
  Rows rows{{"Variable", "How", "Value", "Made by"}};
  for (const shell::Operation& operation : report.known.activation.operations) {
    if (!is_declared(operation)) continue;
    rows.push_back({operation.name, operation.kind == Kind::set ? "set" : "prepend",
                    shown(operation.value), std::string(declared)});
  }
  for (const shell::Rule& rule : report.known.activation.recorded.rules) {
    rows.push_back({rule.name, std::string(name_of(shell::class_of(rule))), shown(rule_text(rule)),
                    makers(rule, report)});
  }
  return rows;
}

std::string class_text(const ops::ScriptVerdict& verdict) {
  switch (verdict.kind) {
    case ops::ScriptClass::recorded:
      return verdict.interactive ? "recorded; functions and the like: in bash and zsh only"
                                 : "recorded";
    case ops::ScriptClass::acts:
      return "recorded; what it does was done once: " + verdict.reason;
    case ops::ScriptClass::node:
      return "recorded for nodes like this one: " + verdict.reason;
    case ops::ScriptClass::live:
      return "live, sourced at each entry: " + verdict.reason;
    case ops::ScriptClass::refused:
      break;
  }
  return "never run: " + verdict.reason;
}

Rows script_rows(const ActivationReport& report) {
  Rows rows{{"Script", "What becomes of it"}};
  if (report.known.record) {
    for (const ops::ScriptVerdict& verdict : report.known.record->scripts) {
      rows.push_back(
          {maker(ops::script_name(verdict.path), report), printable(class_text(verdict))});
    }
    return rows;
  }
  for (const std::string& script : report.known.activation.live_scripts) {
    rows.push_back(
        {maker(ops::script_name(script), report), "live: there was no bash to record it"});
  }
  return rows;
}

std::string guards_text(const std::vector<shell::Guard>& guards) {
  if (guards.empty()) return "";
  std::vector<std::string> words;
  words.reserve(guards.size());
  for (const shell::Guard& guard : guards) {
    words.push_back(fmt::format("{} is {}", guard.name, name_of(guard.state)));
  }
  return fmt::format("\nRecorded for where {}; elsewhere the scripts themselves are sourced.\n",
                     base::join(words, " and "));
}

base::Json operation_to_json(const shell::Operation& operation) {
  base::Json json;
  json["name"] = operation.name;
  json["class"] = operation.kind == Kind::set ? "set" : "prepend";
  json["value"] = operation.value;
  json["scripts"] = base::Json::array();
  return json;
}

base::Json verdict_to_json(const ops::ScriptVerdict& verdict, const ActivationReport& report) {
  base::Json json;
  json["path"] = verdict.path;
  const auto package = report.packages.find(ops::script_name(verdict.path));
  if (package != report.packages.end()) json["package"] = package->second;
  json["class"] = name_of(verdict.kind);
  json["reason"] = verdict.reason;
  json["interactive"] = verdict.interactive;
  return json;
}

}  // namespace

std::string activation_text(const ActivationReport& report) {
  std::string text = table_text(variable_rows(report));
  const Rows scripts = script_rows(report);
  if (scripts.size() > 1) text += "\n" + table_text(scripts);
  text += guards_text(report.known.activation.recorded.guards);
  if (report.known.record) {
    text += "\nRecorded " + base::utc_text(report.known.record->made_at) + " UTC\n";
  }
  return text;
}

base::Json activation_to_json(const ActivationReport& report) {
  base::Json json;
  const shell::Activation& activation = report.known.activation;
  json["recorded_at"] =
      report.known.record ? base::Json(report.known.record->made_at) : base::Json();
  json["variables"] = base::Json::array();
  for (const shell::Operation& operation : activation.operations) {
    if (is_declared(operation)) json["variables"].push_back(operation_to_json(operation));
  }
  const base::Json recorded = shell::recorded_to_json(activation.recorded);
  for (const base::Json& rule : recorded.at("rules")) json["variables"].push_back(rule);
  json["guards"] = recorded.at("guards");
  json["scripts"] = base::Json::array();
  if (report.known.record) {
    for (const ops::ScriptVerdict& verdict : report.known.record->scripts) {
      json["scripts"].push_back(verdict_to_json(verdict, report));
    }
  }
  json["live_scripts"] = activation.live_scripts;
  return json;
}

}  // namespace hpcenv::cli
