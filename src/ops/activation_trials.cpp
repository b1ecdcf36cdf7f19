#include "ops/activation_trials.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

using shell::Derived;
using shell::Guard;
using shell::Incoming;
using shell::Observation;

constexpr std::array<Incoming, 3> all_states = {Incoming::unset, Incoming::empty, Incoming::set};
constexpr std::size_t most_guards = 12;

// Every user has them: unset only in trials that try just that.
constexpr std::string_view always_there = " HOME LOGNAME PATH TMPDIR USER ";
// A shell or the loader takes them for itself, or a build of a package sets them: they are never
// there when an environment is entered, or never a script's to read.
constexpr std::string_view never_varied =
    " BUILD_PREFIX CONDA_DEFAULT_ENV CONDA_PREFIX CONDA_SHLVL ENV EUID FUNCNAME GCONV_PATH "
    "HOSTNAME HOSTTYPE IFS "
    "LD_PRELOAD LINENO MACHTYPE OPTARG OPTIND OSTYPE PKG_NAME PKG_VERSION POSIXLY_CORRECT PPID "
    "PROMPT_COMMAND RECIPE_DIR REPLY SHELLOPTS SRC_DIR TERM UID ";
constexpr std::array<std::string_view, 8> never_varied_beginnings = {
    "BASH", "CONDA_BACKUP", "CONDA_BUILD", "CONDA_PREFIX_", "CONDA_PROMPT", "PS", "_CONDA", "__"};

bool is_among(std::string_view words, std::string_view name) {
  return words.find(" " + std::string(name) + " ") != std::string_view::npos;
}

bool is_always_there(std::string_view name) { return is_among(always_there, name); }

bool can_be_varied(std::string_view name) {
  const bool upper = std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool reserved = std::ranges::any_of(
      never_varied_beginnings, [&](std::string_view start) { return name.starts_with(start); });
  return upper && !reserved && shell::is_variable_name(name) && !is_among(never_varied, name) &&
         !shell::is_of_no_interest(name);
}

Incoming usual_state(std::string_view name) {
  return is_always_there(name) ? Incoming::set : Incoming::unset;
}

// A path in some trials, in others what splits and matches where it is not quoted.
std::string made_up(const std::string& name, const std::string& label) {
  constexpr std::string_view odd_digits = "13579";
  const std::string mark(trial_mark);
  if (odd_digits.find(label.back()) == std::string_view::npos) {
    return "/" + mark + "-" + label + "/" + name + "-" + label;
  }
  return mark + " " + label + "::" + name + "* [a] " + name + label;
}

std::set<std::string> changed(const base::Environment& before, const base::Environment& after) {
  std::set<std::string> names;
  for (const auto& [name, value] : before.all()) {
    if (after.get(name) != value) names.insert(name);
  }
  for (const auto& [name, value] : after.all()) {
    if (before.get(name) != value) names.insert(name);
  }
  return names;
}

void note_writers(const ProbeRun& run, const std::vector<std::string>& scripts,
                  std::map<std::string, std::set<std::string>>& written_by) {
  const base::Environment* before = &run.before;
  for (std::size_t i = 0; i < run.looks.size(); ++i) {
    written_by[scripts.at(i)].merge(changed(*before, run.looks[i].after));
    before = &run.looks[i].after;
  }
}

}  // namespace

Result<> Trials::prepare() {
  for (const char* name : {"tmp", "here", "there/x y"}) {
    HPCENV_TRY(ground_.fresh(name));
  }
  return {};
}

base::Environment Trials::start(const std::string& label) const {
  const std::string mark = std::string(trial_mark) + "-" + label;
  const std::string ground = ground_.path().string();
  base::Environment environment;
  environment.set("HOME", ground + "/" + mark + "-home");
  environment.set("TMPDIR", ground + "/tmp/../tmp/" + mark);
  environment.set("USER", mark + "-user");
  environment.set("LOGNAME", mark + "-logname");
  environment.set("SHELL", "/bin/bash");
  environment.set("PATH", "/usr/bin:/bin:/" + mark);
  return shell::apply_start(activation_, environment);
}

base::Environment Trials::user_start(const base::Environment& environment) const {
  base::Environment user;
  for (const char* name : {"HOME", "TMPDIR", "USER", "LOGNAME", "SHELL", "LANG"}) {
    if (const auto value = environment.get(name)) user.set(name, *value);
  }
  user.set("PATH", "/usr/bin:/bin");
  return shell::apply_start(activation_, user);
}

