#include "prefix/relocate.hpp"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/process.hpp"
#include "unit/support/temporary_directory.hpp"

using namespace hpcenv;
using namespace hpcenv::prefix;

namespace {

constexpr std::string_view old_prefix = "/opt/placehold_placehold";
constexpr std::string_view new_prefix = "/home/u/env";

std::string text_in(std::string_view text, std::string_view prefix = new_prefix) {
  return relocate_text(text, {old_prefix, prefix}).text;
}

std::string binary_in(std::string_view bytes, std::string_view prefix = new_prefix) {
  std::string out;
  const auto done = relocate_binary(bytes, {old_prefix, prefix}, [&](std::string_view piece) {
    out += piece;
    return Result<>();
  });
  REQUIRE(done.has_value());
  return out;
}

std::string nuls(std::size_t count) { return std::string(count, '\0'); }

std::string in_encoding(std::string_view text, std::size_t width, bool big) {
  std::string wide;
  for (const char c : text) {
    std::string unit(width, '\0');
    unit[big ? width - 1 : 0] = c;
    wide += unit;
  }
  return wide;
}

const std::size_t spare = old_prefix.size() - new_prefix.size();

}  // namespace

TEST_CASE("text: every occurrence is replaced and the file changes its size") {
  CHECK(
      text_in(
          "a=/opt/placehold_placehold/lib\nb=/opt/placehold_placehold:/opt/placehold_placehold") ==
      "a=/home/u/env/lib\nb=/home/u/env:/home/u/env");
  CHECK(text_in("nothing here") == "nothing here");
  CHECK(text_in("").empty());
  // A part of the placeholder is no placeholder.
  CHECK(text_in("/opt/placehold_") == "/opt/placehold_");
}

TEST_CASE("text: wide encodings of both byte orders are replaced") {
  for (const std::size_t width : {2U, 4U}) {
    for (const bool big : {false, true}) {
      const auto wide = [&](std::string_view text) { return in_encoding(text, width, big); };
      CHECK(text_in(wide("x/opt/placehold_placehold/y")) == wide("x/home/u/env/y"));
    }
  }
}

TEST_CASE("text: letters beyond ASCII in the prefix are written in the file's encoding") {
  CHECK(text_in(in_encoding("/opt/placehold_placehold", 2, false), "/h/\xC3\xA9") ==
        in_encoding("/h/", 2, false) + "\xE9" + nuls(1));
  CHECK(text_in(in_encoding("/opt/placehold_placehold", 2, true), "/\xF0\x9F\x90\x8D") ==
        in_encoding("/", 2, true) + "\xD8\x3D\xDC\x0D");
  // Bytes that are no UTF-8 have no form in UTF-16; plain text takes them as they are.
  const std::string wide = in_encoding("/opt/placehold_placehold", 2, false);
  CHECK(text_in(wide, "/h/\xFF") == wide);
  CHECK(text_in("/opt/placehold_placehold", "/h/\xFF") == "/h/\xFF");
}

TEST_CASE("binary: strings keep their place, padding stands after the whole string") {
  const std::string old_text(old_prefix);
  const std::string new_text(new_prefix);
  CHECK(binary_in("\1" + old_text + "/lib" + nuls(1) + "tail") ==
        "\1" + new_text + "/lib" + nuls(spare) + nuls(1) + "tail");
  // Two in one string: what follows them comes right after, then the padding for both.
  CHECK(binary_in(old_text + "/a:" + old_text + "/b" + nuls(1) + "x") ==
        new_text + "/a:" + new_text + "/b" + nuls(2 * spare) + nuls(1) + "x");
  // Text before the prefix within its string stays where it is.
  CHECK(binary_in("-I" + old_text + nuls(1)) == "-I" + new_text + nuls(spare) + nuls(1));
}

TEST_CASE("binary: the size never changes") {
  const std::string old_text(old_prefix);
  const std::string terminated = old_text + nuls(1);
  const std::string twice = nuls(3) + terminated + terminated + "end";
  for (const std::string& bytes : {terminated, twice, std::string("none"), std::string()}) {
    CHECK(binary_in(bytes).size() == bytes.size());
  }
}

