#include "cli/image_report.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

using ops::LayerReport;

const char* name_of(LayerReport::State state) {
  switch (state) {
    case LayerReport::State::planned:
      return "planned";
    case LayerReport::State::made:
      return "made";
    case LayerReport::State::kept:
      return "kept";
  }
  return "planned";
}

std::uint64_t size_of(const LayerReport& layer) {
  return layer.state == LayerReport::State::planned ? layer.estimate : layer.layer.blob.size;
}

bool is_plan(const ops::ImageReport& report) { return report.manifest.digest.empty(); }

base::Json layer_json(const LayerReport& layer) {
  base::Json json;
  json["content"] = image::name_of(layer.content);
  json["title"] = layer.title;
  json["packages"] = layer.packages;
  json["state"] = name_of(layer.state);
  json["shared"] = layer.is_shared;
  if (layer.state == LayerReport::State::planned) {
    json["estimated_size"] = layer.estimate;
    return json;
  }
  json["size"] = layer.layer.blob.size;
  json["digest"] = layer.layer.blob.digest;
  json["diff_id"] = layer.layer.diff_id;
  json["media_type"] = layer.layer.blob.media_type;
  return json;
}

std::string remark_of(const LayerReport& layer) {
  if (layer.is_shared) return "shared";
  return layer.state == LayerReport::State::kept ? "made before" : "";
}

}  // namespace

base::Json image_report_json(const ops::ImageReport& report) {
  base::Json json;
  json["name"] = report.name;
  json["prefix"] = report.prefix;
  json["reference"] = report.reference;
  json["base"] = {{"name", report.base.name},
                  {"digest", report.base.digest},
                  {"system", report.base.facts.system},
                  {"glibc", report.base.facts.glibc}};
  json["cuda"] = report.cuda ? base::Json(*report.cuda) : base::Json();
  json["layers"] = base::Json::array();
  std::uint64_t total = 0;
  for (const LayerReport& layer : report.layers) {
    json["layers"].push_back(layer_json(layer));
    total += size_of(layer);
  }
  json[is_plan(report) ? "estimated_size" : "size"] = total;
  json["notes"] = report.notes;
  if (is_plan(report)) return json;
  json["created"] = report.created;
  json["digest"] = report.manifest.digest;
  json["boms"] = base::Json::array();
  for (const auto& path : report.boms) json["boms"].push_back(path.native());
  return json;
}

std::string image_layers_text(const ops::ImageReport& report, const Output& output) {
  std::vector<std::vector<std::string>> rows = {{"Layer", "Size", "", ""}};
  std::uint64_t total = 0;
  std::uint64_t shared = 0;
  for (const LayerReport& layer : report.layers) {
    const std::uint64_t size = size_of(layer);
    total += size;
    if (layer.is_shared) shared += size;
    rows.push_back(
        {layer.title, base::human_bytes(size), image::name_of(layer.content), remark_of(layer)});
  }
  std::string text = output.styled(Style::bold, report.name) + " in " + report.prefix + "\n";
  text += table_text(rows);
  text += fmt::format("{} layers, {}{}", report.layers.size(), is_plan(report) ? "about " : "",
                      base::human_bytes(total));
  if (shared > 0) text += fmt::format(", of which {} are shared", base::human_bytes(shared));
  return text + "\n";
}

std::string image_end_text(const ops::ImageReport& report, const ops::ImageRequest& request) {
  const std::string out = request.out.native();
  std::uint64_t total = 0;
  for (const LayerReport& layer : report.layers) total += size_of(layer);
  if (request.format == ops::ImageRequest::Format::squashfs) {
    return fmt::format(
        "Built {}, one file for Apptainer, enroot, pyxis and Charliecloud\n"
        "Next: apptainer exec {} python\n",
        out, out);
  }
  return fmt::format("Built {}: {}, {} layers, {}\n  {}\nNext: hpcenv image push {} REGISTRY/{}\n",
                     out, report.reference, report.layers.size(), base::human_bytes(total),
                     report.manifest.digest, out, report.name);
}

}  // namespace hpcenv::cli
