// Module files in real module systems and real shells; slow, so a test of its own (shells.modules).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "shell/modulefile.hpp"
#include "unit/shell/every_rule.hpp"
#include "unit/shell/module_systems.hpp"
#include "unit/shell/nasty_words.hpp"

namespace hpcenv::shell {
namespace {

ActivationInput plain_input() {
  ActivationInput input;
  input.prefix = "/envs/torch";
  input.environment_name = "torch";
  return input;
}

std::string difference(const Variables& found, const Variables& expected) {
  std::string text;
  for (const auto& [name, value] : expected) {
    const auto there = found.find(name);
    if (there == found.end()) {
      text += "missing: " + name + "\n";
    } else if (there->second != value) {
      text += fmt::format("{} is <{}>, not <{}>\n", name, there->second, value);
    }
  }
  for (const auto& [name, value] : found) {
    if (!expected.contains(name)) text += fmt::format("too much: {}={}\n", name, value);
  }
  return text;
}

// Lmod folds what is said.
std::string one_line(const std::string& text) {
  std::vector<std::string> words;
  const std::string line = base::replace_all(text, "\n", " ");
  for (const std::string_view word : base::split_words(line)) words.emplace_back(word);
  return base::join(words, " ");
}

Variables without_own(Variables variables) {
  std::erase_if(variables, [](const auto& entry) { return entry.first.starts_with("__HPCENV_"); });
  return variables;
}

// What changes how a shell reads words.
std::string awkward_option(const LoginShell& shell) {
  if (shell.name == "tcsh") return "set backslash_quote\n";
  if (shell.name == "zsh") return "setopt rc_quotes sh_word_split\n";
  return shell.name == "bash" ? "set -euf -o pipefail\nshopt -s failglob\n" : "";
}

template <class Act>
void in_every_shell(const Act& act) {
  if (shell_tools().empty()) SKIP("no module systems");
  for (const ModuleKind kind : {ModuleKind::lmod, ModuleKind::tcl}) {
    for (const LoginShell& shell : login_shells) {
      INFO((kind == ModuleKind::lmod ? "Lmod in " : "Modules in ") << shell.name);
      const ModuleShell modules(kind, shell);
      act(kind, shell, modules);
      CHECK_FALSE(modules.executed_something());
    }
  }
}

}  // namespace

TEST_CASE("a module sets what apply sets, twice too, and unloading restores", "[.modules]") {
  ActivationInput input = plain_input();
  input.recorded.rules = every_rule();
  input.variables = {{"SAID", "a b"}, {"NOT_SAID", std::nullopt}};
  const Activation activation = activation_of(input);
  const std::vector<Variables> incoming_states{{{"PATH", "/usr/bin:/bin"}},
                                               {{"PATH", "/usr/bin:/bin:/x"},
                                                {"CFLAGS", "-g"},
                                                {"LDFLAGS", "-Wl,-rpath,$ORIGIN"},
                                                {"CXX", "my c++"},
                                                {"SAID", "mine"},
                                                {"NOT_SAID", ""},
                                                {"B_GONE", "b"},
                                                {"CARGO_HOME", "/c"},
                                                {"CMAKE_PREFIX_PATH", "/a:/b"},
                                                {"A_CONST", "a"},
                                                {"PYTHONPATH", "/p:/q"},
                                                {"CONDA_PREFIX", "/opt/conda"},
                                                {"CONDA_SHLVL", "2"}},
                                               {{"PATH", "/usr/bin:/bin"},
                                                {"CFLAGS", "-O2 -g"},
                                                {"CXX", ""},
                                                {"A_CONST", ""},
                                                {"LDFLAGS", "-s -L/e"},
                                                {"AROUND", "<x>"},
                                                {"LIST_ODD", "/a:/o:/b"}},
                                               {{"PATH", "/usr/bin:/bin"},
                                                {"AROUND", ">x<"},
                                                {"LIST_ODD", "/o"},
                                                {"CMAKE_PREFIX_PATH", "/a:/e:/b:/e"}},
                                               {{"PATH", "/usr/bin:/bin"},
                                                {"AROUND", "<"},
                                                {"LIST_ODD", "/o:/b"},
                                                {"CMAKE_PREFIX_PATH", "/e"}}};
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    const auto file = module_file(activation, kind);
    REQUIRE(file);
    CHECK(file->refused.empty());
    modules.write("torch", file->text);
    for (const Variables& before : incoming_states) {
      const auto seen =
          modules.run({"module load torch", "module load torch", "module unload torch"}, before);
      CHECK(seen.errors == nothing);
      REQUIRE(seen.states.size() == 4);
      const auto expected = apply(activation, base::Environment(seen.states[0]));
      CHECK(difference(without_own(seen.states[1]), expected.all()) == nothing);
      CHECK(difference(seen.states[2], seen.states[1]) == nothing);
      CHECK(difference(seen.states[3], seen.states[0]) == nothing);
    }
  });
}

