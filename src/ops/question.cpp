#include "ops/question.hpp"

#include <algorithm>

#include "ops/standing_wishes.hpp"

namespace hpcenv::ops {
namespace {

bool has_spec(const Specs& specs, std::string_view name) {
  return find_spec(specs, name) != nullptr;
}

/// Whether an installed package is what a wish of `install` asks for: it then stays as it is.
bool is_met(const conda::MatchSpec& spec, const prefix::PrefixState& state,
            std::string_view channel_alias) {
  return std::ranges::any_of(state.packages, [&](const conda::PrefixRecord& package) {
    return meets(spec, package.record, channel_alias);
  });
}

/// Whether all that is asked for about a name is met by what is installed.
bool all_about_are_met(std::string_view name, const ChangeRequest& request,
                       const prefix::PrefixState& state) {
  return std::ranges::all_of(request.wishes.specs, [&](const conda::MatchSpec& spec) {
    return spec.name.text() != name || is_met(spec, state, request.rules.channel_alias);
  });
}

void sort_wishes(const ChangeRequest& request, const prefix::PrefixState& state,
                 const Specs& earlier, Question& question) {
  for (const conda::MatchSpec& spec : request.wishes.specs) {
    const bool is_installed = find_installed(state, spec.name.text()) != nullptr;
    const bool is_bare = is_name_only(spec);
    if (request.action == Action::update && is_bare && is_installed) {
      question.update.push_back(spec.name.text());
      continue;
    }
    const conda::MatchSpec* before = find_spec(earlier, spec.name.text());
    const bool is_kept = request.action == Action::install &&
                         request.reinstall == ChangeRequest::Reinstall::no &&
                         all_about_are_met(spec.name.text(), request, state);
    (is_kept ? question.kept : question.specs).push_back(is_bare && before ? *before : spec);
  }
  for (const conda::MatchSpec& spec : earlier) {
    const std::string& name = spec.name.text();
    if (!has_spec(question.specs, name) && !has_spec(question.kept, name)) {
      question.kept.push_back(spec);
    }
  }
}

Result<> add_pins(const ChangeRequest& request, const prefix::PrefixState& state,
                  Question& question) {
  const ChoiceRules& rules = request.rules;
  if (rules.pins == ChoiceRules::Pins::obey) {
    HPCENV_ASSIGN(question.pins, pins_of(request.prefix, rules.pinned_packages));
  }
  HPCENV_ASSIGN(question.disallowed,
                specs_of_setting("disallowed_packages", rules.disallowed_packages));
  if (rules.installed == ChoiceRules::Installed::frozen) {
    HPCENV_ASSIGN(const Specs frozen, frozen_packages(state));
    question.pins.insert(question.pins.end(), frozen.begin(), frozen.end());
  }
  const bool is_asked = has_spec(question.specs, "python") ||
                        std::ranges::find(question.update, "python") != question.update.end();
  if (rules.python_pin == ChoiceRules::Pins::obey && !is_asked) {
    HPCENV_ASSIGN(question.python_pin, python_pin(state));
  }
  return {};
}

}  // namespace

const conda::MatchSpec* find_spec(const Specs& specs, std::string_view name) {
  const auto found = std::ranges::find_if(
      specs, [&](const conda::MatchSpec& spec) { return spec.name.text() == name; });
  return found == specs.end() ? nullptr : &*found;
}

Result<Question> question_of(const ChangeRequest& request, const prefix::PrefixState& state,
                             const Specs& earlier) {
  Question question;
  sort_wishes(request, state, earlier, question);
  HPCENV_TRY(add_pins(request, state, question));
  return question;
}

std::vector<std::string> wishes_to_note(const ChangeRequest& request,
                                        const prefix::PrefixState& state, const Specs& earlier) {
  std::vector<std::string> texts;
  if (request.select == Select::only_dependencies) return texts;
  for (const conda::MatchSpec& spec : request.wishes.specs) {
    const conda::MatchSpec* before = find_spec(earlier, spec.name.text());
    const bool is_bare = is_name_only(spec);
    const bool only_updates = request.action == Action::update && is_bare &&
                              !request.wishes.is_from_file(spec.text) &&
                              find_installed(state, spec.name.text()) != nullptr;
    const bool is_known = before != nullptr && (is_bare || before->text == spec.text);
    if (!only_updates && !is_known) texts.push_back(spec.text);
  }
  return texts;
}

}  // namespace hpcenv::ops
