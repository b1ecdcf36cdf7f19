#include "shell/derive.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::shell {
namespace {

/// Shorter values stand in others by chance.
constexpr std::size_t shortest_reference = 6;

// What came in, longest value first: a value may hold another's.
std::vector<std::pair<std::string, std::string>> references(const base::Environment& before,
                                                            const std::set<std::string>& varied) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& [name, value] : before.all()) {
    if (varied.contains(name) && value.size() >= shortest_reference) {
      values.emplace_back(value, name);
    }
  }
  std::ranges::sort(values, [](const auto& a, const auto& b) {
    return a.first.size() != b.first.size() ? a.first.size() > b.first.size() : a < b;
  });
  return values;
}

void add_text(Template& value, std::string_view text) {
  if (text.empty()) return;
  if (!value.empty() && value.back().kind == Piece::Kind::text) {
    value.back().text += text;
  } else {
    value.push_back({Piece::Kind::text, std::string(text)});
  }
}

Template template_of(std::string_view value,
                     const std::vector<std::pair<std::string, std::string>>& known) {
  Template found;
  while (!value.empty()) {
    const auto hit = std::ranges::find_if(
        known, [&](const auto& reference) { return value.starts_with(reference.first); });
    if (hit == known.end()) {
      add_text(found, value.substr(0, 1));
      value.remove_prefix(1);
    } else {
      found.push_back({Piece::Kind::incoming, hit->second});
      value.remove_prefix(hit->first.size());
    }
  }
  return found;
}

Outcome outcome_of(const std::string& name, const Observation& seen,
                   const std::set<std::string>& varied) {
  const auto before = seen.before.get(name);
  const auto after = seen.after.get(name);
  if (before == after) return {};
  if (!after) return {Outcome::Kind::unset, {}};
  return {Outcome::Kind::set, template_of(*after, references(seen.before, varied))};
}

bool is_kept(const Outcome& outcome) { return outcome.kind == Outcome::Kind::keep; }

// What looks like keeping is the same thing said shorter where the other states agree.
void complete(Rule& rule) {
  using Kind = Outcome::Kind;
  if (is_kept(rule.unset) && rule.empty.kind == Kind::unset && rule.set.kind == Kind::unset) {
    rule.unset = rule.set;
  }
  const Outcome emptied{Kind::set, {}};
  if (is_kept(rule.empty) && rule.unset == emptied && rule.set == emptied) rule.empty = emptied;
}

bool mentions(const Template& value, const std::string& name) {
  return std::ranges::find(value, Piece{Piece::Kind::incoming, name}) != value.end();
}

// Where other variables are referred to, "" stands for those that are not there: one template says
// all three states.
void unify(Rule& rule, const Observations& seen) {
  if (rule.set.kind != Outcome::Kind::set || mentions(rule.set.value, rule.name)) return;
  const Rule same{rule.name, rule.name, rule.set, rule.set, rule.set, {}};
  const auto explains = [&](const Observation& one) {
    return apply_rules({same}, one.before).get(rule.name) == one.after.get(rule.name);
  };
  if (explains(seen.unset) && explains(seen.empty)) rule = same;
}

bool changes(const Rule& rule) {
  return !is_kept(rule.unset) || !is_kept(rule.empty) || !is_kept(rule.set);
}

std::set<std::string> changed_names(const Observations& seen) {
  std::set<std::string> names;
  for (const Observation* one : {&seen.unset, &seen.empty, &seen.set}) {
    for (const auto& [name, value] : one->before.all()) names.insert(name);
    for (const auto& [name, value] : one->after.all()) names.insert(name);
  }
  return names;
}

// Holds nothing but what another variable was, which the scripts write too.
bool is_backup(const Rule& rule, const std::set<std::string>& written) {
  const Template& value = rule.set.value;
  return rule.set.kind == Outcome::Kind::set && value.size() == 1 &&
         value.front().kind == Piece::Kind::incoming && value.front().text != rule.name &&
         written.contains(value.front().text);
}

