#include "cli/config_file.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "base/yaml.hpp"

namespace hpcenv::cli {
namespace {

using Lines = std::vector<std::string>;

Result<conda::Condarc> read(std::string_view text, std::string_view source) {
  // No variables: what is written is compared, not what it means here.
  return conda::parse_condarc(text, source, conda::RcDialect::hpcenv, base::Environment());
}

Lines lines_of(const conda::RcKey& key, const conda::RcValue& value) {
  const std::string name(key.name);
  if (conda::holds_list(key.kind)) {
    Lines lines{value.list.empty() ? name + ": []" : name + ":"};
    for (const std::string& item : value.list) {
      lines.push_back("  - " + base::yaml_scalar(item));
    }
    return lines;
  }
  const bool plain = key.kind == conda::RcKind::boolean || key.kind == conda::RcKind::number;
  if (plain) {  // parsed before, so that its words mean nothing else
    return {name + ": " + value.text};
  }
  if (key.kind != conda::RcKind::table) {
    return {name + ": " + base::yaml_scalar(value.text)};
  }
  Lines lines{value.table.empty() ? name + ": {}" : name + ":"};
  for (const auto& [entry, texts] : value.table) {
    const std::string start = "  " + base::yaml_scalar(entry) + ":";
    if (texts.size() == 1) {
      lines.push_back(start + " " + base::yaml_scalar(texts.front()));
      continue;
    }
    lines.push_back(start);
    for (const std::string& text : texts) {
      lines.push_back("    - " + base::yaml_scalar(text));
    }
  }
  return lines;
}

struct Block {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< equal to begin: the key is not there
};

bool begins_key(std::string_view line) {
  return !line.empty() && !std::string_view(" \t-#").contains(line.front());
}

// From the line of the key to the next one at the margin; comments between belong to that one.
Block block_of(const Lines& lines, std::string_view name) {
  const std::string start = std::string(name) + ":";
  std::size_t begin = 0;
  while (begin < lines.size() && !lines[begin].starts_with(start)) {
    ++begin;
  }
  std::size_t end = std::min(begin + 1, lines.size());
  while (end < lines.size() && !begins_key(lines[end])) {
    ++end;
  }
  while (end > begin + 1 && (lines[end - 1].empty() || lines[end - 1].starts_with('#'))) {
    --end;
  }
  return {begin, end};
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

}  // namespace

Result<std::optional<conda::RcValue>> setting_in(std::string_view text, const conda::RcKey& key,
                                                 std::string_view source) {
  HPCENV_ASSIGN(const conda::Condarc rc, read(text, source));
  const auto found = rc.values.find(key.name);
  return found == rc.values.end() ? std::optional<conda::RcValue>() : found->second;
}

Result<std::string> with_setting(std::string_view text, const conda::RcKey& key,
                                 const std::optional<conda::RcValue>& value,
                                 std::string_view source) {
  HPCENV_ASSIGN(conda::Condarc wanted, read(text, source));
  Lines lines;
  for (const std::string_view line : base::split_lines(text)) {
    lines.emplace_back(line);
  }
  for (const std::string_view name : {key.older_name, key.name}) {
    const Block block = name.empty() ? Block{} : block_of(lines, name);
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(block.begin),
                lines.begin() + static_cast<std::ptrdiff_t>(block.end));
    if (name == key.name && value) {
      const Lines fresh = lines_of(key, *value);
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(block.begin), fresh.begin(),
                   fresh.end());
    }
  }
  wanted.values.erase(std::string(key.name));
  if (value) {
    wanted.values[std::string(key.name)] = *value;
  }
  std::string changed = joined(lines);
  const auto found = read(changed, source);
  if (found && found->values == wanted.values) {
    return changed;
  }
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{} is written in a way that cannot be changed line by line", source),
      fmt::format("change {} there with an editor", key.name));
}

}  // namespace hpcenv::cli
