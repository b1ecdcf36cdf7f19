#include "ops/cost.hpp"

#include "base/text.hpp"
#include "host/quota.hpp"
#include "prefix/create.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

/// Medians of conda-forge's archives, rounded up; said to be an estimate wherever they are shown.
constexpr std::uint64_t unpacked_times = 4;
constexpr std::uint64_t bytes_a_file = 16'384;

constexpr const char* elsewhere = "choose another place with -p PREFIX or HPCENV_ROOT";

Result<> require_room(const host::Room& room, const prefix::Budget& budget, const fs::path& path) {
  if (budget.bytes > room.bytes) {
    return fail_hint(ErrorKind::no_space,
                     fmt::format("no space for {}: it needs {}, and {} has {} free", path.string(),
                                 base::human_bytes(budget.bytes), room.limited_by,
                                 base::human_bytes(room.bytes)),
                     elsewhere);
  }
  if (room.inodes.has_value() && budget.inodes > *room.inodes) {
    return fail_hint(ErrorKind::no_space,
                     fmt::format("no space for {}: it needs {} files, and {} has room for {}",
                                 path.string(), budget.inodes, room.limited_by, *room.inodes),
                     elsewhere);
  }
  return {};
}

Result<host::Room> room_for(const fs::path& path, const QuotaSource& quotas) {
  return host::room_with_quota(path, quotas.environment, quotas.runner);
}

/// Where the archive comes from.
enum class From : std::uint8_t { channel, cache };

void add_estimate(Cost& cost, const conda::PackageRecord& record, From from) {
  const std::uint64_t size = record.size.value_or(0);
  if (from == From::channel) {
    cost.fetch.push_back(record);
    cost.download_bytes += size;
  }
  cost.bytes += size * unpacked_times;
  cost.inodes += size * unpacked_times / bytes_a_file + 1;
  cost.precision = Cost::Precision::estimated;
}

}  // namespace

Result<Cost> estimate_cost(const prefix::Plan& plan, const packages::PackageCache* cache,
                           const QuotaSource& quotas, prefix::LinkOptions::Files files) {
  Cost cost;
  std::vector<conda::UnpackedPackage> cached;
  for (const conda::PackageRecord& record : plan.link) {
    auto package = cache == nullptr ? std::nullopt : cache->find(record);
    if (package.has_value()) {
      cached.push_back(std::move(*package));
    } else {
      const bool is_here = cache != nullptr && cache->find_archive(record).has_value();
      add_estimate(cost, record, is_here ? From::cache : From::channel);
    }
  }
  const auto links =
      files == prefix::LinkOptions::Files::link ? prefix::Links::assumed : prefix::Links::none;
  HPCENV_ASSIGN(const prefix::Budget exact, prefix::exact_budget(cached, plan.prefix, links));
  cost.bytes += exact.bytes;
  cost.inodes += exact.inodes;
  HPCENV_ASSIGN(const host::Room room,
                plan.link.empty() ? host::room_at(plan.prefix) : room_for(plan.prefix, quotas));
  cost.free_bytes = room.bytes;
  cost.free_inodes = room.inodes;
  return cost;
}

Result<> require_room_to_fetch(const Cost& cost, const fs::path& cache, const QuotaSource& quotas) {
  if (cost.fetch.empty()) {
    return {};
  }
  HPCENV_ASSIGN(const host::Room room, room_for(cache, quotas));
  return require_room(room, {cost.download_bytes, cost.fetch.size()}, cache);
}

Result<> require_room_to_link(const std::vector<conda::UnpackedPackage>& packages,
                              const fs::path& prefix, const QuotaSource& quotas,
                              prefix::LinkOptions::Files files) {
  const auto links =
      files == prefix::LinkOptions::Files::link ? prefix::Links::tried : prefix::Links::none;
  HPCENV_ASSIGN(const prefix::Budget budget, prefix::exact_budget(packages, prefix, links));
  HPCENV_ASSIGN(const host::Room room, room_for(prefix, quotas));
  return require_room(room, budget, prefix);
}

}  // namespace hpcenv::ops
