#include "slurm/site.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.hpp"

namespace hpcenv::slurm {
namespace {

// Name, partition, gres, time limit, state; a suffix for each field keeps values apart.
constexpr std::size_t field_count = 5;

void add_distinct(std::vector<std::string>& list, std::string_view value) {
  if (std::ranges::find(list, value) == list.end()) list.emplace_back(value);
}

// Commas between parentheses belong to one element: "gpu:2(S:0,2),fs:1".
std::vector<std::string> gres_elements(std::string_view gres) {
  std::vector<std::string> elements;
  std::string element;
  int depth = 0;
  for (const char c : gres) {
    depth += c == '(' ? 1 : 0;
    if (c == ',' && depth == 0) {
      elements.push_back(element);
      element.clear();
    } else if (depth == 0) {
      element += c;
    }
    depth -= c == ')' ? 1 : 0;
  }
  if (!element.empty()) elements.push_back(element);
  return elements;
}

Partition& partition_named(SiteProfile& site, std::string_view name) {
  const bool is_default = name.ends_with('*');
  if (is_default) name.remove_suffix(1);
  const auto found = std::ranges::find(site.partitions, name, &Partition::name);
  if (found != site.partitions.end()) return *found;
  Partition& partition = site.partitions.emplace_back();
  partition.name = name;
  partition.is_default = is_default;
  return partition;
}

bool is_plain_name(std::string_view text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !text.empty() && text.find_first_not_of(plain) == std::string_view::npos &&
         text.find_first_of("-.") != 0;
}

std::string names_text(const SiteProfile& site) {
  std::vector<std::string> names;
  names.reserve(site.partitions.size());
  for (const Partition& partition : site.partitions) {
    names.push_back(partition.name + (partition.is_default ? " (default)" : ""));
  }
  return base::join(names, ", ");
}

}  // namespace

std::vector<std::string> sinfo_arguments() {
  return {"sinfo", "-h", "-N", "-O", "NodeHost:|,Partition:|,Gres:|,Time:|,Available:|"};
}

Result<SiteProfile> parse_sinfo(std::string_view text, std::string_view version_text) {
  SiteProfile site;
  const auto words = base::split_words(version_text);
  if (!words.empty()) site.slurm_version = words.back();
  for (const std::string_view line : base::split_lines(text)) {
    if (base::trim(line).empty()) continue;
    const auto fields = base::split(line, '|');
    if (fields.size() != field_count + 1) {
      return fail(ErrorKind::refused, "cannot read this line of sinfo: {}", line);
    }
    Partition& partition = partition_named(site, base::trim(fields[1]));
    const std::string_view gres = base::trim(fields[2]);
    if (gres != "(null)" && gres != "N/A" && !gres.empty()) add_distinct(partition.gres, gres);
    add_distinct(partition.nodes, base::trim(fields[0]));
    partition.time_limit = base::trim(fields[3]);
    partition.state = base::trim(fields[4]);
  }
  return site;
}

const Partition* find_partition(const SiteProfile& site, std::string_view name) {
  const auto found = std::ranges::find(site.partitions, name, &Partition::name);
  return found == site.partitions.end() ? nullptr : &*found;
}

const SiteNode* find_node(const SiteProfile& site, std::string_view name) {
  const auto found = std::ranges::find(site.nodes, name, &SiteNode::name);
  return found == site.nodes.end() ? nullptr : &*found;
}

bool is_usable(const SiteNode& node) {
  const std::string state = base::to_lower(node.state);
  return std::ranges::none_of(
      std::array<std::string_view, 6>{"down", "drain", "fail", "unknown", "future", "maint"},
      [&](std::string_view word) { return state.find(word) != std::string::npos; });
}

Error unknown_partition(std::string_view name, const SiteProfile& site) {
  std::vector<std::string> known;
  known.reserve(site.partitions.size());
  for (const Partition& partition : site.partitions) known.push_back(partition.name);
  Error error{ErrorKind::not_found, fmt::format("there is no partition '{}' here", name), {}, {}};
  const auto nearest = base::nearest_words(name, known, 3);
  if (!nearest.empty()) {
    error.hints.push_back(fmt::format("did you mean {}?", base::join(nearest, " or ")));
  }
  error.hints.push_back(
      fmt::format("partitions: {} (hpcenv slurm site shows more)", names_text(site)));
  return error;
}

std::optional<Gpus> parse_gpus(std::string_view text) {
  const auto parts = base::split(text, ':');
  if (parts.size() == 1) {
    if (const auto count = base::parse_unsigned(text)) return Gpus{"", *count};
    if (!is_plain_name(text)) return std::nullopt;
    return Gpus{std::string(text), 1};
  }
  const auto count = base::parse_unsigned(parts[1]);
  if (parts.size() != 2 || !count || !is_plain_name(parts[0])) return std::nullopt;
  return Gpus{std::string(parts[0]), *count};
}

std::vector<Gpus> gpus_of_gres(std::string_view gres) {
  std::vector<Gpus> all;
  for (const std::string& element : gres_elements(gres)) {
    const auto parts = base::split(element, ':');
    if (parts.front() != "gpu") continue;
    const auto count = base::parse_unsigned(parts.back());
    const bool typed = parts.size() > 2 || (parts.size() == 2 && !count);
    all.push_back({typed ? std::string(parts[1]) : "", count.value_or(1)});
  }
  return all;
}

std::optional<std::uint64_t> time_seconds(std::string_view text) {
  const std::string lower = base::to_lower(text);
  if (lower == "infinite" || lower == "unlimited") {
    return std::numeric_limits<std::uint64_t>::max();
  }
  const std::size_t dash = text.find('-');
  const bool has_days = dash != std::string_view::npos;
  const auto days = has_days ? base::parse_unsigned(text.substr(0, dash)) : 0;
  const auto parts = base::split(has_days ? text.substr(dash + 1) : text, ':');
  if (!days || *days > 1'000'000 || parts.size() > 3) return std::nullopt;
  // Without days the first of one or two numbers is minutes, with days it is hours.
  std::uint64_t unit = has_days || parts.size() == 3 ? 3600 : 60;
  std::uint64_t seconds = *days * 86400;
  for (const std::string_view part : parts) {
    const auto number = base::parse_unsigned(part);
    if (!number || *number > 1'000'000'000) return std::nullopt;
    seconds += *number * unit;
    unit /= 60;
  }
  return seconds;
}

}  // namespace hpcenv::slurm
