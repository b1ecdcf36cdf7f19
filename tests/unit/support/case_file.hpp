// Lines of a file of cases (tests/data).
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::test {

struct CaseLine {
  std::string section;
  std::string text;  ///< empty where a group ends
};

/// Lines with the section (`## ...`) that they stand under; comments are left out, blank lines
/// kept. Every line stands under a section: a case without a source is none.
inline std::vector<CaseLine> read_case_lines_with_blanks(const std::string& name) {
  const auto path = std::filesystem::path(HPCENV_SOURCE_DIR) / "tests/data" / name;
  const auto text = base::read_file(path);
  REQUIRE(text.has_value());
  std::vector<CaseLine> lines;
  std::string section;
  for (const std::string_view raw : base::split_lines(*text)) {
    const std::string_view line = base::trim(raw);
    if (line.starts_with("## ")) {
      section = line.substr(3);
      lines.push_back({section, ""});
    } else if (!line.starts_with("# ")) {
      REQUIRE((line.empty() || !section.empty()));
      lines.push_back({section, std::string(line)});
    }
  }
  return lines;
}

inline std::vector<CaseLine> read_case_lines(const std::string& name) {
  auto lines = read_case_lines_with_blanks(name);
  std::erase_if(lines, [](const CaseLine& line) { return line.text.empty(); });
  return lines;
}

}  // namespace hpcenv::test
