#include "shell/modulefile.hpp"

#include <catch2/catch_test_macros.hpp>

#include "unit/shell/every_rule.hpp"

namespace hpcenv::shell {
namespace {

ActivationInput input_at(const std::string& prefix) {
  ActivationInput input;
  input.prefix = prefix;
  input.environment_name = "e";
  return input;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_CASE("what no module can hold is refused by name, with its reason") {
  ActivationInput input = input_at("/e");
  input.variables = {
      {"NEWLINE", "a\nb"}, {"BYTES", "\xff"}, {"CONTROL", "a\rb"}, {"HOME_MARK", "a:~/x"},
      {"BANG", "a!"},      {"A.B", "x"},      {"PWD", "/"},        {"NUL", std::string("a\0b", 3)},
      {"GOOD", "x"}};
  const auto lua = module_file(activation_of(input), ModuleKind::lmod);
  REQUIRE(lua);
  CHECK(lua->refused == std::vector<RefusedVariable>{{"A.B", "a shell cannot name it"},
                                                     {"NEWLINE", "it holds a newline"},
                                                     {"NUL", "it holds a NUL byte"},
                                                     {"PWD", "the shell keeps it for itself"}});
  CHECK(lua->in_some_shells ==
        std::vector<RefusedVariable>{{"BANG", "csh and tcsh would not get it as it is"},
                                     {"BYTES", "csh and tcsh would not get it as it is"},
                                     {"CONTROL", "fish would not get it as it is"}});
  CHECK(lua->text.find("-- Left out: NEWLINE, because it holds a newline\n") != std::string::npos);
  const auto tcl = module_file(activation_of(input), ModuleKind::tcl);
  REQUIRE(tcl);
  CHECK(tcl->refused ==
        std::vector<RefusedVariable>{{"A.B", "a shell cannot name it"},
                                     {"BYTES", "it is not UTF-8"},
                                     {"CONTROL", "it holds a control character"},
                                     {"HOME_MARK", "it would become a home directory: it holds ~"},
                                     {"NEWLINE", "it holds a newline"},
                                     {"NUL", "it holds a NUL byte"},
                                     {"PWD", "the shell keeps it for itself"}});
  CHECK(tcl->text.find("# Left out: BYTES, because it is not UTF-8\n") != std::string::npos);
}

TEST_CASE("a value that no program can be given is refused") {
  ActivationInput input = input_at("/e");
  input.variables = {{"LONG", std::string(200'000, 'x')}, {"GOOD", std::string(100'000, 'x')}};
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    CHECK(module_file(activation_of(input), kind)->refused ==
          std::vector<RefusedVariable>{{"LONG", "no program can be given so long a value"}});
  }
}

TEST_CASE("a prefix that cannot be in PATH makes no module") {
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    for (const char* prefix : {"/a:b", "/a\nb"}) {
      const auto file = module_file(activation_of(input_at(prefix)), kind);
      REQUIRE_FALSE(file);
      CHECK(file.error().kind == ErrorKind::refused);
      CHECK(file.error().message.starts_with("no module can put /a"));
    }
  }
}

TEST_CASE("names and paths in comments of a module are comments") {
  ActivationInput input = input_at("/e");
  input.variables = {{"BAD\nsystem(1)\\", "x"}, {"B]]", "x"}};
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    const auto file = module_file(activation_of(input), kind);
    REQUIRE(file);
    CHECK(file->text.find("\nsystem") == std::string::npos);
    CHECK((kind == ModuleKind::lmod || file->text.find("\\, because") == std::string::npos));
  }
}

TEST_CASE("directories go into lists, and other affixes are computed") {
  ActivationInput input = input_at("/e");
  input.recorded.rules = every_rule();
  const std::string lua = module_file(activation_of(input), ModuleKind::lmod)->text;
  CHECK(lua.find("list(prepend_path, \"CMAKE_PREFIX_PATH\", \"/e\")\n") != std::string::npos);
  CHECK(lua.find("push(\"CFLAGS\", once(\"CFLAGS\", \"-O2 \", \"\", \"-O2\", \" \", by(\"CFLAGS\", "
                 "\"-O2\", "
                 "\"-O2\", \"-O2 \" .. text(\"CFLAGS\"))))\n") != std::string::npos);
  const std::string tcl = module_file(activation_of(input), ModuleKind::tcl)->text;
  CHECK(tcl.find("hpcenv_list prepend-path CMAKE_PREFIX_PATH \"/e\"\n") != std::string::npos);
}

TEST_CASE("what the environment sets is what its rules read, and a variable is set once") {
  ActivationInput input = input_at("/e");
  input.variables = {{"CFLAGS", "-Os"}, {"CXX", std::nullopt}};
  input.recorded.rules = {
      rule("CFLAGS", set("-O2"), set("-O2"), set({text("-O2 "), incoming("CFLAGS")})),
      rule("HAS_CXX", set("no"), set("empty"), set("yes")), rule("KEPT", keep(), keep(), keep())};
  input.recorded.rules[1].selector = "CXX";
  const auto file = module_file(activation_of(input), ModuleKind::lmod);
  CHECK(file->text.find("push(\"CFLAGS\", \"-O2 -Os\")\n") != std::string::npos);
  CHECK(file->text.find("push(\"HAS_CXX\", \"no\")\n") != std::string::npos);
  CHECK(count(file->text, "push(\"CFLAGS\"") == 1);
  CHECK(count(file->text, "push(\"KEPT\"") == 0);
}

TEST_CASE("a guard on what the environment itself sets is decided by that") {
  ActivationInput input = input_at("/e");
  input.variables = {{"CXX", "mine"}, {"GONE", std::nullopt}};
  input.recorded.rules = {rule("X", set("x"), set("x"), set("x"))};
  input.recorded.guards = {{"CXX", Incoming::unset}, {"GONE", Incoming::unset}};
  const auto lua = module_file(activation_of(input), ModuleKind::lmod);
  CHECK(lua->text.find("was[\"CXX\"] = \"mine\"\n") != std::string::npos);
  CHECK(lua->text.find("was[\"GONE\"] = nil\n") != std::string::npos);
}

TEST_CASE("a rule that takes PATH apart is refused, one that adds to it is not") {
  ActivationInput input = input_at("/e");
  input.recorded.rules = {rule("PATH", set("/x"), set("/x"), set({text("/x:"), incoming("PATH")}))};
  CHECK(module_file(activation_of(input), ModuleKind::tcl)->refused.empty());
  input.recorded.rules = {rule("PATH", keep(), keep(), set({text("/x"), incoming("HOME")}))};
  const auto file = module_file(activation_of(input), ModuleKind::tcl);
  CHECK(file->refused == std::vector<RefusedVariable>{{"PATH", "a module can only add to it"}});
}

TEST_CASE("variables of the module commands themselves are refused") {
  ActivationInput input = input_at("/e");
  input.variables = {
      {"LMOD_CMD", "/e/lmod"}, {"MODULEPATH", "/e"}, {"MODULESHOME", "/e"}, {"MODULE_X", "fine"}};
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    const auto file = module_file(activation_of(input), kind);
    REQUIRE(file->refused.size() == 3);
    CHECK(file->refused[0] ==
          RefusedVariable{"LMOD_CMD", "the module command keeps it for itself"});
  }
}

TEST_CASE("hpcenv knows its own module files") {
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    CHECK(is_own_module_file(module_file(activation_of(input_at("/e")), kind)->text));
  }
  CHECK_FALSE(is_own_module_file("#%Module1.0\nprepend-path PATH /e/bin\n"));
  CHECK_FALSE(is_own_module_file(""));
}

}  // namespace hpcenv::shell
