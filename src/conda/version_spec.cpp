#include "conda/version_spec.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "conda/text_pattern.hpp"

namespace hpcenv::conda {

namespace {

enum class Operator {
  everything,
  equal,
  not_equal,
  starts,
  not_starts,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  compatible,
  pattern,
};

constexpr std::size_t depth_limit = 32;
constexpr std::string_view blanks = " \t\r\n";

Failure bad_spec(std::string_view text, std::string_view reason) {
  return fail(ErrorKind::bad_spec, "cannot read the version spec '{}': {}", text, reason);
}

}  // namespace

struct VersionSpec::Node {
  enum class Kind { clause, all, any };
  Kind kind = Kind::clause;
  Operator op = Operator::everything;
  std::optional<Version> version;
  TextPattern pattern;
  std::vector<Node> children;

  bool matches(const Version& candidate) const;
  bool clause_matches(const Version& candidate) const;
};

bool VersionSpec::Node::matches(const Version& candidate) const {
  const auto child_matches = [&](const Node& child) { return child.matches(candidate); };
  switch (kind) {
    case Kind::all:
      return std::all_of(children.begin(), children.end(), child_matches);
    case Kind::any:
      return std::any_of(children.begin(), children.end(), child_matches);
    case Kind::clause:
      break;
  }
  return clause_matches(candidate);
}

bool VersionSpec::Node::clause_matches(const Version& candidate) const {
  switch (op) {
    case Operator::everything:
      return true;
    case Operator::equal:
      return candidate == *version;
    case Operator::not_equal:
      return candidate != *version;
    case Operator::starts:
      return candidate.starts_with(*version);
    case Operator::not_starts:
      return !candidate.starts_with(*version);
    case Operator::less:
      return candidate < *version;
    case Operator::less_or_equal:
      return candidate <= *version;
    case Operator::greater:
      return candidate > *version;
    case Operator::greater_or_equal:
      return candidate >= *version;
    case Operator::compatible:
      return candidate.compatible_with(*version);
    case Operator::pattern:
      return pattern.matches(candidate.text());
  }
  return false;
}

/// Recursive descent: any := all ('|' all)*, all := item (',' item)*, item := '(' any ')' | clause.
class VersionSpec::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Result<Node> parse() {
    HPCENV_ASSIGN(Node node, parse_any(0));
    if (!rest_.empty()) return bad_spec(text_, fmt::format("'{}' is not expected there", rest_));
    return node;
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
  }

  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  static Node group(Node::Kind kind, std::vector<Node> children) {
    if (children.size() == 1) return std::move(children.front());
    Node node;
    node.kind = kind;
    node.children = std::move(children);
    return node;
  }

  Result<Node> parse_any(std::size_t depth) {
    std::vector<Node> children;
    do {
      HPCENV_ASSIGN(children.emplace_back(), parse_all(depth));
    } while (take('|'));
    return group(Node::Kind::any, std::move(children));
  }

  Result<Node> parse_all(std::size_t depth) {
    std::vector<Node> children;
    do {
      HPCENV_ASSIGN(children.emplace_back(), parse_item(depth));
    } while (take(','));
    return group(Node::Kind::all, std::move(children));
  }

  Result<Node> parse_item(std::size_t depth) {
    if (!take('(')) return parse_clause();
    if (depth == depth_limit) return bad_spec(text_, "parentheses are nested too deep");
    HPCENV_ASSIGN(Node node, parse_any(depth + 1));
    if (!take(')')) return bad_spec(text_, "a ')' is missing");
    return node;
  }

  Result<Node> parse_clause() {
    if (rest_.starts_with('^')) return parse_regex();
    std::string_view clause = base::trim(rest_.substr(0, rest_.find_first_of(",|()")));
    rest_.remove_prefix(std::min(rest_.find_first_of(",|()"), rest_.size()));
    const std::string_view op =
        clause.substr(0, std::min(clause.find_first_not_of("=!<>~"), clause.size()));
    const std::string_view literal = base::trim(clause.substr(op.size()));
    if (literal.empty()) return bad_spec(text_, "a version is missing");
    if (literal.find_first_of(blanks) != std::string_view::npos) {
      return bad_spec(text_, fmt::format("there is a blank inside '{}'", literal));
    }
    return make_clause(op, literal);
  }

  Result<Node> parse_regex() {
    std::size_t end = rest_.find('$');
    while (end != std::string_view::npos) {
      const std::string_view after = base::trim(rest_.substr(end + 1));
      if (after.empty() || after.front() == ',' || after.front() == '|') break;
      end = rest_.find('$', end + 1);
    }
    if (end == std::string_view::npos) return bad_spec(text_, "the '$' of the pattern is missing");
    Node node;
    node.op = Operator::pattern;
    HPCENV_ASSIGN(node.pattern, TextPattern::parse(rest_.substr(0, end + 1)));
    rest_.remove_prefix(end + 1);
    return node;
  }

  Result<Node> make_clause(std::string_view op, std::string_view literal) {
    Node node;
    std::string_view plain = literal;
    while (plain.ends_with('*')) plain.remove_suffix(1);
    const bool fuzzy = plain.size() != literal.size();
    if (plain.contains('*')) {
      if (!op.empty() && op != "=" && op != "==") {
        return bad_spec(text_, fmt::format("'{}' cannot be used with '{}'", op, literal));
      }
      node.op = Operator::pattern;
      HPCENV_ASSIGN(node.pattern, TextPattern::parse(literal));
      return node;
    }
    if (fuzzy && plain.ends_with('.')) plain.remove_suffix(1);
    if (plain.empty()) {
      if (op == "!=" || op == "<" || op == ">") return bad_spec(text_, "nothing can match it");
      return node;
    }
    HPCENV_ASSIGN(node.op, find_operator(op, fuzzy));
    auto version = Version::parse(plain);
    if (!version.has_value()) return bad_spec(text_, version.error().message);
    node.version = std::move(version).value();
    return node;
  }

  Result<Operator> find_operator(std::string_view op, bool fuzzy) const {
    // `!=1.8` is exact in conda, libmamba and rattler alike, though CEP 29 calls it fuzzy.
    if (op == "!=") return fuzzy ? Operator::not_starts : Operator::not_equal;
    if (op == "=") return Operator::starts;
    if (op.empty() || op == "==") return fuzzy ? Operator::starts : Operator::equal;
    if (op == "<") return Operator::less;
    if (op == "<=") return Operator::less_or_equal;
    if (op == ">") return Operator::greater;
    if (op == ">=") return Operator::greater_or_equal;
    if (op == "~=" && !fuzzy) return Operator::compatible;
    return bad_spec(text_, fuzzy && op == "~=" ? "'~=' cannot be used with '*'"
                                               : fmt::format("'{}' is no operator", op));
  }

  std::string_view text_;
  std::string_view rest_;
};

VersionSpec::VersionSpec() = default;

Result<VersionSpec> VersionSpec::parse(std::string_view text) {
  VersionSpec spec;
  spec.text_ = base::trim(text);
  HPCENV_ASSIGN(Node root, Parser(spec.text_).parse());
  if (root.kind != Node::Kind::clause || root.op != Operator::everything) {
    spec.root_ = std::make_shared<const Node>(std::move(root));
  }
  return spec;
}

bool VersionSpec::matches(const Version& version) const {
  return root_ == nullptr || root_->matches(version);
}

bool VersionSpec::accepts_all() const { return root_ == nullptr; }

}  // namespace hpcenv::conda
