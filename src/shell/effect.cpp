#include "shell/effect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hash.hpp"
#include "base/hex.hpp"
#include "base/text.hpp"
#include "shell/activation.hpp"
#include "shell/derive.hpp"

namespace hpcenv::shell {
namespace {

constexpr std::string_view effect_start = "__HPCENV_EFFECT_";
constexpr std::string_view gone = "-";

std::string effect_name(std::uint64_t level) { return fmt::format("{}{}", effect_start, level); }

std::string was_name(std::uint64_t level, std::string_view name) {
  return fmt::format("__HPCENV_WAS_{}_{}", level, name);
}

std::string fingerprint(const std::optional<std::string>& value) {
  if (!value) return std::string(gone);
  constexpr std::size_t enough = 12;
  const std::string hash = base::hash_text(base::HashKind::sha256, *value).substr(0, enough);
  return fmt::format("{}.{}", value->size(), hash);
}

std::vector<std::string> elements(const std::string& list) {
  std::vector<std::string> found;
  for (const std::string_view element : base::split(list, ':')) found.emplace_back(element);
  return found;
}

// Of PATH: the elements that are new, in their order.
std::string new_elements(const std::string& before, const std::string& after) {
  const std::vector<std::string> old = elements(before);
  std::vector<std::string> added = elements(after);
  std::erase_if(added, [&](const std::string& element) {
    return std::ranges::find(old, element) != old.end();
  });
  return base::join(added, ":");
}

// What stands before and after the value that was there, with a NUL between, which no value has;
// empty where that value is not in it as it was.
std::string added_to(const std::string& name, const std::optional<std::string>& before,
                     const std::optional<std::string>& after) {
  if (!after) return "";
  if (name == "PATH") return new_elements(before.value_or(""), *after);
  if (!before || before->empty()) return *after;
  const std::size_t at = after->find(*before);
  if (at == std::string::npos) return "";
  const std::string first = after->substr(0, at);
  const std::string last = after->substr(at + before->size());
  return first.empty() || last.empty() ? first + last : first + '\0' + last;
}

struct Note {
  std::string name;
  std::string fingerprint;
  std::string added;
};

std::string text_of(const Note& note) {
  return note.name + "," + note.fingerprint + "," + base::hex_of(note.added);
}

std::vector<Note> notes_in(const std::string& text) {
  std::vector<Note> notes;
  for (const std::string_view entry : base::split(text, ';')) {
    const auto fields = base::split(entry, ',');
    if (fields.size() != 3 || fields[0].empty()) continue;
    notes.push_back({std::string(fields[0]), std::string(fields[1]), base::bytes_of(fields[2])});
  }
  return notes;
}

void cut(const Note& note, base::Environment& environment) {
  const std::string value = environment.get_or(note.name, "");
  if (note.name == "PATH") {
    const std::vector<std::string> added = elements(note.added);
    std::vector<std::string> kept = elements(value);
    std::erase_if(kept, [&](const std::string& element) {
      return std::ranges::find(added, element) != added.end();
    });
    environment.set(note.name, base::join(kept, ":"));
    return;
  }
  std::string rest = value;
  for (const std::string_view added : base::split(note.added, '\0')) {
    const std::size_t at = added.empty() ? std::string::npos : rest.find(added);
    if (at != std::string::npos) rest.erase(at, added.size());
  }
  if (rest == value) return;
  if (rest.empty()) {
    environment.unset(note.name);
  } else {
    environment.set(note.name, rest);
  }
}

bool is_kept_by_shells(std::string_view name) {
  return is_of_no_interest(name) || !is_variable_name(name);
}

}  // namespace

Changes changes_between(const base::Environment& before, const base::Environment& after) {
  Changes changes;
  std::set<std::string> names;
  for (const auto& [name, value] : before.all()) names.insert(name);
  for (const auto& [name, value] : after.all()) names.insert(name);
  for (const std::string& name : names) {
    if (is_kept_by_shells(name) || before.get(name) == after.get(name)) continue;
    changes.emplace_back(name, after.get(name));
  }
  return changes;
}

Changes effect_notes(std::uint64_t level, const base::Environment& before,
                     const base::Environment& after, const std::set<std::string>& lists) {
  Changes notes;
  std::string list;
  for (const auto& [name, value] : changes_between(before, after)) {
    const auto was = before.get(name);
    const bool is_list = name == "PATH" || lists.contains(name);
    const Note note{name, fingerprint(value), is_list ? added_to(name, was, value) : ""};
    list += (list.empty() ? "" : ";") + text_of(note);
    if (was && name != "PATH") notes.emplace_back(was_name(level, name), was);
  }
  if (!list.empty()) notes.emplace_back(effect_name(level), list);
  return notes;
}

base::Environment without_effect(const base::Environment& now, std::uint64_t level) {
  base::Environment environment = now;
  for (const Note& note : notes_in(now.get_or(effect_name(level), ""))) {
    const std::string saved = was_name(level, note.name);
    const auto was = now.get(saved);
    environment.unset(saved);
    if (note.name == "PATH" || fingerprint(now.get(note.name)) != note.fingerprint) {
      cut(note, environment);
    } else if (was) {
      environment.set(note.name, *was);
    } else {
      environment.unset(note.name);
    }
  }
  environment.unset(effect_name(level));
  return environment;
}

base::Environment without_effects(const base::Environment& now) {
  std::set<std::uint64_t, std::greater<>> levels;
  for (const auto& [name, value] : now.all()) {
    if (!name.starts_with(effect_start)) continue;
    if (const auto level = base::parse_unsigned(name.substr(effect_start.size()))) {
      levels.insert(*level);
    }
  }
  base::Environment environment = now;
  for (const std::uint64_t level : levels) environment = without_effect(environment, level);
  return environment;
}

}  // namespace hpcenv::shell