base::Environment Trials::incoming(const States& states, const std::string& label) const {
  base::Environment environment = start(label);
  for (const auto& [name, state] : states) {
    if (state == Incoming::unset) {
      environment.unset(name);
    } else if (state == Incoming::empty) {
      environment.set(name, "");
    } else if (!is_always_there(name)) {
      environment.set(name, made_up(name, label));
    }
  }
  return environment;
}

Result<ProbeRun> Trials::run(const std::vector<std::string>& scripts,
                             const base::Environment& incoming, ProbeRequest::Look look) {
  ProbeRequest request;
  request.bash = bash_;
  request.scripts = scripts;
  request.incoming = incoming;
  request.directory = ground_.path() / (++counter_ % 2 == 0 ? "here" : "there/x y");
  request.look = look;
  // Whatever a script did to it.
  HPCENV_TRY(base::make_directories(request.directory));
  for (const char* name : {"HOME", "TMPDIR"}) {
    const std::string folder = incoming.get_or(name, "");
    if (folder.starts_with(ground_.path().string())) HPCENV_TRY(base::make_directories(folder));
  }
  return run_probe(request, ground_, runner_);
}

Result<ProbeRun> Trials::look(const std::vector<std::string>& scripts) {
  return run(scripts, start("look"), ProbeRequest::Look::closely);
}

Result<Observation> Trials::observe(const base::Environment& incoming) {
  HPCENV_ASSIGN(ProbeRun ran, run(scripts_, incoming, ProbeRequest::Look::at_the_end));
  return Observation{std::move(ran.before), std::move(ran.after)};
}

std::set<std::string> Trials::names_to_vary(const std::vector<std::string>& scripts,
                                            const std::map<std::string, std::string>& texts) const {
  std::set<std::string> names;
  for (const std::string_view name : base::split_words(always_there)) names.emplace(name);
  for (const std::string& script : scripts) {
    const auto text = texts.find(script);
    if (text != texts.end()) names.merge(shell::names_in_script(text->second));
  }
  return names;
}

// In a trial of a digit and a shift, the state of the Nth name is N's digit to the base of three:
// any two names differ in some trial, and each has all three states.
Result<Finding> Trials::derive(const std::set<std::string>& varied) {
  Finding finding;
  shell::Observations seen;
  States states;
  const auto with_all = [&](Incoming state) {
    for (const std::string& name : varied) {
      states[name] = is_always_there(name) ? Incoming::set : state;
    }
    return incoming(states, std::string(shell::name_of(state)));
  };
  HPCENV_ASSIGN(seen.unset, observe(with_all(Incoming::unset)));
  HPCENV_ASSIGN(seen.empty, observe(with_all(Incoming::empty)));
  HPCENV_ASSIGN(seen.set, observe(with_all(Incoming::set)));
  // What is always there differs from trial to trial, guarded or not.
  std::set<std::string> differing = varied;
  for (const std::string_view name : base::split_words(always_there)) differing.emplace(name);
  // No program could be started to say what the variables were.
  for (const Observation* one : {&seen.unset, &seen.empty, &seen.set}) {
    if (!one->after.all().empty()) continue;
    finding.unexplained.insert("PATH");
    return finding;
  }
  finding.derived = shell::derive_rules(seen, differing);
  HPCENV_ASSIGN(const Observation again, observe(seen.unset.before));
  finding.unexplained = changed(seen.unset.after, again.after);
  std::erase_if(finding.unexplained,
                [](const std::string& name) { return shell::is_of_no_interest(name); });
  return finding;
}

Result<std::optional<Guard>> Trials::culprit(const Derived& derived, States states) {
  States odd = states;
  std::erase_if(odd, [](const auto& one) { return one.second == usual_state(one.first); });
  const auto is_bad = [&](const States& part) -> Result<bool> {
    States trial;
    for (const auto& [name, state] : states) {
      const auto found = part.find(name);
      trial[name] = found == part.end() ? usual_state(name) : found->second;
    }
    HPCENV_ASSIGN(const Observation seen, observe(incoming(trial, "c" + std::to_string(counter_))));
    return !shell::unexplained(derived, seen).empty();
  };
  HPCENV_ASSIGN(bool bad, is_bad(odd));
  while (bad && odd.size() > 1) {
    const auto middle = std::next(odd.begin(), static_cast<std::ptrdiff_t>(odd.size() / 2));
    const States first(odd.begin(), middle);
    const States second(middle, odd.end());
    HPCENV_ASSIGN(const bool in_first, is_bad(first));
    odd = in_first ? first : second;
    if (in_first) continue;
    HPCENV_ASSIGN(bad, is_bad(second));
  }
  if (!bad || odd.empty()) return std::optional<Guard>();
  const std::string& name = odd.begin()->first;
  return std::optional<Guard>(Guard{name, usual_state(name)});
}

