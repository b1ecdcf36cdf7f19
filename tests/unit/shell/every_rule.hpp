// One rule of each class, some of which read what others write.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shell/recorded.hpp"

namespace hpcenv::shell {

inline Piece text(std::string words) { return {Piece::Kind::text, std::move(words)}; }
inline Piece incoming(std::string name) { return {Piece::Kind::incoming, std::move(name)}; }
inline Outcome keep() { return {}; }
inline Outcome unset() { return {Outcome::Kind::unset, {}}; }
inline Outcome set(Template value) { return {Outcome::Kind::set, std::move(value)}; }
inline Outcome set(std::string words) { return set(Template{text(std::move(words))}); }

inline Rule rule(const std::string& name, Outcome when_unset, Outcome when_empty,
                 Outcome when_set) {
  return {name, name, std::move(when_unset), std::move(when_empty), std::move(when_set), {}};
}

inline std::vector<Rule> every_rule() {
  std::vector<Rule> rules{
      rule("A_CONST", set("it's `id` $HOME"), set("it's `id` $HOME"), set("it's `id` $HOME")),
      rule("AROUND", set("<>"), set("<>"), set({text("<"), incoming("AROUND"), text(">")})),
      rule("LIST_ODD", set("/o"), set("was empty"), set({text("/o:"), incoming("LIST_ODD")})),
      rule("B_GONE", unset(), unset(), unset()),
      rule("CARGO_HOME", set("/home/c"), set("/home/c"), keep()),
      rule("CFLAGS", set("-O2"), set("-O2"), set({text("-O2 "), incoming("CFLAGS")})),
      rule("CMAKE_PREFIX_PATH", set("/e"), set("/e"),
           set({text("/e:"), incoming("CMAKE_PREFIX_PATH")})),
      rule("CXX", set("x86-g++"), set("x86-g++"), set("x86-g++")),
      rule("EMPTIED", set(Template{}), set(Template{}), set(Template{})),
      rule("IF_EMPTY", keep(), set("was empty"), keep()),
      rule("LDFLAGS", set("-L/e"), set({text(" -L/e")}), set({incoming("LDFLAGS"), text(" -L/e")})),
      rule("OLD_CXX", unset(), set(Template{}), set({incoming("CXX")})),
      rule("X_COPY", unset(), set(Template{}),
           set({text("<"), incoming("CFLAGS"), text("|;'"), incoming("CXX"), text(">")})),
      rule("ZZ_SWAP", set({incoming("CXX")}), set({incoming("CXX")}), set({incoming("A_CONST")})),
  };
  for (Rule& one : rules) {
    if (one.name == "OLD_CXX") one.selector = "CXX";
    if (one.name == "X_COPY") one.selector = "CFLAGS";
    if (one.name == "IF_EMPTY") one.selector = "A_CONST";
  }
  return rules;
}

}  // namespace hpcenv::shell
