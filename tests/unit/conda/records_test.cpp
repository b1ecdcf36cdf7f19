#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/json.hpp"
#include "conda/history.hpp"
#include "conda/link_json.hpp"
#include "conda/package_record.hpp"
#include "conda/paths_json.hpp"
#include "conda/prefix_record.hpp"

namespace hpcenv::conda {
namespace {

base::Json json(std::string_view text) { return base::parse_json(text, "test").value(); }

TEST_CASE("a record is read from repodata") {
  const auto record = record_from_json(
      json(R"({"name": "numpy", "version": "2.0", "build": "py312_0", "build_number": 3,
               "depends": ["python"], "constrains": ["a <1"], "size": 12, "timestamp": 1700000000,
               "track_features": ["x", "y"], "license": null, "sha256": "AB"})"),
      "numpy-2.0-py312_0.conda", "https://h/c", "https://h/c/linux-64");
  REQUIRE(record.has_value());
  CHECK(record->dist_name() == "numpy-2.0-py312_0");
  CHECK(record->subdir == "linux-64");
  CHECK(record->url == "https://h/c/linux-64/numpy-2.0-py312_0.conda");
  CHECK(record->timestamp == 1'700'000'000'000);
  CHECK(record->track_features == "x y");
  CHECK(record->sha256 == "ab");
  CHECK(record->build_number == 3);
  CHECK(record->size == 12);
  CHECK(record->constrains == std::vector<std::string>{"a <1"});
}

TEST_CASE("noarch has two kinds, and an old way to say it") {
  const auto noarch = [](std::string_view value) {
    const auto entry =
        json(fmt::format(R"({{"name": "a", "version": "1", "build": "0", "noarch": {}}})", value));
    return record_from_json(entry, "a-1-0.conda", "", "").value();
  };
  CHECK(noarch("\"python\"").noarch == Noarch::python);
  CHECK(noarch("\"generic\"").noarch == Noarch::generic);
  CHECK(noarch("true").noarch == Noarch::generic);
  CHECK(noarch("null").noarch == Noarch::none);
  CHECK(noarch("true").subdir == "noarch");
}

TEST_CASE("milliseconds stay what they are, seconds become milliseconds") {
  const auto timestamp = [](std::string_view value) {
    const auto entry = json(
        fmt::format(R"({{"name": "a", "version": "1", "build": "0", "timestamp": {}}})", value));
    return record_from_json(entry, "", "", "").value().timestamp;
  };
  CHECK(timestamp("253402300799") == 253'402'300'799'000);
  CHECK(timestamp("253402300800") == 253'402'300'800);
  CHECK_FALSE(timestamp("0").has_value());
  CHECK_FALSE(timestamp("\"x\"").has_value());
}

TEST_CASE("a record without name, version or build is refused, naming file and field") {
  const auto error =
      record_from_json(json(R"({"name": "a", "version": 1, "build": "0"})"), "a-1-0.conda", "", "")
          .error();
  CHECK(error.kind == ErrorKind::refused);
  CHECK(error.message.contains("a-1-0.conda"));
  CHECK(error.message.contains("version"));
  CHECK_FALSE(record_from_json(json("[]"), "x", "", "").has_value());
}

TEST_CASE("what is written of a record is read again, without credentials") {
  PackageRecord record;
  record.name = "a";
  record.version = "1";
  record.build = "py_0";
  record.noarch = Noarch::python;
  record.subdir = "noarch";
  record.timestamp = 1'700'000'000'123;
  record.size = 5;
  record.channel = "https://user:secret@h/t/tk-1/c";
  record.url = "https://user:secret@h/t/tk-1/c/noarch/a-1-py_0.conda";
  const base::Json written = record_to_json(record);
  CHECK(written["url"] == "https://h/c/noarch/a-1-py_0.conda");
  CHECK_FALSE(base::dump_json(written).contains("secret"));
  CHECK_FALSE(base::dump_json(written).contains("tk-1"));
  const auto again = record_from_json(written, "a-1-py_0.conda", "", "").value();
  CHECK(base::dump_json(record_to_json(again)).contains("1700000000123"));
  CHECK(again.noarch == Noarch::python);
  CHECK(again.size == record.size);
}

TEST_CASE("an archive's name has three parts") {
  const auto dist = parse_dist_name("a-b-c-1.0-py_0.tar.bz2").value();
  CHECK(dist.name == "a-b-c");
  CHECK(dist.version == "1.0");
  CHECK(dist.build == "py_0");
  for (const char* bad : {"a.conda", "a-1.conda", "-1-0.conda", "a--0.conda", "a-1-.conda", ""}) {
    INFO(bad);
    CHECK_FALSE(parse_dist_name(bad).has_value());
  }
}

TEST_CASE("paths.json is read") {
  const auto paths = parse_paths_json(
      R"({"paths_version": 1, "paths": [
          {"_path": "bin/a", "path_type": "hardlink", "sha256": "aa", "size_in_bytes": 3,
           "prefix_placeholder": "/old", "file_mode": "binary"},
          {"_path": "lib/l", "path_type": "softlink"},
          {"_path": "share/d", "path_type": "directory", "no_link": true}]})",
      "a-1-0");
  REQUIRE(paths.has_value());
  REQUIRE(paths->size() == 3);
  CHECK((*paths)[0].placeholder == "/old");
  CHECK((*paths)[0].mode == FileMode::binary);
  CHECK((*paths)[0].size == 3);
  CHECK((*paths)[1].type == PathType::softlink);
  CHECK((*paths)[1].mode == FileMode::none);
  CHECK((*paths)[2].type == PathType::directory);
  CHECK((*paths)[2].no_link);
}

