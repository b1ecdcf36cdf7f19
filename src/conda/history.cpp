#include "conda/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "conda/timestamp.hpp"

namespace hpcenv::conda {

namespace {

/// One line, whatever stands in it.
std::string single_line(std::string text) {
  return base::replace_all(base::replace_all(std::move(text), "\n", "\\n"), "\r", "\\r");
}

/// As Python would write the text: conda reads the list of specs as a Python literal.
std::string python_literal(std::string text) {
  text = base::replace_all(std::move(text), "\\", "\\\\");
  text = base::replace_all(std::move(text), "'", "\\'");
  return "'" + single_line(std::move(text)) + "'";
}

/// `# update specs: ['a', 'b']`; nothing for nothing.
std::string list_line(std::string_view key, const std::vector<std::string>& specs) {
  if (specs.empty()) return {};
  std::vector<std::string> literals;
  literals.reserve(specs.size());
  for (const std::string& spec : specs) literals.push_back(python_literal(spec));
  return fmt::format("# {}: [{}]\n", key, base::join(literals, ", "));
}

/// What stands for `\n`, `\'` and the like in a Python text.
char unescaped(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

/// The text that begins at the quote `text[at]`; `at` is then behind it. Nullopt: it has no end.
std::optional<std::string> take_quoted(std::string_view text, std::size_t& at) {
  const char quote = text[at++];
  std::string value;
  for (; at < text.size(); ++at) {
    if (text[at] == quote) {
      ++at;
      return value;
    }
    const bool escaped = text[at] == '\\' && at + 1 < text.size();
    value += escaped ? unescaped(text[++at]) : text[at];
  }
  return std::nullopt;
}

/// A list of texts as Python or JSON writes it: `['a', "b"]`, also `[u'a']`.
std::vector<std::string> parse_literal_list(std::string_view text) {
  std::vector<std::string> specs;
  std::size_t at = text.find_first_of("'\"");
  while (at < text.size()) {
    std::optional<std::string> spec = take_quoted(text, at);
    if (!spec.has_value()) break;
    specs.push_back(std::move(*spec));
    at = text.find_first_of("'\"", at);
  }
  return specs;
}

/// Before conda 4.4: `numpy >=1.5,<2,python 2.7*`, where a piece that begins with an operator
/// belongs to the one before.
std::vector<std::string> parse_old_list(std::string_view text) {
  std::vector<std::string> specs;
  for (const std::string_view piece : base::split(text, ',')) {
    const std::string_view word = base::trim(piece);
    if (!specs.empty() && !word.empty() && std::string_view("=<>!~").contains(word.front())) {
      specs.back() += fmt::format(",{}", word);
    } else {
      specs.emplace_back(word);
    }
  }
  return specs;
}

std::vector<std::string> parse_specs(std::string_view text) {
  text = base::trim(text);
  auto specs = text.starts_with('[') ? parse_literal_list(text) : parse_old_list(text);
  // conda marked features with an @ at the end.
  std::erase_if(specs, [](const std::string& spec) { return spec.empty() || spec.ends_with('@'); });
  return specs;
}

void append(std::vector<std::string>& list, std::vector<std::string> more) {
  for (std::string& item : more) list.push_back(std::move(item));
}

/// `# cmd: ...`, `# conda version: ...`, `# update specs: ...`
void read_comment(HistoryBlock& block, std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view key = base::trim(line.substr(1, colon - 1));
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (key == "cmd") block.command = value;
  if (key == "tool version") block.tool = value;
  if (key == "conda version") block.tool = fmt::format("conda {}", value);
  if (key == "update specs" || key == "install specs" || key == "create specs") {
    append(block.update_specs, parse_specs(value));
  }
  if (key == "remove specs" || key == "uninstall specs") {
    append(block.remove_specs, parse_specs(value));
  }
  if (key == "recipes") append(block.recipes, parse_specs(value));
  if (key == "neutered specs") append(block.neutered_specs, parse_specs(value));
}

void read_line(std::vector<HistoryBlock>& blocks, std::string_view line) {
  line = base::trim(line);
  if (line.starts_with("==>") && line.ends_with("<==") && line.size() > 6) {
    blocks.emplace_back().time = parse_time(line.substr(3, line.size() - 6)).value_or(0);
    return;
  }
  if (line.empty() || blocks.empty()) return;
  HistoryBlock& block = blocks.back();
  if (line.starts_with('#')) {
    read_comment(block, line);
  } else if (line.starts_with('-')) {
    block.unlinked.emplace_back(line.substr(1));
  } else {
    // The first block of an old conda lists packages without a sign.
    block.linked.emplace_back(line.starts_with('+') ? line.substr(1) : line);
  }
}

}  // namespace

std::string history_text(const HistoryBlock& block) {
  std::string text = fmt::format("==> {} <==\n", base::utc_text(block.time));
  text += fmt::format("# cmd: {}\n# tool version: {}\n", single_line(block.command),
                      single_line(block.tool));
  for (const std::string& package : block.unlinked)
    text += fmt::format("-{}\n", single_line(package));
  for (const std::string& package : block.linked)
    text += fmt::format("+{}\n", single_line(package));
  text += list_line("recipes", block.recipes);
  text += list_line("remove specs", block.remove_specs);
  text += list_line("update specs", block.update_specs);
  text += list_line("neutered specs", block.neutered_specs);
  return text;
}

std::vector<HistoryBlock> parse_history(std::string_view text) {
  std::vector<HistoryBlock> blocks;
  for (const std::string_view line : base::split_lines(text)) read_line(blocks, line);
  return blocks;
}

std::vector<RequestedSpec> requested_specs(std::span<const HistoryBlock> history) {
  std::map<std::string, std::string> requested;
  const auto name_of = [](const std::string& text) -> std::optional<std::string> {
    const Result<MatchSpec> spec = MatchSpec::parse(text);
    if (!spec.has_value() || !spec->name.is_exact()) return std::nullopt;
    return spec->name.text();
  };
  const auto put = [&](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      if (const auto name = name_of(text)) requested[*name] = text;
    }
  };
  for (const HistoryBlock& block : history) {
    for (const std::string& text : block.remove_specs) {
      if (const auto name = name_of(text)) requested.erase(*name);
    }
    put(block.update_specs);
    put(block.neutered_specs);
  }
  std::vector<RequestedSpec> specs;
  specs.reserve(requested.size());
  for (auto& [name, text] : requested) specs.push_back({name, text});
  return specs;
}

std::vector<std::string> recipes_of(std::span<const HistoryBlock> history) {
  std::vector<std::string> recipes;
  for (const HistoryBlock& block : history) {
    for (const std::string& name : block.recipes) {
      if (std::ranges::find(recipes, name) == recipes.end()) recipes.push_back(name);
    }
  }
  return recipes;
}

}  // namespace hpcenv::conda
