#include "image/layer_plan.hpp"

#include <algorithm>
#include <numeric>

#include "base/hash.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

namespace {

/// A change of what is written for the same packages is a new version.
constexpr std::string_view writer_version = "hpcenv-layer-1";

/// What a package is, wherever it came from.
std::string identity(const conda::PackageRecord& record) {
  const std::string& sum = record.sha256.empty() ? record.md5 : record.sha256;
  return fmt::format("{}/{} {}", record.subdir, record.dist_name(), sum.empty() ? record.url : sum);
}

bool needs_python(const conda::PackageRecord& record) {
  return record.noarch == conda::Noarch::python ||
         std::ranges::any_of(record.depends, [](const std::string& spec) {
           return spec == "python" || spec.starts_with("python ");
         });
}

/// By the name alone, the same everywhere.
std::size_t place_of(std::string_view name, std::size_t count) {
  const std::string digest = base::hash_text(base::HashKind::sha256, name);
  return std::stoul(digest.substr(0, 8), nullptr, 16) % count;
}

/// Packages that Python compiles stand apart: of the others none has to be compiled again when one
/// of them changes.
std::size_t shared_place(const conda::PackageRecord& record, std::size_t count) {
  const std::size_t half = count / 2;
  if (half == 0) return 0;
  return needs_python(record) ? place_of(record.name, half)
                              : half + place_of(record.name, count - half);
}

}  // namespace

const char* name_of(LayerContent content) {
  switch (content) {
    case LayerContent::base:
      return "base";
    case LayerContent::package:
      return "package";
    case LayerContent::packages:
      return "packages";
    case LayerContent::metadata:
      return "metadata";
    case LayerContent::files:
      return "files";
  }
  return "files";
}

std::vector<PackageGroup> group_packages(std::span<const conda::PackageRecord> records,
                                         std::size_t budget) {
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const std::uint64_t size_a = records[a].size.value_or(0);
    const std::uint64_t size_b = records[b].size.value_or(0);
    return size_a != size_b ? size_a > size_b : records[a].name < records[b].name;
  });
  const std::size_t limit = std::max<std::size_t>(budget, 1);
  const std::size_t shared = std::min(most_shared_layers, (limit + 1) / 2);
  const std::size_t own = std::min(most_own_layers, limit - shared);
  std::vector<PackageGroup> groups;
  std::vector<PackageGroup> rest(shared);
  for (const std::size_t index : order) {
    const bool is_large = records[index].size.value_or(0) > own_layer_size;
    if (is_large && groups.size() < own) {
      groups.push_back({index});
    } else {
      rest[shared_place(records[index], shared)].push_back(index);
    }
  }
  for (PackageGroup& group : rest) {
    std::ranges::sort(group);
    if (!group.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

std::string layer_key(std::span<const conda::PackageRecord> records, const PackageGroup& group,
                      const LayerRules& rules, std::span<const std::string> lost) {
  base::Hasher hasher(base::HashKind::sha256);
  const auto add = [&](std::string_view text) {
    hasher.update(text);
    hasher.update(std::string_view("\0", 1));
  };
  add(writer_version);
  add(rules.prefix);
  add(rules.compression);
  add(rules.is_slim ? "slim" : "whole");
  add(fmt::format("{}", rules.newest));
  // Bytecode, and where modules of noarch packages lie, are python's matter.
  if (rules.python != nullptr &&
      std::ranges::any_of(group, [&](std::size_t index) { return needs_python(records[index]); })) {
    add(identity(*rules.python));
    add(rules.has_bytecode ? "bytecode" : "sources");
  }
  for (const std::size_t index : group) add(identity(records[index]));
  for (const std::string& path : lost) add(path);
  return digest_of_hex(hasher.finish());
}

}  // namespace hpcenv::image
