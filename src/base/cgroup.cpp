#include "base/cgroup.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::base {

namespace {

std::optional<std::uint64_t> number_in(const fs::path& file) {
  const Result<std::string> text = read_file(file);
  // "-1" stands for no quota, and is no unsigned number.
  return text.has_value() ? parse_unsigned(trim(*text)) : std::nullopt;
}

struct Quota {
  std::optional<std::uint64_t> time;
  std::optional<std::uint64_t> period;
};

Quota quota_of_version_1(const fs::path& group) {
  return {number_in(group / "cpu.cfs_quota_us"), number_in(group / "cpu.cfs_period_us")};
}

Quota quota_of_version_2(const fs::path& group) {
  const Result<std::string> text = read_file(group / "cpu.max");
  if (!text.has_value()) return {};
  const std::vector<std::string_view> words = split_words(*text);
  if (words.size() != 2) return {};
  return {parse_unsigned(words[0]), parse_unsigned(words[1])};
}

void take_smaller(std::size_t& limit, const Quota& quota) {
  if (!quota.time.has_value() || quota.period.value_or(0) == 0) return;
  const std::size_t processors =
      std::max<std::size_t>(1, (*quota.time + *quota.period - 1) / *quota.period);
  limit = limit == 0 ? processors : std::min(limit, processors);
}

/// A group and all above it, up to the controller's mount.
void walk_up(std::size_t& limit, const fs::path& mount, std::string_view group,
             Quota (*quota_of)(const fs::path&)) {
  while (group.starts_with('/')) group.remove_prefix(1);
  fs::path path = group.empty() ? mount : mount / std::string(group);
  for (; path.native().size() >= mount.native().size(); path = path.parent_path()) {
    take_smaller(limit, quota_of(path));
  }
}

}  // namespace

std::size_t processor_quota(std::string_view own, const fs::path& mount) {
  std::size_t limit = 0;
  for (const std::string_view line : split_lines(own)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    // Groups that lie outside what this process can see begin with /.. and say nothing here.
    if (group.starts_with("/..")) continue;
    if (controllers.empty()) {
      walk_up(limit, mount, group, quota_of_version_2);
      continue;
    }
    const auto names = split(controllers, ',');
    if (std::find(names.begin(), names.end(), "cpu") == names.end()) continue;
    const fs::path joint = mount / std::string(controllers);
    walk_up(limit, path_exists(joint) ? joint : mount / "cpu", group, quota_of_version_1);
  }
  return limit;
}

}  // namespace hpcenv::base
