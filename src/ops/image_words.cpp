#include "ops/image_words.hpp"

#include <algorithm>
#include <map>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "image/image_metadata.hpp"
#include "image/sbom.hpp"

namespace hpcenv::ops {
namespace {

/// More say no more.
constexpr std::size_t most_notes = 10;

/// "lib/python3.12/site-packages/foo", else the first two parts.
std::string group_of(const std::string& file) {
  constexpr std::string_view folder = "/site-packages/";
  const std::size_t at = file.find(folder);
  std::size_t end = 0;
  if (at != std::string::npos) {
    end = file.find('/', at + folder.size());
  } else {
    end = file.find('/');
    if (end != std::string::npos) end = file.find('/', end + 1);
  }
  return file.substr(0, end);
}

}  // namespace

image::Annotations image_labels(const ImageRequest& request, const ImageReport& report,
                                std::int64_t created) {
  image::Annotations labels;
  labels["org.opencontainers.image.created"] = image::rfc3339(created);
  labels["org.opencontainers.image.title"] = request.name;
  const std::string tag = image::tag_of(request.reference);
  if (!tag.empty()) labels["org.opencontainers.image.version"] = tag;
  if (!report.base.name.empty()) labels["org.opencontainers.image.base.name"] = report.base.name;
  if (!report.base.digest.empty()) {
    labels["org.opencontainers.image.base.digest"] = report.base.digest;
  }
  labels["org.hpcenv.prefix"] = report.prefix;
  labels["org.hpcenv.lock"] = image::lock_digest(report.packages);
  labels["org.hpcenv.version"] = request.tool;
  if (report.cuda) labels["org.hpcenv.cuda"] = *report.cuda;
  return labels;
}

image::Annotations layer_annotations(const LayerReport& layer) {
  image::Annotations annotations;
  annotations["org.hpcenv.content"] = image::name_of(layer.content);
  if (!layer.packages.empty()) {
    annotations["org.hpcenv.packages"] = base::join(layer.packages, " ");
  }
  const bool is_of_files = layer.content == image::LayerContent::files;
  // The key of files is of this disk alone.
  if (!layer.key.empty() && !is_of_files) annotations["org.hpcenv.key"] = layer.key;
  if (is_of_files) annotations["org.hpcenv.path"] = layer.title;
  return annotations;
}

void describe_layers(const ImageRequest& request, const ImageReport& report, std::int64_t created,
                     image::ImageConfig& config) {
  config.created = image::rfc3339(created);
  config.diff_ids.clear();
  std::erase_if(config.history, [](const image::HistoryEntry& entry) { return entry.empty_layer; });
  const auto of_base =
      std::ranges::count(report.layers, image::LayerContent::base, &LayerReport::content);
  config.history.resize(static_cast<std::size_t>(of_base));
  for (const LayerReport& layer : report.layers) {
    config.diff_ids.push_back(layer.layer.diff_id);
    if (layer.content == image::LayerContent::base) continue;
    config.history.push_back({config.created, request.tool + " image build", layer.title, false});
  }
}

Result<std::vector<std::filesystem::path>> write_boms(const ImageRequest& request,
                                                      const ImageReport& report,
                                                      std::int64_t created) {
  const image::SbomInput input =
      image::sbom_input(request.name, request.reference, created, report.packages, request.tool);
  const std::vector<std::pair<std::string, std::string>> texts = {
      {".cdx.json", image::cyclonedx_text(input)}, {".spdx.json", image::spdx_text(input)}};
  std::vector<std::filesystem::path> written;
  for (const auto& [suffix, text] : texts) {
    written.emplace_back(request.out.native() + suffix);
    HPCENV_TRY(base::write_file(written.back(), text));
  }
  return written;
}

std::vector<std::string> unowned_notes(const std::vector<std::string>& files,
                                       const std::string& ending) {
  std::map<std::string, std::size_t> groups;
  for (const std::string& file : files) ++groups[group_of(file)];
  std::vector<std::string> notes;
  for (const auto& [group, count] : groups) {
    if (notes.size() == most_notes) {
      notes.push_back(fmt::format("{} more such places are not named", groups.size() - most_notes));
      break;
    }
    const std::string many = count == 1 ? "" : fmt::format(" ({} files)", count);
    notes.push_back(fmt::format("{}{} is of no package: {}", group, many, ending));
  }
  return notes;
}

}  // namespace hpcenv::ops