TEST_CASE("values of every kind go through modules, or are refused by name", "[.modules]") {
  ActivationInput input = plain_input();
  std::vector<std::string> words = nasty_words;
  for (const char* more :
       {"x\ntouch executed\n", "`touch executed`", "$(touch executed)", "\"; touch executed; \"",
        "'; touch executed; '", "{a,touch executed}", "a;touch executed", "!touch", "~/x", "a:~/x",
        "\x1b[0m", "[x]", "a\rb"}) {
    words.emplace_back(more);
  }
  words.emplace_back(9000, 'x');
  for (std::size_t i = 0; i < words.size(); ++i)
    input.variables.emplace_back("V" + std::to_string(i), words[i]);
  const Activation activation = activation_of(input);
  in_every_shell([&](ModuleKind kind, const LoginShell& shell, const ModuleShell& modules) {
    const auto file = module_file(activation, kind);
    REQUIRE(file);
    modules.write("torch", file->text);
    const auto seen =
        modules.run({awkward_option(shell) + "module load torch", "module unload torch"}, {});
    const auto named = [](const auto& list, const std::string& name) {
      return std::ranges::any_of(list,
                                 [&](const RefusedVariable& one) { return one.name == name; });
    };
    std::size_t held = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string name = "V" + std::to_string(i);
      INFO(name << " <" << words[i] << ">");
      const auto found = seen.states[1].find(name);
      const bool here = found != seen.states[1].end();
      if (here) CHECK(found->second == words[i]);
      const bool refused = named(file->refused, name);
      CHECK_FALSE((refused && here));
      if (!refused && !here) {
        CHECK(named(file->in_some_shells, name));
        CHECK(seen.errors.find("hpcenv: " + name + " is left as it is") != std::string::npos);
      }
      if (!here && !refused && !shell.is_csh() && shell.name != "fish") CHECK(here);
      held += here ? 1 : 0;
    }
    CHECK(held >= (shell.is_csh() ? 35U : 45U));
    CHECK(difference(seen.states[2], seen.states[0]) == nothing);
  });
}

TEST_CASE("what comes in is never executed by a module", "[.modules]") {
  std::vector<std::string> words = nasty_words;
  words.insert(words.end(), {"`touch executed`", "x\ntouch\n", "$(touch executed)",
                             "';touch executed;'", "\xff\xfe", "\xc3\xa4\n"});
  ActivationInput input = plain_input();
  Variables before;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string in = "IN_" + std::to_string(i);
    before[in] = words[i];
    input.recorded.rules.push_back(
        rule(in, set("-O2"), set("-O2"), set({text("-O2 "), incoming(in)})));
    const Outcome copy = set({incoming(in)});
    input.recorded.rules.push_back({"OUT_" + std::to_string(i), in, copy, copy, copy, {}});
  }
  const Activation activation = activation_of(input);
  in_every_shell([&](ModuleKind kind, const LoginShell& shell, const ModuleShell& modules) {
    modules.write("torch", module_file(activation, kind)->text);
    const auto seen = modules.run({"module load torch", "module unload torch"}, before);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string number = std::to_string(i);
      INFO("<" << words[i] << ">");
      const auto says = [&](const std::string& name) {
        return seen.errors.find("hpcenv: " + name + " is left as it is") != std::string::npos;
      };
      const bool left = says("IN_" + number);
      CHECK(seen.states[1].at("IN_" + number) == (left               ? words[i]
                                                  : words[i].empty() ? "-O2"
                                                                     : "-O2 " + words[i]));
      const auto copy = seen.states[1].find("OUT_" + number);
      CHECK((copy == seen.states[1].end()) == says("OUT_" + number));
      if (copy != seen.states[1].end()) CHECK(copy->second == words[i]);
      changed += left ? 0 : 1;
    }
    CHECK(changed >= (shell.is_csh() ? 25U : 35U));
    CHECK(difference(seen.states[2], seen.states[0]) == nothing);
  });
}

TEST_CASE("guards are asked when a module is loaded", "[.modules]") {
  ActivationInput input = plain_input();
  input.recorded.rules = {
      rule("NVCC", set("x"), set("x"), set("x")),
      rule("LISTS", set("/e"), set("/e"), set({text("/e:"), incoming("LISTS")}))};
  input.recorded.guards = {{"CXX", Incoming::unset}};
  input.recorded.scripts = {"/envs/torch/etc/conda/activate.d/~cuda-nvcc_activate.sh"};
  const Activation activation = activation_of(input);
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    modules.write("torch", module_file(activation, kind)->text);
    const auto holds = modules.run({"module load torch", "module unload torch"}, {});
    CHECK(holds.states[1].at("NVCC") == "x");
    CHECK(holds.states[1].at("LISTS") == "/e");
    CHECK(difference(holds.states[2], holds.states[0]) == nothing);
    const auto broken = modules.run({"module load torch", "module unload torch"},
                                    {{"CXX", "c++"}, {"NVCC", "mine"}, {"LISTS", "/e:/m"}});
    CHECK(broken.states[1].at("NVCC") == "mine");
    CHECK(broken.states[1].at("LISTS") == "/e:/m");
    CHECK(broken.states[1].at("CONDA_PREFIX") == "/envs/torch");
    CHECK(one_line(broken.errors).find("recorded where CXX is unset: ~cuda-nvcc_activate.sh") !=
          std::string::npos);
    CHECK(difference(broken.states[2], broken.states[0]) == nothing);
  });
}