TEST_CASE("paths that leave the prefix are refused") {
  for (const char* bad :
       {"../a", "a/../b", "/a", "", "a//b", "./a", "a/.", "a/", "a\\u0000b", "a\\nb"}) {
    INFO(bad);
    const auto paths =
        parse_paths_json(fmt::format(R"({{"paths": [{{"_path": "{}"}}]}})", bad), "a-1-0");
    REQUIRE_FALSE(paths.has_value());
    CHECK(paths.error().kind == ErrorKind::refused);
    CHECK(paths.error().message.contains("leads out of the prefix"));
    CHECK(paths.error().message.contains("a-1-0"));
  }
  CHECK(is_safe_relative_path("a/..b/c..d"));
}

TEST_CASE("a paths.json of another shape is refused") {
  for (const char* bad :
       {"", "[]", "{}", R"({"paths": {}})", R"({"paths": ["a"]})", R"({"paths": [{}]})",
        R"({"paths": [{"_path": "a", "path_type": "x"}]})",
        R"({"paths": [{"_path": "a", "prefix_placeholder": "/p", "file_mode": "x"}]})"}) {
    INFO(bad);
    const auto paths = parse_paths_json(bad, "a-1-0");
    REQUIRE_FALSE(paths.has_value());
    CHECK(paths.error().kind == ErrorKind::refused);
  }
}

TEST_CASE("the legacy trio gives the same") {
  const auto paths = parse_legacy_paths("bin/a\nbin/b\n\nlib/my file\nlib/c\n",
                                        "bin/a\n/old text bin/b\n\"/o p\" binary \"lib/my file\"\n",
                                        "lib/c\n", "a-1-0");
  REQUIRE(paths.has_value());
  REQUIRE(paths->size() == 4);
  CHECK((*paths)[0].placeholder == "/opt/anaconda1anaconda2anaconda3");
  CHECK((*paths)[0].mode == FileMode::text);
  CHECK((*paths)[1].placeholder == "/old");
  CHECK((*paths)[2].placeholder == "/o p");
  CHECK((*paths)[2].mode == FileMode::binary);
  CHECK((*paths)[3].no_link);
  CHECK_FALSE(parse_legacy_paths("../a\n", "", "", "a-1-0").has_value());
  CHECK_FALSE(parse_legacy_paths("a\n", "/old odd a\n", "", "a-1-0").has_value());
}

TEST_CASE("entry points are plain names") {
  const auto point = parse_entry_point("my-tool = pkg.cli:Main.run").value();
  CHECK(point.command == "my-tool");
  CHECK(point.module == "pkg.cli");
  CHECK(point.function == "Main.run");
  for (const char* bad :
       {"a", "a = b", "../a = b:c", "a/b = c:d", " = b:c", "a = b;c:d", "a = b:c()", "a = :c",
        "a = b:", ".a = b:c", "-a = b:c", "a = b c:d", "a = 1b:c", "a = b\nimport os:c"}) {
    INFO(bad);
    const auto refused = parse_entry_point(bad);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::refused);
  }
}

TEST_CASE("link.json lists entry points, or none") {
  const auto points = parse_link_json(
      R"({"noarch": {"type": "python", "entry_points": ["a = b:c", "d = e:f"]}})", "p-1-0");
  REQUIRE(points.has_value());
  CHECK(points->size() == 2);
  CHECK(parse_link_json(R"({"noarch": {"type": "generic"}})", "p-1-0").value().empty());
  CHECK(parse_link_json("{}", "p-1-0").value().empty());
  const auto bad = parse_link_json(R"({"noarch": {"entry_points": ["../x = b:c"]}})", "p-1-0");
  REQUIRE_FALSE(bad.has_value());
  REQUIRE_FALSE(bad.error().context.empty());
  CHECK(bad.error().context.front().contains("p-1-0"));
}

