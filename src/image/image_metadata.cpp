#include "image/image_metadata.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "conda/channel.hpp"
#include "conda/prefix_record.hpp"
#include "image/layout_writer.hpp"
#include "image/oci.hpp"
#include "image/run_config.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/records.hpp"

namespace hpcenv::image {

namespace {

/// Where scanners and people look for them.
constexpr std::string_view bom_folder = "share/sbom";

LayerEntry text_entry(const Metadata& metadata, std::string_view path, std::string text) {
  LayerEntry entry;
  entry.kind = LayerEntry::Kind::text;
  entry.path = fmt::format("{}/{}", std::string_view(metadata.tree.prefix).substr(1), path);
  entry.text = std::move(text);
  entry.modified = metadata.created;
  return entry;
}

/// The history of an environment that was made at once.
std::string history_of(const Metadata& metadata) {
  prefix::Plan plan = metadata.plan;
  plan.unlink.clear();
  plan.command_line = "hpcenv image build";
  return prefix::history_block(plan, metadata.created, metadata.tool);
}

}  // namespace

std::vector<LayerEntry> metadata_entries(const Metadata& metadata) {
  std::vector<LayerEntry> entries = metadata.written;
  const auto& packages = metadata.tree.packages;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    conda::PrefixRecord record = image_record(metadata.tree, i, metadata.noted);
    record.requested_specs =
        prefix::specs_naming(metadata.plan.requested_specs, record.record.name);
    entries.push_back(text_entry(
        metadata, fmt::format("{}/{}.json", prefix::meta_folder, record.record.dist_name()),
        conda::prefix_record_text(record)));
  }
  entries.push_back(text_entry(metadata, prefix::history_file, history_of(metadata)));
  const std::string state = prefix::state_text({}, metadata.plan.variables);
  if (!state.empty()) entries.push_back(text_entry(metadata, prefix::state_file, state));
  const SbomInput input = sbom_input(metadata.name, metadata.reference, metadata.created,
                                     metadata.plan.link, metadata.tool);
  entries.push_back(text_entry(metadata, fmt::format("{}/{}.cdx.json", bom_folder, metadata.name),
                               cyclonedx_text(input)));
  entries.push_back(text_entry(metadata, fmt::format("{}/{}.spdx.json", bom_folder, metadata.name),
                               spdx_text(input)));
  complete(entries);
  return entries;
}

SbomInput sbom_input(const std::string& name, const std::string& reference, std::int64_t created,
                     std::span<const conda::PackageRecord> packages, const std::string& tool) {
  SbomInput input;
  input.name = name;
  input.version = tag_of(reference);
  input.created = rfc3339(created);
  input.packages.assign(packages.begin(), packages.end());
  input.tool_version = tool.substr(tool.find(' ') + 1);
  return input;
}

std::string lock_digest(std::span<const conda::PackageRecord> packages) {
  std::vector<std::string> lines;
  for (const conda::PackageRecord& record : packages) {
    const std::string& sum = record.sha256.empty() ? record.md5 : record.sha256;
    lines.push_back(fmt::format("{}#{}\n", conda::without_credentials(record.url), sum));
  }
  std::ranges::sort(lines);
  base::Hasher hasher(base::HashKind::sha256);
  for (const std::string& line : lines) hasher.update(line);
  return digest_of_hex(hasher.finish());
}

}  // namespace hpcenv::image
