#include "shell/shell_change.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;
using Environment = base::Environment;

EnvironmentFacts facts(const std::string& name) {
  return {"/envs/" + name, name, {}, {"/envs/" + name + "/a.sh"}, {"/envs/" + name + "/d.sh"}};
}

/// The variables after the statements, scripts left out; "script PATH" lines in `ran`.
Environment played(const std::vector<Statement>& statements, Environment now, std::string& ran) {
  const auto put = [&](const std::string& name, const std::optional<std::string>& value) {
    value ? now.set(name, *value) : now.unset(name);
  };
  for (const Statement& statement : statements) {
    switch (statement.kind) {
      case Kind::set:
      case Kind::exported:
        put(statement.name, statement.value);
        break;
      case Kind::unset:
        now.unset(statement.name);
        break;
      case Kind::restore:
        if (now.get(statement.name) == statement.ours) put(statement.name, statement.value);
        break;
      case Kind::source:
        ran += statement.name + "\n";
        break;
    }
  }
  return now;
}

Environment played(const std::vector<Statement>& statements, const Environment& now) {
  std::string ran;
  return played(statements, now, ran);
}

const Environment login({{"PATH", "/usr/bin:/bin"}, {"PS1", "$ "}, {"COLOUR", "mine"}});
const PromptFormat prompt = "({default_env}) ";

TEST_CASE("entering and leaving gives the same variables back") {
  EnvironmentFacts demo = facts("demo");
  demo.variables = {{"COLOUR", "red"}, {"PS4", std::nullopt}, {"NEW", "1"}};
  std::string ran;
  const Environment in = played(enter(demo, {}, login, Stacking::replace, prompt), login, ran);
  CHECK(in.get_or("PATH", "") == "/envs/demo/bin:/usr/bin:/bin");
  CHECK(in.get_or("CONDA_SHLVL", "") == "1");
  CHECK(in.get_or("PS1", "") == "(demo) $ ");
  CHECK(in.get_or("COLOUR", "") == "red");
  CHECK(in.get_or("__CONDA_SHLVL_0_COLOUR", "") == "mine");
  const Environment out = played(leave(demo, {}, in, prompt), in, ran);
  CHECK(out.all() == login.all());
  CHECK(ran == "/envs/demo/a.sh\n/envs/demo/d.sh\n");
}

TEST_CASE("three environments deep and back") {
  const EnvironmentFacts a = facts("a");
  EnvironmentFacts b = facts("b");
  b.variables = {{"COLOUR", "b"}};
  const EnvironmentFacts c = facts("c");
  const Environment one = played(enter(a, {}, login, Stacking::replace, prompt), login);
  const Environment two = played(enter(b, a, one, Stacking::replace, prompt), one);
  const Environment three = played(enter(c, b, two, Stacking::stack, prompt), two);
  CHECK(three.get_or("PATH", "") == "/envs/c/bin:/envs/b/bin:/usr/bin:/bin");
  CHECK(three.get_or("CONDA_PREFIX_2", "") == "/envs/b");
  CHECK(three.get_or("CONDA_STACKED_3", "") == "true");
  CHECK(three.get_or("COLOUR", "") == "b");
  CHECK(active_prefix(three) == "/envs/c");
  CHECK(prefix_below(three) == "/envs/b");
  const Environment back_two = played(leave(c, b, three, prompt), three);
  CHECK(back_two.all() == two.all());
  const Environment back_one = played(leave(b, a, back_two, prompt), back_two);
  CHECK(back_one.all() == one.all());
  CHECK(played(leave(a, {}, back_one, prompt), back_one).all() == login.all());
}

