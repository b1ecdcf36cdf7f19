#include "slurm/site_json.hpp"

#include <array>

#include "base/json.hpp"

namespace hpcenv::slurm {
namespace {

using base::Json;

template <class T>
struct TextMember {
  const char* key;
  std::string T::* member;
};
template <class T>
struct ListMember {
  const char* key;
  std::vector<std::string> T::* member;
};
template <class T>
struct NumberMember {
  const char* key;
  std::uint64_t T::* member;
};
template <class T>
struct FlagMember {
  const char* key;
  bool T::* member;
};

constexpr std::array partition_texts{TextMember{"name", &Partition::name},
                                     TextMember{"state", &Partition::state},
                                     TextMember{"time_limit", &Partition::time_limit},
                                     TextMember{"default_time", &Partition::default_time},
                                     TextMember{"qos", &Partition::qos},
                                     TextMember{"default_memory", &Partition::default_memory},
                                     TextMember{"max_memory", &Partition::max_memory},
                                     TextMember{"job_defaults", &Partition::job_defaults}};
constexpr std::array partition_lists{ListMember{"gres", &Partition::gres},
                                     ListMember{"nodes", &Partition::nodes},
                                     ListMember{"allow_accounts", &Partition::allow_accounts},
                                     ListMember{"allow_groups", &Partition::allow_groups},
                                     ListMember{"allow_qos", &Partition::allow_qos}};
constexpr std::array partition_numbers{NumberMember{"min_nodes", &Partition::min_nodes},
                                       NumberMember{"max_nodes", &Partition::max_nodes}};
constexpr std::array partition_flags{FlagMember{"default", &Partition::is_default},
                                     FlagMember{"whole_nodes", &Partition::whole_nodes}};

constexpr std::array node_texts{
    TextMember{"name", &SiteNode::name},       TextMember{"arch", &SiteNode::arch},
    TextMember{"address", &SiteNode::address}, TextMember{"host_name", &SiteNode::host_name},
    TextMember{"state", &SiteNode::state},     TextMember{"gres", &SiteNode::gres}};
constexpr std::array node_lists{ListMember{"features", &SiteNode::features},
                                ListMember{"partitions", &SiteNode::partitions}};
constexpr std::array node_numbers{NumberMember{"memory_mb", &SiteNode::memory_mb},
                                  NumberMember{"cpus", &SiteNode::cpus},
                                  NumberMember{"local_disk_mb", &SiteNode::local_disk_mb}};

constexpr std::array association_texts{TextMember{"account", &Association::account},
                                       TextMember{"partition", &Association::partition},
                                       TextMember{"default_qos", &Association::default_qos}};
constexpr std::array association_lists{ListMember{"qos", &Association::qos}};

constexpr std::array site_texts{
    TextMember{"cluster", &SiteProfile::cluster},
    TextMember{"slurm_version", &SiteProfile::slurm_version},
    TextMember{"default_memory", &SiteProfile::default_memory},
    TextMember{"mpi_default", &SiteProfile::mpi_default},
    TextMember{"enforce_part_limits", &SiteProfile::enforce_part_limits},
    TextMember{"local_disk", &SiteProfile::local_disk},
    TextMember{"default_account", &SiteProfile::default_account}};
constexpr std::array site_lists{ListMember{"submit_plugins", &SiteProfile::submit_plugins},
                                ListMember{"client_filters", &SiteProfile::client_filters},
                                ListMember{"enforced", &SiteProfile::enforced}};
constexpr std::array site_flags{FlagMember{"has_database", &SiteProfile::has_database},
                                FlagMember{"allocates_memory", &SiteProfile::allocates_memory}};

template <class Members, class T>
void put(Json& json, const Members& members, const T& value) {
  for (const auto& [key, member] : members) json[key] = value.*member;
}
template <class Members, class T>
void get_texts(const Json& json, const Members& members, T& value) {
  for (const auto& [key, member] : members) value.*member = base::string_or(json, key);
}
template <class Members, class T>
void get_lists(const Json& json, const Members& members, T& value) {
  for (const auto& [key, member] : members) value.*member = base::strings_or_empty(json, key);
}
template <class Members, class T>
void get_numbers(const Json& json, const Members& members, T& value) {
  for (const auto& [key, member] : members) {
    const std::int64_t number = base::integer_or(json, key);
    value.*member = number > 0 ? static_cast<std::uint64_t>(number) : 0;
  }
}
template <class Members, class T>
void get_flags(const Json& json, const Members& members, T& value) {
  for (const auto& [key, member] : members) {
    const auto found = json.find(key);
    value.*member = found != json.end() && found->is_boolean() && found->template get<bool>();
  }
}

template <class Read>
void for_each_object(const Json& json, const char* key, Read read) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array()) return;
  for (const Json& element : *found) {
    if (element.is_object()) read(element);
  }
}

}  // namespace

Json site_to_json(const SiteProfile& site) {
  Json json;
  put(json, site_texts, site);
  put(json, site_lists, site);
  put(json, site_flags, site);
  json["taken_at"] = site.taken_at;
  for (const char* key : {"partitions", "nodes", "associations"}) json[key] = Json::array();
  for (const Partition& partition : site.partitions) {
    Json& element = json["partitions"].emplace_back();
    put(element, partition_texts, partition);
    put(element, partition_lists, partition);
    put(element, partition_numbers, partition);
    put(element, partition_flags, partition);
  }
  for (const SiteNode& node : site.nodes) {
    Json& element = json["nodes"].emplace_back();
    put(element, node_texts, node);
    put(element, node_lists, node);
    put(element, node_numbers, node);
  }
  for (const Association& association : site.associations) {
    Json& element = json["associations"].emplace_back();
    put(element, association_texts, association);
    put(element, association_lists, association);
  }
  return json;
}

SiteProfile site_from_json(const Json& value) {
  SiteProfile site;
  if (!value.is_object()) return site;
  get_texts(value, site_texts, site);
  get_lists(value, site_lists, site);
  get_flags(value, site_flags, site);
  site.taken_at = base::integer_or(value, "taken_at");
  for_each_object(value, "partitions", [&](const Json& element) {
    Partition& partition = site.partitions.emplace_back();
    get_texts(element, partition_texts, partition);
    get_lists(element, partition_lists, partition);
    get_numbers(element, partition_numbers, partition);
    get_flags(element, partition_flags, partition);
  });
  for_each_object(value, "nodes", [&](const Json& element) {
    SiteNode& node = site.nodes.emplace_back();
    get_texts(element, node_texts, node);
    get_lists(element, node_lists, node);
    get_numbers(element, node_numbers, node);
  });
  for_each_object(value, "associations", [&](const Json& element) {
    Association& association = site.associations.emplace_back();
    get_texts(element, association_texts, association);
    get_lists(element, association_lists, association);
  });
  return site;
}

}  // namespace hpcenv::slurm
