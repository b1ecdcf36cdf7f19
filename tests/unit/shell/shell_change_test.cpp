#include "shell/shell_change.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace hpcenv::shell {
namespace {

using Kind = Statement::Kind;
using Environment = base::Environment;

EnvironmentFacts facts(const std::string& name) {
  EnvironmentFacts facts;
  facts.prefix = "/envs/" + name;
  facts.name = name;
  facts.activate_scripts = {facts.prefix + "/a.sh"};
  facts.deactivate_scripts = {facts.prefix + "/d.sh"};
  return facts;
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
  CHECK(text == "\\command export A='it'\\''s $x' || \\:\n\\hash -r 2>/dev/null || \\:\n");
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
namespace {

Rule literal(const std::string& name, const std::string& value) {
  const Outcome outcome{Outcome::Kind::set, {{Piece::Kind::text, value}}};
  return {name, name, outcome, outcome, outcome, {}};
}

Rule added(const std::string& name, const std::string& text) {
  const Outcome alone{Outcome::Kind::set, {{Piece::Kind::text, text}}};
  const Outcome beside{Outcome::Kind::set,
                       {{Piece::Kind::incoming, name}, {Piece::Kind::text, text}}};
  return {name, name, alone, alone, beside, {}};
}

// An environment whose scripts are all recorded.
EnvironmentFacts recorded(const std::string& name, std::vector<Rule> rules) {
  EnvironmentFacts facts;
  facts.prefix = "/envs/" + name;
  facts.name = name;
  facts.rules = std::move(rules);
  return facts;
}

const EnvironmentFacts tools =
    recorded("tools", {added("FLAGS", " -O2"),
                       literal("JAVA_HOME", "/envs/tools/jvm"),
                       {"PATH",
                        "PATH",
                        {},
                        {},
                        {Outcome::Kind::set,
                         {{Piece::Kind::text, "/envs/tools/x:"}, {Piece::Kind::incoming, "PATH"}}},
                        {}}});

Environment entered(const EnvironmentFacts& facts, const Environment& now,
                    Stacking stacking = Stacking::replace) {
  return after_statements(enter(facts, {}, now, stacking, std::nullopt), now);
}

Environment left(const EnvironmentFacts& facts, const Environment& now,
                 const EnvironmentFacts& below = {}) {
  return after_statements(leave(facts, below, now, std::nullopt), now);
}

}  // namespace

TEST_CASE("leaving gives back what was there before recorded scripts were entered") {
  for (const char* flags : {"none", "", "-g $ORIGIN `id`"}) {
    Environment before;
    before.set("PATH", "/usr/bin:/bin");
    if (std::string_view(flags) != "none") before.set("FLAGS", flags);
    before.set("JAVA_HOME", "/usr/lib/jvm");
    const Environment inside = entered(tools, before);
    CHECK(inside.get("JAVA_HOME") == "/envs/tools/jvm");
    CHECK(inside.get("PATH") == "/envs/tools/x:/envs/tools/bin:/usr/bin:/bin");
    CHECK(left(tools, inside).block() == before.block());
    // Twice: nothing doubles, and the way back is the same.
    const Environment again = entered(tools, inside);
    CHECK(again.block() == inside.block());
    CHECK(left(tools, again).block() == before.block());
  }
}

TEST_CASE("what the user changed inside stays, without what the environment added") {
  Environment before;
  before.set("PATH", "/usr/bin");
  Environment inside = entered(tools, before);
  inside.set("FLAGS", inside.get_or("FLAGS", "") + " -mine");
  inside.set("JAVA_HOME", "/envs/tools/jvm/mine");
  inside.set("PATH", "/mine:" + inside.get_or("PATH", ""));
  const Environment after = left(tools, inside);
  CHECK(after.get("FLAGS") == " -mine");
  CHECK(after.get("JAVA_HOME") == "/envs/tools/jvm/mine");
  CHECK(after.get("PATH") == "/mine:/usr/bin");
}

TEST_CASE("one environment's effect is gone in the next, and under a stacked one it stays") {
  const EnvironmentFacts other = recorded("other", {added("FLAGS", " -O3"), literal("R", "1")});
  Environment before;
  before.set("PATH", "/usr/bin");
  before.set("FLAGS", "-g");
  const Environment inside = entered(tools, before);
  const Environment replaced =
      after_statements(enter(other, tools, inside, Stacking::replace, std::nullopt), inside);
  CHECK(replaced.get("FLAGS") == "-g -O3");
  CHECK_FALSE(replaced.has("JAVA_HOME"));
  CHECK(replaced.get("PATH") == "/envs/other/bin:/usr/bin");
  const Environment back = left(other, replaced, tools);
  CHECK(back.get("FLAGS") == "-g -O2");
  CHECK(back.get("JAVA_HOME") == "/envs/tools/jvm");
  CHECK(left(tools, back).block() == before.block());
  const Environment stacked =
      after_statements(enter(other, tools, inside, Stacking::stack, std::nullopt), inside);
  CHECK(stacked.get("FLAGS") == "-g -O2 -O3");
  CHECK(stacked.get("JAVA_HOME") == "/envs/tools/jvm");
  CHECK(left(other, stacked, tools).block() == inside.block());
}

TEST_CASE("all levels can be undone at once, as a job does that starts from an active shell") {
  Environment before;
  before.set("FLAGS", "-g");
  before.set("PATH", "/usr/bin");
  const EnvironmentFacts other = recorded("other", {added("FLAGS", " -O3")});
  const Environment inside = entered(tools, before);
  const Environment stacked =
      after_statements(enter(other, tools, inside, Stacking::stack, std::nullopt), inside);
  const Environment undone = without_effects(stacked);
  CHECK(undone.get("FLAGS") == "-g");
  CHECK_FALSE(undone.has("JAVA_HOME"));
  for (const auto& [name, value] : undone.all()) CHECK_FALSE(name.starts_with("__HPCENV"));
}

}  // namespace hpcenv::shell
