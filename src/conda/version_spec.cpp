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

using VersionBits = std::vector<std::uint64_t>;

/// Of versions in order; empty where the end is not behind the beginning.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

VersionBits bits_of(const Range& range, std::size_t count) {
  VersionBits bits((count + 63) / 64);
  for (std::size_t i = range.begin; i < range.end; ++i) {
    bits[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return bits;
}

Failure bad_spec(std::string_view text, std::string_view reason) {
  return fail(ErrorKind::bad_spec, "cannot read the version spec '{}': {}", text, reason);
}

}  // namespace

/// Nodes of a tree lie behind their children.
struct VersionSpec::Node {
  enum class Kind : std::uint8_t { clause, all, any };
  Kind kind = Kind::clause;
  Operator op = Operator::everything;
  std::uint32_t children = 0;  ///< how many
  std::uint32_t size = 1;      ///< nodes of the subtree, itself included
  std::uint32_t operand = 0;   ///< of a clause: which version or pattern
};

struct VersionSpec::Tree {
  std::vector<Node> nodes;
  std::vector<Version> versions;
  std::vector<TextPattern> patterns;

  bool matches(std::size_t node, const Version& candidate) const;
  bool clause_matches(const Node& clause, const Version& candidate) const;
  VersionBits matching(std::size_t node, std::span<const Version> newest_first) const;
  std::optional<Range> range_of(const Node& clause, std::span<const Version> newest_first) const;
  VersionBits clause_matching(const Node& clause, std::span<const Version> newest_first) const;
};

bool VersionSpec::Tree::matches(std::size_t index, const Version& candidate) const {
  const Node& node = nodes[index];
  if (node.kind == Node::Kind::clause) return clause_matches(node, candidate);
  const bool decides = node.kind == Node::Kind::any;
  std::size_t child = index - 1;
  for (std::uint32_t i = 0; i < node.children; ++i) {
    if (matches(child, candidate) == decides) return decides;
    child -= nodes[child].size;
  }
  return !decides;
}

bool VersionSpec::Tree::clause_matches(const Node& clause, const Version& candidate) const {
  if (clause.op == Operator::everything) return true;
  if (clause.op == Operator::pattern) return patterns[clause.operand].matches(candidate.text());
  const Version& version = versions[clause.operand];
  switch (clause.op) {
    case Operator::equal:
      return candidate == version;
    case Operator::not_equal:
      return candidate != version;
    case Operator::starts:
      return candidate.starts_with(version);
    case Operator::not_starts:
      return !candidate.starts_with(version);
    case Operator::less:
      return candidate < version;
    case Operator::less_or_equal:
      return candidate <= version;
    case Operator::greater:
      return candidate > version;
    case Operator::greater_or_equal:
      return candidate >= version;
    default:
      return candidate.compatible_with(version);
  }
}

VersionBits VersionSpec::Tree::matching(std::size_t index,
                                        std::span<const Version> newest_first) const {
  const Node& node = nodes[index];
  if (node.kind == Node::Kind::clause) return clause_matching(node, newest_first);
  const bool is_any = node.kind == Node::Kind::any;
  // What ranges have in common is a range: `>=1,<2` costs two searches and one set.
  Range common{0, newest_first.size()};
  VersionBits bits;
  std::size_t child = index - 1;
  for (std::uint32_t i = 0; i < node.children; ++i, child -= nodes[child].size) {
    const auto range = is_any ? std::nullopt : range_of(nodes[child], newest_first);
    if (range.has_value()) {
      common = {std::max(common.begin, range->begin), std::min(common.end, range->end)};
      continue;
    }
    const VersionBits other = matching(child, newest_first);
    if (bits.empty()) bits.resize(other.size(), is_any ? 0 : ~std::uint64_t{0});
    for (std::size_t word = 0; word < bits.size(); ++word) {
      bits[word] = is_any ? bits[word] | other[word] : bits[word] & other[word];
    }
  }
  if (is_any) return bits;
  VersionBits found = bits_of(common, newest_first.size());
  for (std::size_t word = 0; word < bits.size(); ++word) found[word] &= bits[word];
  return found;
}

/// Which versions, side by side, a clause accepts; nullopt where it has to look at each.
std::optional<Range> VersionSpec::Tree::range_of(const Node& clause,
                                                 std::span<const Version> newest_first) const {
  const std::size_t count = newest_first.size();
  // Where the versions end that are newer than the clause's, or at least as new.
  const auto end_of = [&](auto&& goes_before) {
    const auto end = std::partition_point(newest_first.begin(), newest_first.end(), goes_before);
    return static_cast<std::size_t>(end - newest_first.begin());
  };
  const auto newer = [&] {
    return end_of([&](const Version& v) { return v > versions[clause.operand]; });
  };
  const auto not_older = [&] {
    return end_of([&](const Version& v) { return v >= versions[clause.operand]; });
  };
  if (clause.kind != Node::Kind::clause) return std::nullopt;
  switch (clause.op) {
    case Operator::everything:
      return Range{0, count};
    case Operator::less:
      return Range{not_older(), count};
    case Operator::less_or_equal:
      return Range{newer(), count};
    case Operator::greater:
      return Range{0, newer()};
    case Operator::greater_or_equal:
      return Range{0, not_older()};
    case Operator::equal:
      return Range{newer(), not_older()};
    default:
      return std::nullopt;
  }
}

VersionBits VersionSpec::Tree::clause_matching(const Node& clause,
                                               std::span<const Version> newest_first) const {
  if (const auto range = range_of(clause, newest_first)) {
    return bits_of(*range, newest_first.size());
  }
  VersionBits bits = bits_of({0, 0}, newest_first.size());
  for (std::size_t i = 0; i < newest_first.size(); ++i) {
    if (clause_matches(clause, newest_first[i])) bits[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return bits;
}

/// Recursive descent: any := all ('|' all)*, all := item (',' item)*, item := '(' any ')' | clause.
class VersionSpec::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), rest_(text) {}

  Result<Tree> parse() {
    tree_.nodes.reserve(3);
    tree_.versions.reserve(2);
    HPCENV_TRY(parse_any(0));
    if (!rest_.empty()) return bad_spec(text_, fmt::format("'{}' is not expected there", rest_));
    return std::move(tree_);
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

  /// Puts a node behind the children that begin at `first`; a single one stands for itself.
  void group(Node::Kind kind, std::uint32_t children, std::size_t first) {
    if (children < 2) return;
    Node node;
    node.kind = kind;
    node.children = children;
    node.size = static_cast<std::uint32_t>(tree_.nodes.size() - first + 1);
    tree_.nodes.push_back(node);
  }

  Result<> parse_any(std::size_t depth) {
    const std::size_t first = tree_.nodes.size();
    std::uint32_t children = 0;
    do {
      HPCENV_TRY(parse_all(depth));
      ++children;
    } while (take('|'));
    group(Node::Kind::any, children, first);
    return {};
  }

  Result<> parse_all(std::size_t depth) {
    const std::size_t first = tree_.nodes.size();
    std::uint32_t children = 0;
    do {
      HPCENV_TRY(parse_item(depth));
      ++children;
    } while (take(','));
    group(Node::Kind::all, children, first);
    return {};
  }

  Result<> parse_item(std::size_t depth) {
    if (!take('(')) return parse_clause();
    if (depth == depth_limit) return bad_spec(text_, "parentheses are nested too deep");
    HPCENV_TRY(parse_any(depth + 1));
    if (!take(')')) return bad_spec(text_, "a ')' is missing");
    return {};
  }

  Result<> parse_clause() {
    if (rest_.starts_with('^')) return parse_regex();
    std::string_view clause = base::trim(rest_.substr(0, rest_.find_first_of(",|()")));
    rest_.remove_prefix(std::min(rest_.find_first_of(",|()"), rest_.size()));
    const std::string_view op =
        clause.substr(0, std::min(clause.find_first_not_of("=!<>~"), clause.size()));
    const std::string_view literal = base::trim(clause.substr(op.size()));
    if (literal.empty()) return bad_spec(text_, "a version is missing");
    if (literal.find_first_of(blanks) != std::string_view::npos) {
      return make_spaced_clause(op, literal);
    }
    return make_clause(op, literal);
  }

  /// `>=1 !164` stands in real records: blanks beside the mark of an epoch are ignored, others not.
  Result<> make_spaced_clause(std::string_view op, std::string_view literal) {
    const std::size_t mark = std::min(literal.find('!'), literal.size());
    std::string joined(base::trim(literal.substr(0, mark)));
    if (mark < literal.size()) joined.append("!").append(base::trim(literal.substr(mark + 1)));
    if (joined.find_first_of(blanks) != std::string::npos) {
      return bad_spec(text_, fmt::format("there is a blank inside '{}'", literal));
    }
    return make_clause(op, joined);
  }

  Result<> parse_regex() {
    std::size_t end = rest_.find('$');
    while (end != std::string_view::npos) {
      const std::string_view after = base::trim(rest_.substr(end + 1));
      if (after.empty() || after.front() == ',' || after.front() == '|') break;
      end = rest_.find('$', end + 1);
    }
    if (end == std::string_view::npos) return bad_spec(text_, "the '$' of the pattern is missing");
    const std::string_view pattern = rest_.substr(0, end + 1);
    rest_.remove_prefix(end + 1);
    return add_pattern(pattern);
  }

  Result<> add_pattern(std::string_view text) {
    HPCENV_ASSIGN(auto pattern, TextPattern::parse(text));
    add_clause(Operator::pattern, tree_.patterns.size());
    tree_.patterns.push_back(std::move(pattern));
    return {};
  }

  void add_clause(Operator op, std::size_t operand) {
    Node& node = tree_.nodes.emplace_back();
    node.op = op;
    node.operand = static_cast<std::uint32_t>(operand);
  }

  Result<> make_clause(std::string_view op, std::string_view literal) {
    std::string_view plain = literal;
    while (plain.ends_with('*')) plain.remove_suffix(1);
    const bool fuzzy = plain.size() != literal.size();
    if (plain.contains('*')) {
      if (!op.empty() && op != "=" && op != "==") {
        return bad_spec(text_, fmt::format("'{}' cannot be used with '{}'", op, literal));
      }
      return add_pattern(literal);
    }
    if (fuzzy && plain.ends_with('.')) plain.remove_suffix(1);
    if (plain.empty()) {
      if (op == "!=" || op == "<" || op == ">") return bad_spec(text_, "nothing can match it");
      add_clause(Operator::everything, 0);
      return {};
    }
    HPCENV_ASSIGN(const Operator found, find_operator(op, fuzzy));
    auto version = Version::parse(plain);
    if (!version.has_value()) return bad_spec(text_, version.error().message);
    add_clause(found, tree_.versions.size());
    tree_.versions.push_back(std::move(version).value());
    return {};
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
  Tree tree_;
};

VersionSpec::VersionSpec() = default;

Result<VersionSpec> VersionSpec::parse(std::string_view text) {
  VersionSpec spec;
  spec.text_ = base::trim(text);
  HPCENV_ASSIGN(Tree tree, Parser(spec.text_).parse());
  if (tree.nodes.size() > 1 || tree.nodes.front().op != Operator::everything) {
    spec.tree_ = std::make_shared<const Tree>(std::move(tree));
  }
  return spec;
}

bool VersionSpec::matches(const Version& version) const {
  return tree_ == nullptr || tree_->matches(tree_->nodes.size() - 1, version);
}

std::vector<std::uint64_t> VersionSpec::matching(std::span<const Version> newest_first) const {
  if (tree_ == nullptr) return bits_of({0, newest_first.size()}, newest_first.size());
  return tree_->matching(tree_->nodes.size() - 1, newest_first);
}

bool VersionSpec::accepts_all() const { return tree_ == nullptr; }

}  // namespace hpcenv::conda