TEST_CASE("the outer environment's variables do not leak into the inner one") {
  EnvironmentFacts outer = facts("outer");
  outer.variables = {{"ONLY_OUTER", "1"}, {"COLOUR", "outer"}};
  const EnvironmentFacts inner = facts("inner");
  const Environment one = played(enter(outer, {}, login, Stacking::replace, prompt), login);
  const Environment two = played(enter(inner, outer, one, Stacking::replace, prompt), one);
  CHECK_FALSE(two.has("ONLY_OUTER"));
  CHECK(two.get_or("COLOUR", "") == "mine");
  const Environment back = played(leave(inner, outer, two, prompt), two);
  CHECK(back.get_or("ONLY_OUTER", "") == "1");
  CHECK(back.get_or("COLOUR", "") == "outer");
  CHECK(played(leave(outer, {}, back, prompt), back).all() == login.all());
}

TEST_CASE("entering twice does not count twice, and new variables are kept for later") {
  EnvironmentFacts demo = facts("demo");
  const Environment in = played(enter(demo, {}, login, Stacking::replace, prompt), login);
  demo.variables = {{"COLOUR", "new"}};
  const Environment again = played(enter(demo, demo, in, Stacking::replace, prompt), in);
  CHECK(again.get_or("CONDA_SHLVL", "") == "1");
  CHECK(again.get_or("PS1", "") == "(demo) $ ");
  CHECK(again.get_or("COLOUR", "") == "new");
  CHECK(played(leave(demo, {}, again, prompt), again).all() == login.all());
}

TEST_CASE("odd starts") {
  const EnvironmentFacts demo = facts("demo");
  // No PATH at all, a level without a prefix, a level that is no number.
  for (const char* level : {"2", "x", "-1", "99999999999999999999"}) {
    Environment odd;
    odd.set("CONDA_SHLVL", level);
    const Environment in = played(enter(demo, {}, odd, Stacking::replace, prompt), odd);
    CHECK(in.get_or("CONDA_SHLVL", "") == "1");
    CHECK(in.get_or("PATH", "") == "/envs/demo/bin:/usr/local/bin:/usr/bin:/bin");
    CHECK_FALSE(in.has("PS1"));
  }
  CHECK(leave({}, {}, login, prompt).empty());
}

TEST_CASE("a directory's name is no code in the prompt") {
  EnvironmentFacts odd = facts("x");
  odd.prefix = "/tmp/$(touch bad)`x`\\w";
  odd.name = odd.prefix;
  const Environment in =
      played(enter(odd, {}, login, Stacking::replace, "[{name}|{prefix}]"), login);
  CHECK(in.get_or("PS1", "") == "[?(touch bad)?x??w|/tmp/?(touch bad)?x??w]$ ");
  CHECK(in.get_or("CONDA_PREFIX", "") == odd.prefix);
}

TEST_CASE("lines quote values and leave out what no shell can name") {
  const std::string text = *render({{Kind::exported, "A", "it's $x", std::nullopt},
                                    {Kind::exported, "A.B", "1", std::nullopt},
                                    {Kind::unset, "C;rm", std::nullopt, std::nullopt}},
                                   Dialect::posix);
  CHECK(text == "\\export A='it'\\''s $x'\n\\hash -r\n");
  CHECK(render({}, Dialect::bash)->empty());
  CHECK(dialect_of("dash") == Dialect::posix);
  CHECK(dialect_of("zsh") == Dialect::zsh);
  CHECK(dialect_of("tcsh") == Dialect::tcsh);
  CHECK_FALSE(dialect_of("nu").has_value());
  CHECK(hook("/a b/hpcenv", Dialect::bash).contains("'/a b/hpcenv' \"$@\""));
  CHECK(hook("", Dialect::posix).contains("\\command hpcenv \"$@\" --shell posix"));
}

TEST_CASE("a value that is longer than a word of csh can be is refused") {
  const std::vector<Statement> statements{
      {Kind::exported, "CMAKE_ARGS", std::string(9000, 'x'), std::nullopt}};
  const auto refused = render(statements, Dialect::csh);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::refused);
  CHECK(refused.error().message.starts_with("CMAKE_ARGS has 9000 bytes"));
  CHECK(render(statements, Dialect::tcsh));
}

}  // namespace
}  // namespace hpcenv::shell
