#include "doctor/make_finding.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::doctor {

namespace {

Finding plain(Severity severity, std::string text) {
  Finding finding;
  finding.severity = severity;
  finding.text = std::move(text);
  return finding;
}

Finding with_remedy(Severity severity, std::string text, Remedy remedy) {
  Finding finding = plain(severity, std::move(text));
  finding.remedy = std::move(remedy);
  return finding;
}

}  // namespace

Finding pass(std::string text) { return plain(Severity::pass, std::move(text)); }
Finding info(std::string text) { return plain(Severity::info, std::move(text)); }
Finding unavailable(std::string text) { return plain(Severity::unavailable, std::move(text)); }

Finding warning(std::string text, Remedy remedy) {
  return with_remedy(Severity::warning, std::move(text), std::move(remedy));
}

Finding failure(std::string text, Remedy remedy) {
  return with_remedy(Severity::failure, std::move(text), std::move(remedy));
}

Finding with_evidence(Finding finding, std::vector<std::string> evidence) {
  finding.evidence = std::move(evidence);
  return finding;
}

std::vector<std::string> shortened(std::vector<std::string> lines) {
  constexpr std::size_t shown = 8;
  if (lines.size() <= shown) return lines;
  const std::size_t more = lines.size() - shown;
  lines.resize(shown);
  lines.push_back(fmt::format("and {} more", more));
  return lines;
}

std::string shell_word(std::string_view word) {
  constexpr std::string_view plain_characters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%";
  if (!word.empty() && word.find_first_not_of(plain_characters) == std::string_view::npos) {
    return std::string(word);
  }
  // Single quotes only where double ones would not hold the word as it is.
  if (word.find_first_of("\"$`\\!") == std::string_view::npos) return fmt::format("\"{}\"", word);
  return "'" + base::replace_all(std::string(word), "'", "'\\''") + "'";
}

std::string drop_entries_command(std::string_view variable, std::string_view value,
                                 const std::vector<std::string>& dropped) {
  std::vector<std::string> kept;
  for (const std::string_view entry : base::split(value, ':')) {
    const bool goes = entry.empty() || std::ranges::find(dropped, entry) != dropped.end();
    if (!goes) kept.emplace_back(entry);
  }
  if (kept.empty()) return fmt::format("unset {}", variable);
  return fmt::format("export {}={}", variable, shell_word(base::join(kept, ":")));
}

}  // namespace hpcenv::doctor