TEST_CASE("a prefix record is written and read again") {
  PrefixRecord record;
  record.record.name = "a";
  record.record.version = "1";
  record.record.build = "0";
  record.record.file_name = "a-1-0.conda";
  record.record.channel = "https://h/c";
  record.record.url = "https://h/c/noarch/a-1-0.conda";
  record.extracted_package_dir = "/pkgs/a-1-0";
  record.package_tarball_full_path = "/pkgs/a-1-0.conda";
  record.link_type = LinkType::copy;
  record.requested_specs = {"a >=1", "a"};
  InstalledPath path;
  path.path = "bin/a";
  path.path_type = "hardlink";
  path.sha256 = "aa";
  path.sha256_in_prefix = "bb";
  path.size = 7;
  path.placeholder = "/old";
  path.file_mode = "text";
  record.paths.push_back(path);
  InstalledPath directory;
  directory.path = "share/d";
  directory.path_type = "directory";
  record.paths.push_back(directory);

  const std::string text = prefix_record_text(record);
  const base::Json written = json(text);
  CHECK(base::dump_json(written) == text);
  CHECK(written["files"] == json(R"(["bin/a"])"));
  CHECK(written["link"]["type"] == 3);
  CHECK(written["requested_spec"] == "a >=1");
  CHECK(written["paths_data"]["paths_version"] == 1);
  CHECK(prefix_record_text(parse_prefix_record(text, "a-1-0.json").value()) == text);
}

TEST_CASE("the head of a record of ours is read without its paths") {
  PrefixRecord record;
  record.record.name = "a";
  record.record.version = "1";
  record.record.build = "0";
  record.record.license = "text,\n  \"files\": [";
  record.link_type = LinkType::copy;
  record.paths.resize(3);
  record.requested_specs = {"a"};
  const std::string text = prefix_record_text(record);
  CHECK(json(text)["files"].size() == 3);
  for (const std::size_t size : {text.size(), text.find("paths_data"), text.find("files", 200)}) {
    const auto head = parse_record_head(std::string_view(text).substr(0, size + 9));
    REQUIRE(head.has_value());
    CHECK(head->record.license == record.record.license);
    CHECK(head->link_type == LinkType::copy);
    CHECK(head->requested_specs == record.requested_specs);
    CHECK(head->paths.empty());
  }
}

TEST_CASE("a record that might go on after its files is no head") {
  PrefixRecord record;
  record.record.name = "a";
  record.record.version = "1";
  record.record.build = "0";
  const std::string text = prefix_record_text(record);
  CHECK_FALSE(
      parse_record_head(std::string_view(text).substr(0, text.find("\"files\""))).has_value());
  CHECK_FALSE(parse_record_head("{\n  \"name\": \"a\",\n  \"files\": [").has_value());
  CHECK_FALSE(parse_record_head("{\n  \"build\": \"0\",\n  \"name\": \"a\"").has_value());
  CHECK_FALSE(parse_record_head("").has_value());
  auto foreign = json(text);
  foreign.erase("requested_specs");
  CHECK_FALSE(parse_record_head(base::dump_json(foreign)).has_value());
}

TEST_CASE("prefix records of other tools are read leniently") {
  const auto record = parse_prefix_record(
      R"({"name": "a", "version": "1", "build": "0", "build_string": "0", "arch": "x86_64",
          "files": ["bin/a"], "link": {"type": "9"}, "requested_spec": "a", "noarch": null,
          "auth": null, "paths_data": {"paths": [], "paths_version": 1}})",
      "a-1-0.json");
  REQUIRE(record.has_value());
  CHECK(record->paths.size() == 1);
  CHECK(record->paths[0].path == "bin/a");
  CHECK(record->requested_specs == std::vector<std::string>{"a"});
  CHECK(record->link_type == LinkType::hardlink);
  const auto bad = parse_prefix_record(R"({"version": "1", "build": "0"})", "x.json");
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().message.contains("x.json"));
}

TEST_CASE("a history block has one line for each thing") {
  HistoryBlock block;
  block.time = 0;
  block.command = "hpcenv create\n# injected";
  block.tool = "hpcenv 0.1.0";
  block.linked = {"c/noarch::a-1-0"};
  block.unlinked = {"c/noarch::a-0-0"};
  block.update_specs = {"a", "it's"};
  CHECK(history_text(block) ==
        "==> 1970-01-01 00:00:00 <==\n"
        "# cmd: hpcenv create\\n# injected\n"
        "# tool version: hpcenv 0.1.0\n"
        "-c/noarch::a-0-0\n"
        "+c/noarch::a-1-0\n"
        "# update specs: ['a', 'it\\'s']\n");
}

}  // namespace
}  // namespace hpcenv::conda
