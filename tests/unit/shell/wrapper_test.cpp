#include "shell/wrapper.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "unit/shell/nasty_words.hpp"
#include "unit/shell/posix_shells.hpp"
#include "unit/support/temporary_directory.hpp"

namespace hpcenv::shell {
namespace {

Wrapper wrapper(const std::string& shell = "/bin/sh") {
  return {"tool", shell, ".hpcenv", "record"};
}

Activation activation(const std::string& prefix) {
  ActivationInput input;
  input.prefix = prefix;
  input.environment_name = "my env";
  return activation_of(input);
}

}  // namespace

TEST_CASE("the mark of a wrapper says what it starts") {
  const auto mark = wrapper_mark(wrapper_text(activation("/my envs/a"), wrapper()));
  REQUIRE(mark);
  CHECK(mark->program == "tool");
  CHECK(mark->prefix == "/my envs/a");
  CHECK(mark->environment_name == "my env");
}

TEST_CASE("files of others bear no mark") {
  const std::string text = wrapper_text(activation("/e"), wrapper());
  for (const std::string& other : {std::string(), std::string("#!/bin/sh\necho\n"), text.substr(1),
                                   text.substr(text.find('\n') + 1), "#!/bin/sh\n" + text,
                                   text.substr(0, text.find("# Prefix")),
                                   std::string("\x7f"
                                               "ELF\n\n\n\n\n")}) {
    CHECK_FALSE(wrapper_mark(other));
  }
}

TEST_CASE("a wrapper is sh where that suffices, and bash where scripts may have to run") {
  Activation plain = activation("/e");
  CHECK(wrapper_text(plain, wrapper()).find("$SHELLOPTS") == std::string::npos);
  Activation live = plain;
  live.live_scripts = {"/e/etc/conda/activate.d/a.sh"};
  CHECK(wrapper_text(live, wrapper("/bin/bash")).find("source \"$hpcenv_script\"") !=
        std::string::npos);
  Activation guarded = plain;
  guarded.recorded.guards = {{"CXX", Incoming::unset}};
  CHECK(wrapper_text(guarded, wrapper("/bin/bash")).find("$SHELLOPTS") != std::string::npos);
}

TEST_CASE("a wrapper works in every shell, with awkward names and options") {
  const test::TemporaryDirectory directory;
  const std::string prefix = (directory / "it's $a `b` \"c\" env").string();
  test::put_file(prefix + "/conda-meta/history", "");
  test::put_file(prefix + "/bin/tool",
                 "#!/bin/sh\nprintf '%s|' \"$CONDA_PREFIX\" \"$@\"\nexit 7\n");
  std::filesystem::permissions(prefix + "/bin/tool", std::filesystem::perms::all);
  directory.write("wrapped", wrapper_text(activation(prefix), wrapper()));
  for (const PosixShell& shell : posix_shells()) {
    for (const std::string options : {"", "-eu", "-euf"}) {
      INFO(base::join(shell.argv, " ") << " " << options);
      base::ProcessRequest request;
      request.argv = shell.argv;
      if (!options.empty()) request.argv.push_back(options);
      request.argv.insert(request.argv.end(), {(directory / "wrapped").string(), "a b", "", "*"});
      const auto result = base::make_process_runner()->run(request);
      REQUIRE(result);
      CHECK(result->code == 7);
      CHECK(result->errors == nothing);
      CHECK(result->output == prefix + "|a b||*|");
    }
  }
}

}  // namespace hpcenv::shell