std::size_t misses(const Rule& rule, std::span<const Observation> more) {
  std::size_t count = 0;
  for (const Observation& seen : more) {
    const auto said = apply_rules({rule}, seen.before).get(rule.name);
    if (said != seen.after.get(rule.name)) ++count;
  }
  return count;
}

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view name_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_name_byte(text[end])) ++end;
  return text.substr(at, end - at);
}

}  // namespace

Derived derive_rules(const Observations& seen, const std::set<std::string>& varied) {
  Derived derived;
  std::set<std::string> written;
  for (const std::string& name : changed_names(seen)) {
    if (is_of_no_interest(name)) continue;
    Rule rule;
    rule.name = name;
    rule.selector = name;
    rule.unset = outcome_of(name, seen.unset, varied);
    rule.empty = outcome_of(name, seen.empty, varied);
    rule.set = outcome_of(name, seen.set, varied);
    if (!changes(rule)) continue;
    complete(rule);
    unify(rule, seen);
    written.insert(name);
    derived.rules.push_back(std::move(rule));
  }
  std::erase_if(derived.rules, [&](const Rule& rule) {
    if (!is_backup(rule, written)) return false;
    derived.backups.insert(rule.name);
    return true;
  });
  return derived;
}

void choose_selectors(Derived& derived, const std::set<std::string>& varied,
                      std::span<const Observation> more) {
  for (Rule& rule : derived.rules) {
    std::size_t fewest = misses(rule, more);
    const Rule first = rule;
    for (const std::string& name : varied) {
      if (fewest == 0) break;
      Rule other = first;
      other.selector = name;
      const std::size_t count = misses(other, more);
      if (count < fewest) {
        rule = other;
        fewest = count;
      }
    }
  }
}

std::set<std::string> unexplained(const Derived& derived, const Observation& seen) {
  const base::Environment said = apply_rules(derived.rules, seen.before);
  std::set<std::string> names;
  const auto compare = [&](const base::Environment& environment) {
    for (const auto& [name, value] : environment.all()) {
      const bool matters = !is_of_no_interest(name) && !derived.backups.contains(name);
      if (matters && said.get(name) != seen.after.get(name)) names.insert(name);
    }
  };
  compare(said);
  compare(seen.after);
  return names;
}

bool is_of_no_interest(std::string_view name) {
  constexpr std::array<std::string_view, 5> of_the_shell = {"_", "SHLVL", "PWD", "OLDPWD", "PS4"};
  return std::ranges::find(of_the_shell, name) != of_the_shell.end() ||
         name.find("BACKUP") != std::string_view::npos || name.starts_with("_CONDA_") ||
         name.starts_with("BASH_XTRACE") || name.starts_with("hpcenv_");
}

std::set<std::string> names_in_script(std::string_view text) {
  std::set<std::string> names;
  const auto add = [&](std::size_t at) {
    const std::string_view name = name_at(text, at);
    if (is_variable_name(name)) names.insert(std::string(name));
  };
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '$') {
      std::size_t at = i + 1;
      while (at < text.size() && (text[at] == '{' || text[at] == '!' || text[at] == '#')) ++at;
      add(at);
    } else if (text[i] == '"' && is_name_byte(text[i + 1])) {
      const std::string_view name = name_at(text, i + 1);
      const std::size_t end = i + 1 + name.size();
      if (end < text.size() && text[end] == ',') add(i + 1);
    } else if (text.substr(i).starts_with("-v ")) {
      add(i + 3);
    } else if (text.substr(i).starts_with("unset ")) {
      const std::string_view rest = text.substr(i + 6);
      for (const std::string_view word :
           base::split_words(rest.substr(0, rest.find_first_of("\n;&|")))) {
        if (is_variable_name(word)) names.insert(std::string(word));
      }
    }
  }
  return names;
}

}  // namespace hpcenv::shell
