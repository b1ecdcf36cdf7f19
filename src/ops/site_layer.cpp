#include "ops/site_layer.hpp"

#include <algorithm>
#include <ranges>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "host/configuration_folders.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

Failure bad_key(const fs::path& file, const std::string& key) {
  return fail_hint(ErrorKind::refused, fmt::format("{}: there is no key '{}'", file.string(), key),
                   "the keys are: defaults, head, message");
}

Result<> add_defaults(const base::Json& value, const fs::path& file, SiteLayer& layer) {
  HPCENV_ASSIGN(const slurm::Reach reach,
                slurm::reach_from_json(value, file.string(), slurm::ReachSource::site_file));
  for (const auto& [field, fact] : reach.facts()) {
    if (field == slurm::ReachField::head) {
      return fail_hint(ErrorKind::refused,
                       fmt::format("{}: head stands beside defaults, not in it", file.string()),
                       "move it to the left margin");
    }
    if (!layer.defaults.has(field)) layer.defaults.set(field, fact);
  }
  return {};
}

Result<> add_head(const base::Json& value, const fs::path& file, SiteLayer& layer) {
  if (!value.is_string()) {
    return fail_hint(ErrorKind::refused, fmt::format("{}: head is no text", file.string()),
                     "write it as `head: |` and the lines of bash below, indented");
  }
  std::vector<std::string> lines;
  for (const auto line : base::split_lines(value.get_ref<const std::string&>())) {
    lines.emplace_back(line);
  }
  layer.head.insert(layer.head.begin(), lines.begin(), lines.end());
  return {};
}

Result<> add_layer(const base::Json& document, const fs::path& file, SiteLayer& layer) {
  if (document.is_null()) return {};
  if (!document.is_object()) {
    return fail(ErrorKind::refused, "{}: it holds no keys", file.string());
  }
  for (const auto& [key, value] : document.items()) {
    if (key == "defaults") {
      HPCENV_TRY(add_defaults(value, file, layer));
    } else if (key == "head") {
      HPCENV_TRY(add_head(value, file, layer));
    } else if (key == "message" && value.is_string()) {
      layer.messages.push_back(
          {std::string(base::trim(value.get_ref<const std::string&>())), file});
    } else {
      return bad_key(file, key);
    }
  }
  return {};
}

}  // namespace

Result<SiteLayer> site_layer(const base::Environment& environment) {
  SiteLayer layer;
  for (const fs::path& folder : host::configuration_folders(environment)) {
    const fs::path file = folder / "slurm.yml";
    const auto text = base::read_file(file);
    if (!text && text.error().kind == ErrorKind::not_found) continue;
    if (!text) return Failure(text.error());
    HPCENV_ASSIGN(const base::Json document, base::parse_yaml(*text, file.string()));
    HPCENV_TRY(add_layer(document, file, layer));
  }
  return layer;
}

std::vector<SiteLayer::Message> not_yet_said(const SiteLayer& layer, const fs::path& state) {
  std::vector<SiteLayer::Message> news;
  const fs::path folder = state / "said";
  for (const SiteLayer::Message& message : layer.messages) {
    const fs::path mark = folder / base::hash_text(base::HashKind::sha256, message.text);
    if (base::path_exists(mark)) continue;
    news.push_back(message);
    if (base::make_directories(folder)) (void)base::write_file(mark, message.file.string() + "\n");
  }
  return news;
}

}  // namespace hpcenv::ops
