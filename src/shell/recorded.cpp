#include "shell/recorded.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace hpcenv::shell {
namespace {

bool is_literal(const Template& value) {
  return std::ranges::all_of(value,
                             [](const Piece& piece) { return piece.kind == Piece::Kind::text; });
}

bool is_incoming(const Piece& piece, std::string_view name) {
  return piece.kind == Piece::Kind::incoming && piece.text == name;
}

bool sets_literal(const Outcome& outcome) {
  return outcome.kind == Outcome::Kind::set && is_literal(outcome.value);
}

// A literal beside the variable's own value, where it has one.
bool is_affix(const Rule& rule, std::size_t own) {
  const Template& value = rule.set.value;
  return rule.set.kind == Outcome::Kind::set && value.size() == 2 &&
         is_incoming(value.at(own), rule.name) && value.at(1 - own).kind == Piece::Kind::text &&
         (sets_literal(rule.unset) || rule.unset == rule.set);
}

std::string text_of(const Template& value, const base::Environment& incoming) {
  std::string text;
  for (const Piece& piece : value) {
    text += piece.kind == Piece::Kind::text ? piece.text : incoming.get_or(piece.text, "");
  }
  return text;
}

// Whether `value` holds the text of an affix, or all of it that stands where nothing came in.
bool holds_already(const Rule& rule, const std::string& value) {
  const RuleClass kind = class_of(rule);
  if (kind != RuleClass::prepend && kind != RuleClass::append) return false;
  const std::string alone = text_of(rule.unset.value, {});
  return (!alone.empty() && value == alone) || value.find(added_text(rule)) != std::string::npos;
}

std::set<std::string> names_read(const Rule& rule) {
  std::set<std::string> names{rule.selector};
  for (const Outcome* outcome : {&rule.unset, &rule.empty, &rule.set}) {
    for (const Piece& piece : outcome->value) {
      if (piece.kind == Piece::Kind::incoming) names.insert(piece.text);
    }
  }
  return names;
}

}  // namespace

Incoming state_of(const base::Environment& environment, std::string_view name) {
  const auto value = environment.get(name);
  if (!value) return Incoming::unset;
  return value->empty() ? Incoming::empty : Incoming::set;
}

std::string_view name_of(Incoming state) {
  if (state == Incoming::unset) return "unset";
  return state == Incoming::empty ? "empty" : "set";
}

const Outcome& Rule::outcome(Incoming state) const {
  if (state == Incoming::unset) return unset;
  return state == Incoming::empty ? empty : set;
}

RuleClass class_of(const Rule& rule) {
  using Kind = Outcome::Kind;
  const bool always = rule.unset == rule.set && rule.empty == rule.set;
  if (always && rule.set.kind == Kind::unset) return RuleClass::unset;
  if (always && sets_literal(rule.set)) return RuleClass::set;
  if (rule.selector != rule.name) return RuleClass::other;
  if (rule.set.kind == Kind::keep && sets_literal(rule.unset)) {
    return rule.empty.kind == Kind::keep || rule.empty == rule.unset ? RuleClass::standard
                                                                     : RuleClass::other;
  }
  if (is_affix(rule, 1)) return RuleClass::prepend;
  return is_affix(rule, 0) ? RuleClass::append : RuleClass::other;
}

std::string_view name_of(RuleClass kind) {
  switch (kind) {
    case RuleClass::set:
      return "set";
    case RuleClass::unset:
      return "unset";
    case RuleClass::standard:
      return "default";
    case RuleClass::prepend:
      return "prepend";
    case RuleClass::append:
      return "append";
    case RuleClass::other:
      break;
  }
  return "template";
}

std::string added_text(const Rule& rule) {
  for (const Piece& piece : rule.set.value) {
    if (piece.kind == Piece::Kind::text) return piece.text;
  }
  return "";
}

std::vector<Guard> broken_guards(const Recorded& recorded, const base::Environment& incoming) {
  std::vector<Guard> broken;
  std::ranges::copy_if(recorded.guards, std::back_inserter(broken), [&](const Guard& guard) {
    return state_of(incoming, guard.name) != guard.state;
  });
  return broken;
}

base::Environment apply_rules(const std::vector<Rule>& rules, const base::Environment& incoming) {
  base::Environment environment = incoming;
  for (const Rule& rule : rules) {
    const Outcome& outcome = rule.outcome(state_of(incoming, rule.selector));
    if (outcome.kind == Outcome::Kind::keep) continue;
    if (outcome.kind == Outcome::Kind::unset) {
      environment.unset(rule.name);
    } else if (!holds_already(rule, incoming.get_or(rule.name, ""))) {
      environment.set(rule.name, text_of(outcome.value, incoming));
    }
  }
  return environment;
}

bool is_a_jobs_choice(std::string_view name) {
  constexpr std::array<std::string_view, 8> names = {
      "CUDA_VISIBLE_DEVICES",   "MKL_NUM_THREADS",  "NUMEXPR_NUM_THREADS",
      "OMP_NUM_THREADS",        "OMP_PROC_BIND",    "OPENBLAS_NUM_THREADS",
      "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"};
  return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> overridden_choices(const std::vector<Rule>& rules,
                                            const base::Environment& incoming) {
  const base::Environment after = apply_rules(rules, incoming);
  std::vector<std::string> names;
  for (const Rule& rule : rules) {
    const bool chosen = is_a_jobs_choice(rule.name) && !incoming.get_or(rule.name, "").empty();
    if (chosen && after.get(rule.name) != incoming.get(rule.name)) names.push_back(rule.name);
  }
  return names;
}

std::vector<std::string> read_after_write(const std::vector<Rule>& rules) {
  std::set<std::string> names;
  for (const Rule& writer : rules) {
    for (const Rule& reader : rules) {
      if (&reader != &writer && names_read(reader).contains(writer.name)) {
        names.insert(writer.name);
      }
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace hpcenv::shell
