// Values that renderers have to carry unchanged, or to refuse.
#pragma once

#include <string>
#include <vector>

namespace hpcenv::shell {

/// What a test compares with that shows what there is instead.
inline const std::string nothing;

inline const std::vector<std::string> nasty_words = {
    "",
    " ",
    "a b",
    "it's",
    "''",
    "\"",
    "$HOME",
    "`id`",
    "$(id)",
    "\\",
    "a\\nb",
    "a\nb",
    "a\tb",
    "*",
    "?",
    "[a]",
    "~",
    "~root",
    "!",
    "#x",
    "a#b",
    "a;b",
    "a&b",
    "a|b",
    "(x)",
    "{a,b}",
    "<x>",
    "-n",
    "--",
    "=",
    "a=b",
    "%s",
    "\xff",
    "ä",
    "\x01",
    "$ORIGIN/lib",
    "a'b\"c$",
    "\r",
    "^",
    "a\n",
    "\n",
    "\\\n",
    "it's!\\",
    " a ",
    "a::b",
    ":",
    "\x81\x82\x88\x9b",
    "]",
    "*'`\"$\\!\n\xfe ~",
};

}  // namespace hpcenv::shell