TEST_CASE("binary: a string that runs to the end of the file stays as it is") {
  const std::string old_text(old_prefix);
  CHECK(binary_in("x" + old_text + "/lib") == "x" + old_text + "/lib");
  CHECK(binary_in(old_text + nuls(1) + old_text) ==
        std::string(new_prefix) + nuls(spare) + nuls(1) + old_text);
}

TEST_CASE(
    "binary: a prefix as long as the placeholder needs no padding, a longer one does not fit") {
  const std::string same(old_prefix.size(), 'p');
  CHECK(binary_in(std::string(old_prefix) + nuls(1), same) == same + nuls(1));
  CHECK(fits({old_prefix, same}));
  CHECK_FALSE(fits({old_prefix, same + "p"}));
}

TEST_CASE("shebang: a line that the kernel reads stays, blanks and arguments included") {
  CHECK(text_in("#! /opt/placehold_placehold/bin/bash -e\nx") == "#! /home/u/env/bin/bash -e\nx");
  CHECK(text_in("#!/bin/sh\n/opt/placehold_placehold") == "#!/bin/sh\n/home/u/env");
  const std::string at_limit = "#!/" + std::string(124, 'p');
  CHECK(working_shebang(at_limit.substr(2), "").text == at_limit);
  CHECK(working_shebang(at_limit.substr(2), "").form == ShebangForm::plain);
  CHECK(working_shebang(at_limit.substr(2) + "p", "").form == ShebangForm::searched);
}

TEST_CASE("shebang: python hands over through sh, others by their own way") {
  const std::string prefix = "/home/a user";
  CHECK(text_in("#!/opt/placehold_placehold/bin/python3.11 -s\nprint(1)\n", prefix) ==
        "#!/bin/sh\n'''exec' \"/home/a user/bin/python3.11\" -s \"$0\" \"$@\" #'''\nprint(1)\n");
  CHECK(working_shebang("/a b/perl5.36", " -w").text ==
        "#!/bin/sh\nexec \"/a b/perl5.36\" -x \"$0\" \"$@\"\n#!perl -w");
  CHECK(working_shebang("/a b/node", "").text ==
        "#!/bin/sh\n':' //; exec \"/a b/node\" \"$0\" \"$@\"");
  CHECK(working_shebang("/a b/tclsh8.6", "").text ==
        "#!/bin/sh\n# \\\nexec \"/a b/tclsh8.6\" \"$0\" \"$@\"");
  // Shell scripts may be sourced, so no exec in them; R has no form that sh could start.
  CHECK(working_shebang("/a b/bash", " -e").text == "#!/usr/bin/env bash -e");
  CHECK(working_shebang("/a b/Rscript", "").form == ShebangForm::searched);
}

TEST_CASE("shebang: python and perl run from a path that the kernel cannot take") {
  const test::TemporaryDirectory directory;
  const auto runner = base::make_process_runner();
  for (const std::string& name : {std::string("with blank"), std::string(180, 'l')}) {
    const std::filesystem::path prefix = directory / name;
    std::filesystem::create_directories(prefix / "bin");
    std::filesystem::create_symlink("/usr/bin/python3", prefix / "bin/python3.11");
    std::filesystem::create_symlink("/usr/bin/perl", prefix / "bin/perl");
    test::put_file(prefix / "bin/py",
                   text_in("#!/opt/placehold_placehold/bin/python3.11 -I\nimport sys\n"
                           "print(sys.argv[1:], sys.flags.isolated)\nsys.exit(7)\n",
                           prefix.native()));
    test::put_file(prefix / "bin/pl",
                   text_in("#!/opt/placehold_placehold/bin/perl -w\n"
                           "print \"@ARGV \" . __LINE__ . \" $^W\\n\"; exit 8;\n",
                           prefix.native()));
    for (const auto& [script, output, code] :
         {std::tuple("py", "['a b', '*'] 1\n", 7), std::tuple("pl", "a b * 2 1\n", 8)}) {
      chmod((prefix / "bin" / script).c_str(), 0755);
      base::ProcessRequest request;
      request.argv = {(prefix / "bin" / script).native(), "a b", "*"};
      const auto result = runner->run(request);
      REQUIRE(result.has_value());
      CHECK(result->errors.empty());
      CHECK(result->output == output);
      CHECK(result->code == code);
    }
  }
}
