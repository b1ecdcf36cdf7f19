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

// The list without the elements `first`, which end in ':'.
std::string without_elements(const std::string& list, const std::string& first) {
  std::string rest = ":" + list + ":";
  const std::string mark = ":" + first;
  for (std::size_t at = rest.find(mark); at != std::string::npos; at = rest.find(mark)) {
    rest.erase(at, first.size());
  }
  return rest.size() < 2 ? "" : rest.substr(1, rest.size() - 2);
}

bool matches(const OwnText& text, const std::string& value) {
  if (!text.alone.empty() && value == text.alone) return true;
  if (text.separator != 0) return padded(text, value).find(padded(text)) != std::string::npos;
  return value.size() >= text.before.size() + text.after.size() && value.starts_with(text.before) &&
         value.ends_with(text.after);
}

// Whether what a rule adds is there already, as its script would have put it.
bool holds_already(const Rule& rule, const std::string& value) {
  const auto text = own_text(rule);
  return text && matches(*text, value);
}

// What a variable becomes by an outcome that sets it.
std::string value_after(const Rule& rule, const Outcome& outcome,
                        const base::Environment& incoming) {
  const std::string value = incoming.get_or(rule.name, "");
  if (is_list_prepend(rule) && !value.empty()) {
    const std::string rest = without_elements(value, added_text(rule));
    base::Environment shorter = incoming;
    shorter.set(rule.name, rest);
    const Outcome& chosen = rest.empty() ? rule.empty : outcome;
    return chosen.kind == Outcome::Kind::set ? text_of(chosen.value, shorter) : value;
  }
  return holds_already(rule, value) ? value : text_of(outcome.value, incoming);
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

std::optional<OwnText> own_text(const Rule& rule) {
  if (rule.set.kind != Outcome::Kind::set || rule.selector != rule.name) return std::nullopt;
  OwnText text;
  bool seen = false;
  for (const Piece& piece : rule.set.value) {
    if (piece.kind == Piece::Kind::text) {
      (seen ? text.after : text.before) += piece.text;
    } else if (seen || piece.text != rule.name) {
      return std::nullopt;
    } else {
      seen = true;
    }
  }
  if (!seen || (text.before.empty() && text.after.empty())) return std::nullopt;
  const char inner = text.before.empty() ? text.after.front() : text.before.back();
  const bool one_sided = text.before.empty() || text.after.empty();
  constexpr std::string_view separators = " :;,\t\n";
  if (one_sided && separators.find(inner) != std::string_view::npos) text.separator = inner;
  if (sets_literal(rule.unset)) text.alone = text_of(rule.unset.value, {});
  return text;
}

std::string separator_of(const OwnText& text) {
  return text.separator == 0 ? "" : std::string(1, text.separator);
}

std::string padded(const OwnText& text, const std::string& value) {
  return text.before.empty() ? value + text.separator : text.separator + value;
}

std::string padded(const OwnText& text) { return padded(text, text.before + text.after); }

std::optional<std::string> literal_default(const Rule& rule) {
  if (!sets_literal(rule.unset)) return std::nullopt;
  return text_of(rule.unset.value, {});
}

bool is_list_prepend(const Rule& rule) {
  return class_of(rule) == RuleClass::prepend && added_text(rule).ends_with(':');
}

std::vector<Guard> broken_guards(const Recorded& recorded, const base::Environment& incoming) {
  std::vector<Guard> broken;
  for (const Guard& guard : recorded.guards) {
    if (state_of(incoming, guard.name) == guard.state) continue;
    const auto rule = std::ranges::find(recorded.rules, guard.name, &Rule::name);
    const auto own = rule == recorded.rules.end() ? std::nullopt : literal_default(*rule);
    const bool is_own = guard.state == Incoming::unset && own && incoming.get(guard.name) == own;
    if (!is_own) broken.push_back(guard);
  }
  return broken;
}

base::Environment apply_rules(const std::vector<Rule>& rules, const base::Environment& incoming) {
  base::Environment environment = incoming;
  for (const Rule& rule : rules) {
    const Outcome& outcome = rule.outcome(state_of(incoming, rule.selector));
    if (outcome.kind == Outcome::Kind::keep) continue;
    if (outcome.kind == Outcome::Kind::unset) {
      environment.unset(rule.name);
    } else {
      environment.set(rule.name, value_after(rule, outcome, incoming));
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
