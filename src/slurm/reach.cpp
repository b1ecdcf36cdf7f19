#include "slurm/reach.hpp"

#include <algorithm>
#include <array>

#include "base/json.hpp"
#include "base/text.hpp"
#include "slurm/plain_text.hpp"

namespace hpcenv::slurm {
namespace {

constexpr std::array<std::string_view, 30> field_names{
    "partition", "account",      "qos",         "constraint",   "gpu_option",
    "gpu_type",  "gpus",         "time",        "time_min",     "time_max",
    "memory",    "cpus_per_gpu", "whole_node",  "cluster",      "arch",
    "local",     "local_option", "local_size",  "local_is_ram", "workdir",
    "net",       "interface",    "host_suffix", "mpi",          "probe_partition",
    "probe_qos", "probe_time",   "pick_node",   "head",         "options"};
static_assert(field_names.size() == static_cast<std::size_t>(ReachField::options) + 1);

constexpr std::array<std::string_view, 6> source_names{"asked",  "user",  "site_file",
                                                       "plugin", "slurm", "probe"};
static_assert(source_names.size() == static_cast<std::size_t>(ReachSource::probe) + 1);

struct Choice {
  ReachField field;
  std::string_view values;
};
constexpr std::array choices{
    Choice{ReachField::gpu_option, "gres gpus gpus-per-node gpus-per-task none"},
    Choice{ReachField::whole_node, "exclusive implied no"},
    Choice{ReachField::local_is_ram, "yes no"},
    Choice{ReachField::net, "direct none proxy"},
    Choice{ReachField::pick_node, "nodelist constraint"},
};

bool is_list(ReachField field) {
  return field == ReachField::workdir || field == ReachField::head || field == ReachField::options;
}

Result<> check_values(ReachField field, const std::vector<std::string>& values,
                      std::string_view name) {
  if (values.size() > 1 && !is_list(field)) {
    return fail(ErrorKind::refused, "{}: {} has one value", name, name_of(field));
  }
  for (const std::string& value : values) {
    if (has_control_character(value)) {
      return fail(ErrorKind::refused, "{}: {} holds a control character", name, name_of(field));
    }
  }
  const auto choice = std::ranges::find(choices, field, &Choice::field);
  if (choice == choices.end() || values.empty()) return {};
  const auto allowed = base::split(choice->values, ' ');
  if (std::ranges::find(allowed, values.front()) != allowed.end()) return {};
  return fail_hint(
      ErrorKind::refused,
      fmt::format("{}: {} cannot be '{}'", name, name_of(field), values.front()),
      fmt::format("it is one of: {}", base::replace_all(std::string(choice->values), " ", ", ")));
}

/// Texts, and lists of them; several lines are a list. nullopt: neither.
std::optional<std::vector<std::string>> texts_of(const base::Json& value) {
  std::vector<std::string> texts;
  if (value.is_null()) return texts;
  if (value.is_string()) {
    for (const std::string_view line : base::split_lines(value.get_ref<const std::string&>())) {
      if (!base::trim(line).empty()) texts.emplace_back(line);
    }
    return texts;
  }
  if (value.is_number_unsigned()) return std::vector{std::to_string(value.get<std::uint64_t>())};
  if (!value.is_array()) return std::nullopt;
  for (const base::Json& element : value) {
    if (!element.is_string()) return std::nullopt;
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

Result<ReachFact> fact_of(const base::Json& value, ReachField field, std::string_view name,
                          ReachSource source) {
  ReachFact fact;
  fact.source = source;
  const bool whole = value.is_object();
  if (whole) {
    const std::string from = base::string_or(value, "source");
    const auto known = std::ranges::find(source_names, from);
    if (known != source_names.end()) {
      fact.source = static_cast<ReachSource>(known - source_names.begin());
    }
    fact.when = base::integer_or(value, "when");
  }
  const auto texts = texts_of(whole ? value.value("value", base::Json()) : value);
  if (!texts) {
    return fail(ErrorKind::refused, "{}: {} is neither a text nor a list of texts", name,
                name_of(field));
  }
  HPCENV_TRY(check_values(field, *texts, name));
  fact.values = *texts;
  return fact;
}

}  // namespace

const ReachFact* Reach::find(ReachField field) const {
  const auto found = facts_.find(field);
  return found == facts_.end() ? nullptr : &found->second;
}

std::string Reach::text(ReachField field) const {
  const ReachFact* fact = find(field);
  return fact == nullptr ? std::string() : fact->values.front();
}

std::vector<std::string> Reach::values(ReachField field) const {
  const ReachFact* fact = find(field);
  return fact == nullptr ? std::vector<std::string>() : fact->values;
}

void Reach::set(ReachField field, ReachFact fact) {
  if (fact.values.empty()) {
    facts_.erase(field);
  } else {
    facts_[field] = std::move(fact);
  }
}

std::string_view name_of(ReachField field) { return field_names[static_cast<std::size_t>(field)]; }
std::string_view name_of(ReachSource source) {
  return source_names[static_cast<std::size_t>(source)];
}
std::span<const std::string_view> reach_field_names() { return field_names; }

Result<Reach> reach_from_json(const base::Json& value, std::string_view name, ReachSource source) {
  Reach reach;
  if (!value.is_object()) {
    return fail(ErrorKind::refused, "{}: how jobs get there is no list of fields", name);
  }
  for (const auto& [key, member] : value.items()) {
    const auto known = std::ranges::find(field_names, key);
    if (known == field_names.end()) {
      return fail_hint(
          ErrorKind::refused, fmt::format("{}: there is no field '{}'", name, key),
          "the fields are: " +
              base::join(std::vector<std::string>(field_names.begin(), field_names.end()), ", "));
    }
    const auto field = static_cast<ReachField>(known - field_names.begin());
    HPCENV_ASSIGN(ReachFact fact, fact_of(member, field, name, source));
    reach.set(field, std::move(fact));
  }
  return reach;
}

base::Json reach_to_json(const Reach& reach) {
  base::Json value = base::Json::object();
  for (const auto& [field, fact] : reach.facts()) {
    base::Json& member = value[std::string(name_of(field))];
    if (is_list(field)) {
      member["value"] = fact.values;
    } else {
      member["value"] = fact.values.front();
    }
    member["source"] = std::string(name_of(fact.source));
    if (fact.when > 0) member["when"] = fact.when;
  }
  return value;
}

}  // namespace hpcenv::slurm
