#include "shell/subshell.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::shell {
namespace {

SubshellWish wish_for(Dialect dialect, Input input, const std::string& shell) {
  return {dialect,   input,       shell,         "/tmp/it's", "/opt/hpc env/hpcenv",
          "/my env", {"--stack"}, "setenv A b\n"};
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

base::Environment user() {
  return base::Environment({{"ENV", "$HOME/it's"},
                            {"BASH_ENV", "/init"},
                            {"PATH", "/bin"},
                            {"HPCENV_SUBSHELL", "/older"}});
}

TEST_CASE("each shell is told of our file in its own way, and gets the user's variable back") {
  struct Row {
    Dialect dialect;
    Input input;
    std::vector<std::string> argv;
    const char* variable;
    const char* value;
    const char* restores;
  };
  const std::string folder = "/tmp/it's";
  const std::vector<Row> rows{
      {Dialect::bash,
       Input::terminal,
       {"/s", "--rcfile", folder + "/bashrc", "-i"},
       "PATH",
       "/bin",
       ". ~/.bashrc"},
      {Dialect::bash,
       Input::stream,
       {"/s"},
       "BASH_ENV",
       "/tmp/it's/bashenv",
       "\\export BASH_ENV=/init\n"},
      {Dialect::zsh, Input::terminal, {"/s", "-i"}, "ZDOTDIR", "/tmp/it's", "\\unset ZDOTDIR\n"},
      {Dialect::zsh, Input::stream, {"/s"}, "ZDOTDIR", "/tmp/it's", "\\unset ZDOTDIR\n"},
      {Dialect::posix,
       Input::terminal,
       {"/s", "-i"},
       "ENV",
       "/tmp/it's/shrc",
       "\\export ENV='$HOME/it'\\''s'\n"},
      {Dialect::posix, Input::stream, {"/s", folder + "/script"}, "ENV", "$HOME/it's", "exec /s\n"},
      {Dialect::fish,
       Input::terminal,
       {"/s", "-i", "-C", "source '/tmp/it\\'s/enter.fish'"},
       "PATH",
       "/bin",
       "or exit\n"},
      {Dialect::fish,
       Input::stream,
       {"/s", "-C", "source '/tmp/it\\'s/enter.fish'"},
       "PATH",
       "/bin",
       "or exit\n"},
      {Dialect::tcsh,
       Input::terminal,
       {"/s", "-f", folder + "/enter.csh"},
       "PATH",
       "/bin",
       "setenv HPCENV_SUBSHELL '/my env'\nexec '/s'\n"},
      {Dialect::csh,
       Input::stream,
       {"/s", folder + "/enter.csh"},
       "PATH",
       "/bin",
       "setenv A b\nexec '/s' -f\n"},
  };
  for (const Row& row : rows) {
    const Subshell made = subshell(wish_for(row.dialect, row.input, "/s"), user());
    CHECK(made.argv == row.argv);
    CHECK(made.environment.get_or(row.variable, "") == row.value);
    CHECK_FALSE(made.environment.has("HPCENV_SUBSHELL"));
    REQUIRE_FALSE(made.files.empty());
    CHECK(holds(made.files[0].second, row.restores));
    CHECK(made.files.size() ==
          (row.dialect == Dialect::zsh && row.input == Input::terminal ? 2 : 1));
    for (const auto& [name, text] : made.files) {
      for (const char* ours :
           {"@FOLDER@", "@SHELL@", "@DEFAULT@", "@RESTORE@", "@LINES@", "@ENTER@", "@FILE@"}) {
        CHECK_FALSE(holds(text, ours));
      }
    }
    const std::string& last = made.files.back().second;
    CHECK(holds(last, "rm -rf "));
    CHECK(holds(last, "it"));
    const bool fish = row.dialect == Dialect::fish;
    if (!is_csh(row.dialect)) {
      CHECK(holds(last, fish ? "hpcenv activate --prefix '/my env' '--stack'"
                             : "hpcenv activate --prefix '/my env' --stack"));
    }
  }
}

TEST_CASE("a korn shell has a file of its own where ENV names none") {
  const base::Environment empty;
  const auto text = [&](const char* shell) {
    return subshell(wish_for(Dialect::posix, Input::terminal, shell), empty).files[0].second;
  };
  CHECK(holds(text("/bin/ksh93"), "__hpcenv_file=$HOME/.kshrc\n"));
  CHECK(holds(text("/bin/mksh"), "__hpcenv_file=$HOME/.mkshrc\n"));
  CHECK(holds(text("/bin/dash"), "__hpcenv_file=\n"));
}

TEST_CASE("what comes in is not searched for our own words") {
  SubshellWish wish = wish_for(Dialect::csh, Input::stream, "/bin/@ENTER@");
  wish.lines = "setenv A '@FOLDER@'\n";
  const std::string text = subshell(wish, {}).files[0].second;
  CHECK(holds(text, "setenv A '@FOLDER@'\n"));
  CHECK(holds(text, "exec '/bin/@ENTER@'"));
}

}  // namespace
}  // namespace hpcenv::shell
