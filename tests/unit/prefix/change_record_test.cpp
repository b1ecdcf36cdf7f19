#include "prefix/change_record.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/prefix/change_case.hpp"
#include "unit/support/message_of.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::prefix;
using namespace hpcenv::test;
namespace fs = std::filesystem;

namespace {

ChangeRecord record_with_odd_names() {
  ChangeRecord record;
  record.date = "2026-11-26-041530";
  record.meta_before = "a-1-0.json/12 1.5\n";
  record.meta_after = "";
  record.scripts = {R"({"name": "a"})"};
  record.steps(Phase::removals) = {{Step::Kind::trash, 1, "lib/with\nnewline"},
                                   {Step::Kind::clear, 2, "lib/\xff not utf-8"}};
  record.steps(Phase::history) = {{Step::Kind::replace, 3, "conda-meta/history"}};
  return record;
}

std::map<std::string, std::string> outside(const fs::path& prefix) {
  auto entries = snapshot(prefix);
  std::erase_if(entries, [](const auto& entry) { return entry.first.starts_with(".hpcenv"); });
  return entries;
}

}  // namespace

TEST_CASE("record: what is written is read, whatever the names are") {
  const ChangeRecord record = record_with_odd_names();
  const auto read = parse_record(record_text(record), "r");
  REQUIRE(message_of(read) == no_failure);
  CHECK(*read == record);
}

TEST_CASE("record: cut short at every length, or with any byte changed, it is refused") {
  const std::string text = record_text(record_with_odd_names());
  for (std::size_t length = 0; length < text.size(); ++length) {
    const auto cut = parse_record(text.substr(0, length), "/e/.hpcenv/t/record");
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().kind == ErrorKind::refused);
    CHECK(cut.error().message ==
          "the commit record /e/.hpcenv/t/record is damaged, so the change it stands for cannot be "
          "completed");
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    INFO("byte " << at);
    CHECK_FALSE(parse_record(changed, "r").has_value());
  }
}

TEST_CASE("record: of a newer format it is refused, and says so") {
  std::string text = record_text(record_with_odd_names());
  text.replace(0, std::string("hpcenv-record 1").size(), "hpcenv-record 2");
  const auto read = parse_record(text, "r");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().kind == ErrorKind::refused);
  CHECK(read.error().message == "r was written by a newer hpcenv (format 2, this one knows 1)");
  CHECK(read.error().hints == std::vector<std::string>{"complete the change with that hpcenv"});
}

TEST_CASE("record: bad ones in a prefix are refused by every command, which touches nothing") {
  const TemporaryDirectory directory;
  const fs::path prefix = directory / "env";
  const auto package = unpack({"a", {{"share/a", "a"}}}, directory / "cache");
  const auto other = unpack({"b", {{"share/b", "b"}}}, directory / "cache");
  REQUIRE(create(prefix, {package}).has_value());
  const std::string whole = record_text(record_with_odd_names());
  for (const std::string& text : {whole.substr(0, 40), whole.substr(0, whole.size() - 1),
                                  std::string(), std::string("hpcenv-record 7 1 x\nz")}) {
    put_file(prefix / ".hpcenv/dead/record", text);
    const auto before = outside(prefix);
    const auto changed = change_to(prefix, {package, other});
    REQUIRE_FALSE(changed.has_value());
    CHECK(changed.error().kind == ErrorKind::refused);
    // The folder may have the name of the writer that looked at it.
    const auto tokens = own_names(prefix);
    REQUIRE(tokens.size() == 1);
    CHECK(text_of(prefix / ".hpcenv" / tokens.front() / "record") == text);
    CHECK(outside(prefix) == before);
    fs::remove_all(prefix / ".hpcenv");
  }
}