Result<Finding> Trials::find_rules(const std::vector<std::string>& scripts,
                                   const std::map<std::string, std::string>& texts) {
  scripts_ = scripts;
  std::map<std::string, std::set<std::string>> written_by;
  std::set<std::string> varied = names_to_vary(scripts, texts);
  const auto settle = [&] {
    std::erase_if(varied, [&](const std::string& name) {
      return !can_be_varied(name) && !is_always_there(name);
    });
  };
  settle();
  for (const Incoming state : {Incoming::unset, Incoming::set}) {
    States states;
    for (const std::string& name : varied) states[name] = state;
    for (const std::string_view name : base::split_words(always_there))
      states[std::string(name)] = Incoming::set;
    HPCENV_ASSIGN(const ProbeRun ran,
                  run(scripts, incoming(states, "who"), ProbeRequest::Look::closely));
    note_writers(ran, scripts, written_by);
  }
  for (const auto& [script, names] : written_by) varied.insert(names.begin(), names.end());
  settle();
  std::vector<Guard> guards;
  for (;;) {
    HPCENV_ASSIGN(Finding finding, derive(varied));
    finding.written_by = written_by;
    if (!finding.unexplained.empty()) return finding;
    HPCENV_ASSIGN(const std::optional<Guard> guard, verify(varied, finding));
    if (guard && guards.size() < most_guards) {
      guards.push_back(*guard);
      varied.erase(guard->name);
      continue;
    }
    if (guard) finding.unexplained.insert(guard->name);
    finding.guards = std::move(guards);
    std::ranges::sort(finding.guards, {}, &Guard::name);
    return finding;
  }
}

Result<std::optional<Guard>> Trials::verify(const std::set<std::string>& varied, Finding& finding) {
  std::vector<States> trials;
  std::vector<Observation> seen;
  for (std::size_t weight = 1; weight <= varied.size(); weight *= all_states.size()) {
    for (std::size_t shift = 0; shift < all_states.size(); ++shift) {
      States states;
      std::size_t number = 0;
      for (const std::string& name : varied) {
        const Incoming state = all_states.at((number++ / weight + shift) % all_states.size());
        states[name] = name == "PATH" ? Incoming::set : state;
      }
      HPCENV_ASSIGN(Observation one,
                    observe(incoming(states, "v" + std::to_string(trials.size()))));
      trials.push_back(std::move(states));
      seen.push_back(std::move(one));
    }
  }
  shell::choose_selectors(finding.derived, varied, seen);
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const std::set<std::string> names = shell::unexplained(finding.derived, seen[i]);
    if (names.empty()) continue;
    HPCENV_ASSIGN(std::optional<Guard> guard, culprit(finding.derived, trials[i]));
    if (!guard) finding.unexplained = names;
    return guard;
  }
  return std::optional<Guard>();
}

Result<std::set<std::string>> Trials::order_matters_for(const Derived& derived,
                                                        std::vector<std::string> scripts,
                                                        const std::vector<std::string>& live) {
  scripts.insert(scripts.end(), live.begin(), live.end());
  std::ranges::sort(scripts);
  const base::Environment before = start("order");
  const auto look = ProbeRequest::Look::at_the_end;
  HPCENV_ASSIGN(const ProbeRun in_order, run(scripts, before, look));
  HPCENV_ASSIGN(const ProbeRun again, run(scripts, before, look));
  HPCENV_ASSIGN(const ProbeRun after_rules,
                run(live, shell::apply_rules(derived.rules, before), look));
  const Derived no_rules{{}, derived.backups};
  std::set<std::string> names = shell::unexplained(no_rules, {after_rules.after, in_order.after});
  for (const std::string& name : changed(in_order.after, again.after)) names.erase(name);
  return names;
}

}  // namespace hpcenv::ops