TEST_CASE("lists of which a part was there, or that were empty, are given back", "[.modules]") {
  ActivationInput input = plain_input();
  for (const char* name : {"HELD", "EMPTY", "LATER", "UNSET"}) {
    input.recorded.rules.push_back(
        rule(name, set("/e"), set("/e"), set({text("/e:"), incoming(name)})));
  }
  const Activation activation = activation_of(input);
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    modules.write("torch", module_file(activation, kind)->text);
    modules.write("after", kind == ModuleKind::lmod ? "prepend_path(\"LATER\", \"/after\")\n"
                                                    : "#%Module1.0\nprepend-path LATER /after\n");
    const auto seen = modules.run({"module load torch", "module load torch", "module load after",
                                   "module unload torch", "module unload after"},
                                  {{"HELD", "/a:/e:/b"}, {"EMPTY", ""}, {"LATER", ""}});
    CHECK(seen.states[1].at("HELD") == "/e:/a:/b");
    CHECK(seen.states[1].at("EMPTY") == "/e");
    CHECK(difference(seen.states[2], seen.states[1]) == nothing);
    CHECK(seen.states[4].at("LATER") == "/after");
    CHECK(seen.states[4].at("EMPTY") == nothing);
    CHECK_FALSE(seen.states[4].contains("UNSET"));
    CHECK(seen.states[4].at("HELD") == "/a:/e:/b");
  });
}

TEST_CASE("a guard that an earlier entry broke by itself holds", "[.modules]") {
  ActivationInput input = plain_input();
  input.recorded.rules = {rule("CXX", set("x86-g++"), set("x86-g++"), keep()),
                          rule("NVCC", set("x"), set("x"), set("x"))};
  input.recorded.guards = {{"CXX", Incoming::unset}};
  const Activation activation = activation_of(input);
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    modules.write("torch", module_file(activation, kind)->text);
    CHECK(modules.run({"module load torch"}, {{"CXX", "x86-g++"}}).states[1].at("NVCC") == "x");
    CHECK_FALSE(modules.run({"module load torch"}, {{"CXX", "mine"}}).states[1].contains("NVCC"));
  });
}

TEST_CASE("two environments are not loaded as modules at once", "[.modules]") {
  ActivationInput other = plain_input();
  other.prefix = "/envs/other";
  other.environment_name = "other";
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    modules.write("torch", module_file(activation_of(plain_input()), kind)->text);
    modules.write("other", module_file(activation_of(other), kind)->text);
    const auto seen =
        modules.run({"module load torch", "module load other", "module unload other torch"}, {});
    const std::string& prefix = seen.states[2].at("CONDA_PREFIX");
    const std::string& path = seen.states[2].at("PATH");
    CHECK((path.find("/envs/torch/") == std::string::npos ||
           path.find("/envs/other/") == std::string::npos));
    CHECK(path.starts_with(prefix + "/bin:"));
    CHECK(difference(seen.states[3], seen.states[0]) == nothing);
  });
}

TEST_CASE("help and whatis say what a module is, and which scripts did not run", "[.modules]") {
  ActivationInput input = plain_input();
  input.prefix = "/my envs/it's $a `b` [c] {d} \"e\" \\";
  input.live_scripts = {"/e/etc/conda/activate.d/10_live.sh"};
  in_every_shell([&](ModuleKind kind, const LoginShell&, const ModuleShell& modules) {
    modules.write("torch", module_file(activation_of(input), kind)->text);
    const auto seen = modules.run({"module help torch", "module whatis torch"}, {});
    CHECK(seen.errors.find(input.prefix) != std::string::npos);
    CHECK(seen.errors.find("these did not run: 10_live.sh") != std::string::npos);
    CHECK(difference(seen.states[2], seen.states[0]) == nothing);
  });
}

TEST_CASE("Lmod is told to take the Lua file, and takes it where both are", "[.modules]") {
  if (shell_tools().empty()) SKIP("no module systems");
  const Activation activation = activation_of(plain_input());
  for (const LoginShell& shell : login_shells) {
    INFO(shell.name);
    const ModuleShell modules(ModuleKind::lmod, shell);
    modules.write_tcl("torch", module_file(activation, ModuleKind::tcl)->text);
    auto seen = modules.run({"module load torch"}, {{"PYTHONPATH", "/p"}});
    CHECK(one_line(seen.errors).find("hpcenv modulefile --lmod") != std::string::npos);
    CHECK(difference(seen.states[1], seen.states[0]) == nothing);
    modules.write("torch", module_file(activation, ModuleKind::lmod)->text);
    seen = modules.run({"module load torch", "module unload torch"}, {{"PYTHONPATH", "/p"}});
    CHECK(seen.errors == nothing);
    CHECK(seen.states[1].at("CONDA_PREFIX") == "/envs/torch");
    CHECK(difference(seen.states[2], seen.states[0]) == nothing);
  }
}

}  // namespace hpcenv::shell
