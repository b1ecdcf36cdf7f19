// P15: whether jobs enter the environment as conda would have them, without running its scripts.
#include <fmt/format.h>

#include "base/text.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/toolkit_group.hpp"

namespace hpcenv::doctor {

namespace {

using Entry = ActivationScript::Entry;

std::vector<std::string> lines_of(const std::vector<ActivationScript>& scripts, Entry entry) {
  std::vector<std::string> lines;
  for (const ActivationScript& script : scripts) {
    if (script.entry == entry) lines.push_back(script.name + ": " + script.reason);
  }
  return lines;
}

std::string info_command(const Subject& subject) {
  return fmt::format("hpcenv info -p {} --activation",
                     shell_word(subject.environment->prefix.native()));
}

}  // namespace

Finding examine_activation(const Subject& subject) {
  if (!subject.activation_scripts) {
    if (subject.environment->prefix.empty()) return unavailable("the environment is not there yet");
    return info("what the activation scripts do is not recorded yet; the first run records it");
  }
  const std::vector<ActivationScript>& scripts = *subject.activation_scripts;
  if (scripts.empty()) return pass("no package has an activation script");
  std::vector<std::string> refused = lines_of(scripts, Entry::refused);
  std::vector<std::string> live = lines_of(scripts, Entry::live);
  if (!refused.empty()) {
    const std::string text = fmt::format("{} of {} activation scripts never run: {}",
                                         refused.size(), scripts.size(), refused.front());
    return with_evidence(
        warning(text, {"Jobs go on without what they would set. See what is set, and set the rest "
                       "with hpcenv run -e NAME=VALUE.",
                       {info_command(subject)}}),
        shortened(std::move(refused)));
  }
  if (!live.empty()) {
    const std::string text = fmt::format(
        "{} of {} activation scripts run each time the environment is entered, as "
        "what they do is not known beforehand",
        live.size(), scripts.size());
    return with_evidence(info(text), shortened(std::move(live)));
  }
  return pass(fmt::format("what activation scripts set is recorded, of all {}", scripts.size()));
}

}  // namespace hpcenv::doctor
