#include "slurm/node_sight.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/version.hpp"

namespace hpcenv::slurm {
namespace {

using base::Json;

struct TextMember {
  const char* key;
  std::string NodeSight::* member;
};
constexpr std::array texts{TextMember{"node", &NodeSight::node},
                           TextMember{"job", &NodeSight::job},
                           TextMember{"ran_from", &NodeSight::ran_from},
                           TextMember{"local", &NodeSight::local},
                           TextMember{"own_address", &NodeSight::own_address},
                           TextMember{"slurm_address", &NodeSight::slurm_address},
                           TextMember{"suffix", &NodeSight::suffix},
                           TextMember{"net", &NodeSight::net}};

std::string gpus_text(const host::NodeProfile& profile) {
  std::map<std::string, int> counts;
  const host::LibcudaCandidate* driver = host::driver_library(profile);
  if (driver == nullptr) return "";
  for (const host::CudaDevice& device : driver->devices) ++counts[device.name];
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{} {};", count, name);
  return text;
}

auto kind_of(const host::NodeProfile& profile) {
  return std::tuple(gpus_text(profile), profile.nvidia.kernel_module,
                    host::cuda_version_of(profile).value_or(""), profile.machine, profile.glibc,
                    profile.cpu);
}

// The value that all have, empty where they differ.
std::string common(const std::vector<NodeSight>& sights, std::string (*value)(const NodeSight&)) {
  const std::string first = value(sights.front());
  const bool all =
      std::ranges::all_of(sights, [&](const NodeSight& sight) { return value(sight) == first; });
  return all ? first : "";
}

std::string worst_net(const std::vector<NodeSight>& sights) {
  for (const char* net : {"none", "proxy", "direct"}) {
    if (std::ranges::find(sights, net, &NodeSight::net) != sights.end()) return net;
  }
  return "";
}

std::vector<std::string> seen_by_all(const std::vector<NodeSight>& sights) {
  std::vector<std::string> all;
  for (const std::string& path : sights.front().visible) {
    const bool everywhere = std::ranges::all_of(sights, [&](const NodeSight& sight) {
      return std::ranges::find(sight.visible, path) != sight.visible.end();
    });
    if (everywhere) all.push_back(path);
  }
  return all;
}

bool is_lower(const std::string& one, const std::string& other) {
  const auto a = conda::Version::parse(one);
  const auto b = conda::Version::parse(other);
  return a && b ? *a < *b : one < other;
}

/// Who wrote it by hand may know better than one look at a node.
bool is_word_of_people(ReachSource source) {
  return source == ReachSource::user || source == ReachSource::asked ||
         source == ReachSource::site_file;
}

}  // namespace

Json sight_to_json(const NodeSight& sight) {
  Json json;
  for (const auto& [key, member] : texts) json[key] = sight.*member;
  json["profile"] = host::profile_to_json(sight.profile);
  json["visible"] = sight.visible;
  json["local_bytes"] = sight.local_bytes;
  json["local_is_ram"] = sight.local_is_ram;
  json["interfaces"] = Json::array();
  for (const NetInterface& one : sight.interfaces) {
    json["interfaces"].push_back({{"name", one.name}, {"address", one.address}, {"up", one.up}});
  }
  return json;
}

Result<NodeSight> sight_from_json(const Json& value, std::string_view name) {
  NodeSight sight;
  if (!value.is_object() || !value.contains("profile")) {
    return fail(ErrorKind::refused, "{}: there is no profile of a node", name);
  }
  HPCENV_ASSIGN(sight.profile, host::profile_from_json(value["profile"], name));
  for (const auto& [key, member] : texts) sight.*member = base::string_or(value, key);
  sight.visible = base::strings_or_empty(value, "visible");
  const std::int64_t bytes = base::integer_or(value, "local_bytes");
  sight.local_bytes = bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
  const auto flag = [](const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
  };
  sight.local_is_ram = flag(value, "local_is_ram");
  const auto interfaces = value.find("interfaces");
  if (interfaces == value.end() || !interfaces->is_array()) return sight;
  for (const Json& one : *interfaces) {
    if (!one.is_object()) continue;
    sight.interfaces.push_back(
        {base::string_or(one, "name"), base::string_or(one, "address"), flag(one, "up")});
  }
  return sight;
}

std::string interface_of(const NodeSight& sight) {
  for (const char* fast : {"hsn", "ib"}) {
    for (const NetInterface& one : sight.interfaces) {
      if (!one.up || !one.name.starts_with(fast)) continue;
      // Slingshot's are used together.
      return std::string_view(fast) == "hsn" ? fast : one.name;
    }
  }
  const auto found = std::ranges::find_if(sight.interfaces, [&](const NetInterface& one) {
    return one.up && one.address == sight.slurm_address;
  });
  return found == sight.interfaces.end() ? "" : found->name;
}

void learn_from_nodes(const std::vector<NodeSight>& sights, std::int64_t now, Reach& reach) {
  if (sights.empty()) return;
  const auto put = [&](ReachField field, std::vector<std::string> values) {
    const ReachFact* known = reach.find(field);
    if (known != nullptr && is_word_of_people(known->source)) return;
    std::erase(values, "");
    reach.set(field, {std::move(values), ReachSource::probe, now});
  };
  put(ReachField::arch,
      {common(sights, [](const NodeSight& sight) { return sight.profile.machine; })});
  put(ReachField::workdir, seen_by_all(sights));
  put(ReachField::net, {worst_net(sights)});
  put(ReachField::interface, {common(sights, interface_of)});
  put(ReachField::host_suffix, {common(sights, [](const NodeSight& one) { return one.suffix; })});
  const std::string local = common(sights, [](const NodeSight& sight) { return sight.local; });
  put(ReachField::local, {local});
  if (local.empty() || reach.text(ReachField::local) != local) return;
  const auto least = std::ranges::min(sights, {}, &NodeSight::local_bytes).local_bytes;
  put(ReachField::local_size, {std::to_string(least)});
  const bool ram = std::ranges::any_of(sights, &NodeSight::local_is_ram);
  put(ReachField::local_is_ram, {ram ? "yes" : "no"});
}

std::vector<host::NodeProfile> distinct_profiles(const std::vector<NodeSight>& sights) {
  std::vector<host::NodeProfile> profiles;
  for (const NodeSight& sight : sights) {
    const bool known = std::ranges::any_of(profiles, [&](const host::NodeProfile& profile) {
      return kind_of(profile) == kind_of(sight.profile);
    });
    if (!known) profiles.push_back(sight.profile);
  }
  return profiles;
}

std::string drivers_text(const std::vector<NodeSight>& sights) {
  std::vector<std::pair<std::string, std::string>> drivers;  // version, nodes
  for (const NodeSight& sight : sights) {
    const std::string& version = sight.profile.nvidia.kernel_module;
    const auto known =
        std::ranges::find(drivers, version, &std::pair<std::string, std::string>::first);
    if (known == drivers.end()) {
      drivers.emplace_back(version, sight.node);
    } else {
      known->second += ", " + sight.node;
    }
  }
  if (drivers.size() < 2) return "";
  std::ranges::sort(drivers,
                    [](const auto& a, const auto& b) { return is_lower(a.first, b.first); });
  std::vector<std::string> texts_of;
  texts_of.reserve(drivers.size());
  for (const auto& [version, nodes] : drivers) {
    texts_of.push_back(fmt::format("{} ({})", version.empty() ? "none" : version, nodes));
  }
  return base::join(texts_of, ", ");
}

}  // namespace hpcenv::slurm
