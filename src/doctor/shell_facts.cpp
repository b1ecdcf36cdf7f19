#include "doctor/shell_facts.hpp"

#include <array>

#include "base/text.hpp"

namespace hpcenv::doctor {

std::string shell_variable(const Subject& subject, std::string_view name) {
  const base::Environment& environment =
      subject.reader == nullptr ? subject.profile->environment : subject.reader->environment();
  return environment.get_or(name, "");
}

std::vector<std::string> shell_entries(const Subject& subject, std::string_view name) {
  std::vector<std::string> entries;
  const std::string value = shell_variable(subject, name);
  for (const std::string_view entry : base::split(value, ':')) {
    if (!entry.empty()) entries.emplace_back(entry);
  }
  return entries;
}

std::vector<std::string> startup_lines(const Subject& subject, std::string_view text) {
  constexpr std::array files = {".bashrc",  ".bash_profile", ".bash_login",
                                ".profile", ".zshrc",        ".zshenv",
                                ".cshrc",   ".tcshrc",       ".config/fish/config.fish"};
  std::vector<std::string> lines;
  const std::string home = shell_variable(subject, "HOME");
  if (home.empty() || subject.reader == nullptr) return lines;
  for (const char* file : files) {
    const std::string path = fmt::format("{}/{}", home, file);
    const std::string content = subject.reader->read_text(path).value_or("");
    std::size_t number = 0;
    for (const std::string_view line : base::split_lines(content)) {
      ++number;
      const std::string_view bare = base::trim(line);
      const bool comment = bare.starts_with('#') && !text.starts_with('#');
      if (comment || bare.find(text) == std::string_view::npos) continue;
      lines.push_back(fmt::format("{}:{}: {}", path, number, bare));
    }
  }
  return lines;
}

std::vector<std::string> where_set(const Subject& subject, std::string_view variable) {
  std::vector<std::string> lines = startup_lines(subject, variable);
  const std::string modules = base::join(shell_entries(subject, "LOADEDMODULES"), ", ");
  if (lines.empty() && !modules.empty()) {
    lines.push_back("loaded modules, which may have set it: " + modules);
  }
  return lines;
}

}  // namespace hpcenv::doctor
