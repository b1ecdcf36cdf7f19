#include "shell/rc_block.hpp"

#include <fmt/format.h>

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::shell {
namespace {

using Change = BlockEdit::Change;
using Text = std::optional<std::string>;

const std::vector<std::string> lines{"one", "two"};
const std::string block = "# >>> hpcenv init >>>\none\ntwo\n# <<< hpcenv init <<<\n";

TEST_CASE("a block comes to the end, once, and goes again byte by byte") {
  const std::vector<Text> files{"",
                                std::nullopt,
                                "a\n",
                                "a",
                                "\n",
                                "a\r\nb\r\n",
                                "a\r\nb",
                                "# >>> conda initialize >>>\nx\n# <<< conda initialize <<<\n",
                                "a\n\n\n",
                                std::string("\xff\0b\n", 4),
                                "echo '# >>> hpcenv init >>>'\n"};
  for (const Text& before : files) {
    const auto added = with_block(before, lines, "rc");
    REQUIRE(added.has_value());
    CHECK(added->change == Change::added);
    CHECK(added->text->starts_with(before.value_or("")));
    CHECK(added->text->ends_with("one\ntwo\n# <<< hpcenv init <<<\n"));
    const auto again = with_block(added->text, lines, "rc");
    REQUIRE(again.has_value());
    CHECK(again->change == Change::none);
    CHECK(again->text == added->text);
    const auto other = with_block(added->text, {"three"}, "rc");
    REQUIRE(other.has_value());
    CHECK(other->change == Change::replaced);
    for (const auto& with : {added->text, other->text}) {
      const auto removed = without_block(with, "rc");
      REQUIRE(removed.has_value());
      CHECK(removed->change == Change::removed);
      CHECK(removed->text == before);
    }
  }
}

TEST_CASE("what stands around a block stays where it is") {
  const auto replaced = with_block("a\n" + block + "b\r\n", {"three"}, "rc");
  REQUIRE(replaced.has_value());
  CHECK(replaced->text == "a\n# >>> hpcenv init >>>\nthree\n# <<< hpcenv init <<<\nb\r\n");
  CHECK(replaced->line == 2);
  CHECK(without_block("a\n" + block + "b", "rc")->text == "a\nb");
}

TEST_CASE("what was written behind the block keeps its line and its file") {
  const std::string open = *with_block("a", lines, "rc")->text;
  CHECK(without_block(open + "b\n", "rc")->text == "a\nb\n");
  const std::string made = *with_block(std::nullopt, lines, "rc")->text;
  CHECK(without_block(made + "b\n", "rc")->text == "b\n");
}

TEST_CASE("a block that an editor gave other line ends is made anew") {
  const std::string crlf = "# >>> hpcenv init >>>\r\none\r\ntwo\r\n# <<< hpcenv init <<<\r\n";
  const auto edit = with_block("a\r\n" + crlf, lines, "rc");
  REQUIRE(edit.has_value());
  CHECK(edit->change == Change::replaced);
  CHECK(edit->text == "a\r\n" + block);
  CHECK(without_block("a\r\n" + crlf, "rc")->text == "a\r\n");
}

TEST_CASE("half a block is refused, with file and line") {
  struct Row {
    std::string text;
    const char* message;
  };
  const std::string begin = "# >>> hpcenv init >>>\n";
  const std::string end = "# <<< hpcenv init <<<\n";
  for (const Row& row :
       {Row{"a\n" + begin + "b\n", "rc:2: the block begins and has no end"},
        Row{"a\nb\n" + end, "rc:3: a block ends that has no beginning"},
        Row{fmt::format("{0}a\n{0}{1}", begin, end), "rc:1: the block begins and has no end"},
        Row{block + block, "rc:5: there is a second block of hpcenv init"},
        Row{block + end, "rc:5: a block ends that has no beginning"}}) {
    for (const auto& edit : {with_block(row.text, lines, "rc"), without_block(row.text, "rc")}) {
      REQUIRE_FALSE(edit.has_value());
      CHECK(edit.error().kind == ErrorKind::refused);
      CHECK(edit.error().message == row.message);
      CHECK_FALSE(edit.error().hints.empty());
    }
  }
}

TEST_CASE("a diff names lines as patch counts them") {
  CHECK(diff_of(*with_block("a\n", {"x"}, "rc"), "rc") ==
        "--- rc\n+++ rc\n@@ -1,0 +2,3 @@\n+# >>> hpcenv init >>>\n+x\n+# <<< hpcenv init <<<\n");
  CHECK(diff_of(*without_block("a\n" + block, "rc"), "rc") ==
        "--- rc\n+++ rc\n@@ -2,4 +1,0 @@\n-# >>> hpcenv init >>>\n-one\n-two\n-# <<< hpcenv init "
        "<<<\n");
  CHECK(diff_of(*with_block("a\n" + block, lines, "rc"), "rc").empty());
}

}  // namespace
}  // namespace hpcenv::shell
