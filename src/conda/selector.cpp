#include "conda/selector.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

/// A word and the subdirs for which it is true; a subdir ends in `*` where only its start counts.
struct Word {
  std::string_view name;
  std::string_view subdirs;
};

constexpr auto words = std::to_array<Word>({
    {"linux", "linux-*"},
    {"linux32", "linux-32"},
    {"linux64", "linux-64"},
    {"osx", "osx-*"},
    {"osx64", "osx-64"},
    {"win", "win-*"},
    {"win32", "win-32"},
    {"win64", "win-64"},
    {"unix", "linux-* osx-* freebsd-* emscripten-*"},
    {"freebsd", "freebsd-*"},
    {"zos", "zos-*"},
    {"emscripten", "emscripten-*"},
    {"wasi", "wasi-*"},
    {"x86", "linux-32 linux-64 osx-64 win-32 win-64 freebsd-64"},
    {"x86_64", "linux-64 osx-64 win-64 freebsd-64"},
    {"x64", "linux-64 osx-64 win-64 freebsd-64"},
    {"arm64", "osx-arm64 win-arm64"},
    {"aarch64", "linux-aarch64"},
    {"ppc64le", "linux-ppc64le"},
    {"ppc64", "linux-ppc64"},
    {"s390x", "linux-s390x"},
    {"riscv64", "linux-riscv64"},
    {"armv6l", "linux-armv6l"},
    {"armv7l", "linux-armv7l"},
});

std::optional<bool> value_of(std::string_view name, std::string_view subdir) {
  const auto found = std::ranges::find(words, name, &Word::name);
  if (found == words.end()) return std::nullopt;
  return std::ranges::any_of(base::split_words(found->subdirs), [&](std::string_view pattern) {
    return base::glob_match(pattern, subdir);
  });
}

std::vector<std::string_view> tokens_of(std::string_view expression) {
  std::vector<std::string_view> tokens;
  while (!(expression = base::trim(expression)).empty()) {
    const std::size_t end = expression.find_first_of("() \t");
    const std::size_t length = end == 0 ? 1 : std::min(end, expression.size());
    tokens.push_back(expression.substr(0, length));
    expression.remove_prefix(length);
  }
  return tokens;
}

/// or < and < not < ( ... ). A failure is an empty value: the caller has the text for its message.
class Evaluator {
 public:
  Evaluator(std::vector<std::string_view> tokens, std::string_view subdir)
      : tokens_(std::move(tokens)), subdir_(subdir) {}

  std::optional<bool> whole() {
    const std::optional<bool> value = any();
    return next_ == tokens_.size() ? value : std::nullopt;
  }

 private:
  bool take(std::string_view token) {
    if (next_ == tokens_.size() || tokens_[next_] != token) return false;
    ++next_;
    return true;
  }

  std::optional<bool> any() {
    std::optional<bool> value = all();
    while (value.has_value() && take("or")) {
      const std::optional<bool> right = all();
      value = right.has_value() ? std::optional(*value || *right) : std::nullopt;
    }
    return value;
  }

  std::optional<bool> all() {
    std::optional<bool> value = one();
    while (value.has_value() && take("and")) {
      const std::optional<bool> right = one();
      value = right.has_value() ? std::optional(*value && *right) : std::nullopt;
    }
    return value;
  }

  std::optional<bool> one() {
    bool negated = false;
    while (take("not")) negated = !negated;
    std::optional<bool> value;
    if (take("(")) {
      // A comment of a line is short; a text of a thousand brackets is none of ours.
      if (++depth_ > depth_limit) return std::nullopt;
      value = any();
      if (!take(")")) return std::nullopt;
      --depth_;
    } else if (next_ < tokens_.size()) {
      value = value_of(tokens_[next_++], subdir_);
    }
    return value.has_value() ? std::optional(*value != negated) : std::nullopt;
  }

  static constexpr int depth_limit = 50;
  std::vector<std::string_view> tokens_;
  std::string_view subdir_;
  std::size_t next_ = 0;
  int depth_ = 0;
};

/// What conda-build knows and an environment file has no answer to.
bool asks_for_more(std::string_view token) {
  const bool python = token.starts_with("py") && token.size() > 2 &&
                      std::string_view("0123456789<>=!").contains(token[2]);
  return python || token == "py" || token.starts_with("np") || token.starts_with("build_platform");
}

}  // namespace

Result<std::optional<bool>> evaluate_selector(std::string_view expression,
                                              std::string_view subdir) {
  const std::vector<std::string_view> tokens = tokens_of(expression);
  const bool names_platform = std::ranges::any_of(
      tokens, [](std::string_view token) { return value_of(token, "").has_value(); });
  const bool names_more = !tokens.empty() && asks_for_more(tokens.front());
  if (!names_platform && !names_more) return std::optional<bool>();
  if (const std::optional<bool> value = Evaluator(tokens, subdir).whole()) return value;
  return fail_hint(ErrorKind::refused, fmt::format("cannot read the selector [{}]", expression),
                   "it may hold names of platforms (linux, x86_64, osx, ...), and, or, not, ()");
}

Result<bool> evaluate_section_selector(std::string_view word, std::string_view subdir) {
  constexpr auto known = std::to_array<std::string_view>({"unix", "linux", "osx", "win"});
  if (std::ranges::find(known, word) == known.end()) {
    return fail_hint(ErrorKind::refused, fmt::format("cannot read the selector sel({})", word),
                     "inside sel() stands one of: unix, linux, osx, win");
  }
  return *value_of(word, subdir);
}

}  // namespace hpcenv::conda
