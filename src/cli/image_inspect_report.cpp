#include "cli/image_inspect_report.hpp"

#include <algorithm>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/fact_sheet.hpp"
#include "cli/printable.hpp"
#include "cli/wrap.hpp"

namespace hpcenv::cli {
namespace {

using ops::LookedImage;
using ops::LookedLayer;

constexpr std::size_t widest_title = 44;
constexpr std::size_t widest_bar = 40;
constexpr std::size_t named_packages = 4;

std::string cut(std::string text, std::size_t cells) {
  if (cells_of(text) <= cells) return text;
  // At a byte that begins a character.
  std::size_t size = std::min(text.size(), cells - 3);
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  return text.substr(0, size) + "...";
}

/// Shell commands of build files span several.
std::string one_line(const std::string& text) {
  const std::string blanks = base::replace_all(text, "\n", " ");
  const std::vector<std::string_view> words = base::split_words(blanks);
  return printable(base::join({words.begin(), words.end()}, " "));
}

std::string title_of(const LookedLayer& layer) {
  if (layer.content == "files") return one_line(layer.path);
  if (layer.packages.size() == 1) return printable(layer.packages.front());
  if (!layer.packages.empty()) return fmt::format("{} packages", layer.packages.size());
  if (layer.content == "metadata") return "conda-meta and generated files";
  if (!layer.created_by.empty()) return one_line(layer.created_by);
  return layer.content.empty() ? layer.blob.digest.substr(0, 19) : one_line(layer.content);
}

std::string bar_of(std::uint64_t size, std::uint64_t largest, std::size_t room,
                   const Output& output) {
  if (largest == 0 || room == 0) return "";
  const std::size_t cells = static_cast<std::size_t>(
      (static_cast<double>(size) / static_cast<double>(largest)) * static_cast<double>(room));
  std::string bar;
  for (std::size_t i = 0; i < std::max<std::size_t>(cells, size > 0 ? 1 : 0); ++i) {
    bar += output.is_utf8() ? "█" : "#";
  }
  return bar;
}

/// Names of the packages that share a layer, in an indented line.
std::string packages_line(const LookedLayer& layer, std::size_t columns) {
  std::vector<std::string> names(
      layer.packages.begin(), layer.packages.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                           named_packages, layer.packages.size())));
  std::string line = printable(base::join(names, ", "));
  const std::size_t rest = layer.packages.size() - names.size();
  const std::string more = rest > 0 ? fmt::format(" and {} more", rest) : "";
  const std::size_t room = columns > 10 + more.size() ? columns - 4 - more.size() : 20;
  return "    " + cut(std::move(line), room) + more + "\n";
}

using Rows = std::vector<std::vector<std::string>>;

std::string facts_text(const LookedImage& image, const std::string& name, std::size_t columns,
                       const Output& output) {
  const auto label = [&](const char* key) {
    const auto found = image.config.labels.find(key);
    return found == image.config.labels.end() ? std::string() : found->second;
  };
  std::vector<std::string> command = image.config.entrypoint;
  command.insert(command.end(), image.config.command.begin(), image.config.command.end());
  FactSheet sheet(one_line(image.reference.empty() ? name : image.reference));
  sheet.add_known("digest", image.named_digest);
  sheet.add_known("platform", image::platform_text(image.config.platform));
  sheet.add_known("created", one_line(image.config.created));
  sheet.add_known("environment", one_line(label("org.hpcenv.prefix")));
  sheet.add_known("CUDA", one_line(label("org.hpcenv.cuda")));
  sheet.add_known("base", one_line(label("org.opencontainers.image.base.name")));
  sheet.add_known("command", one_line(base::join(command, " ")));
  sheet.add_known("directory", one_line(image.config.working_directory));
  sheet.add_known("user", one_line(image.config.user));
  return sheet.text(columns, output);
}

base::Json layer_json(const LookedLayer& layer) {
  base::Json json;
  json["digest"] = layer.blob.digest;
  json["diff_id"] = layer.diff_id;
  json["media_type"] = layer.blob.media_type;
  json["size"] = layer.blob.size;
  json["content"] = layer.content.empty() ? base::Json() : base::Json(layer.content);
  json["packages"] = layer.packages;
  json["path"] = layer.path.empty() ? base::Json() : base::Json(layer.path);
  json["created_by"] = layer.created_by;
  return json;
}

}  // namespace

base::Json inspect_json(const LookedImage& image) {
  base::Json json;
  json["reference"] = image.reference;
  json["digest"] = image.manifest.digest;
  json["named_digest"] = image.named_digest;
  json["config_digest"] = image.config_blob.digest;
  json["media_type"] = image.manifest.media_type;
  json["platform"] = image::platform_text(image.config.platform);
  json["created"] = image.config.created;
  json["size"] = image.size;
  json["environment"] = image.config.environment;
  json["entrypoint"] = image.config.entrypoint;
  json["command"] = image.config.command;
  json["working_directory"] = image.config.working_directory;
  json["user"] = image.config.user;
  json["labels"] = base::Json::object();
  for (const auto& [name, value] : image.config.labels) json["labels"][name] = value;
  json["layers"] = base::Json::array();
  for (const LookedLayer& layer : image.layers) json["layers"].push_back(layer_json(layer));
  return json;
}

std::string inspect_text(const LookedImage& image, const std::string& name, PackageList list,
                         const Output& output) {
  std::uint64_t largest = 0;
  std::size_t widest = 0;
  Rows cells;
  for (const LookedLayer& layer : image.layers) {
    largest = std::max(largest, layer.blob.size);
    cells.push_back({cut(title_of(layer), widest_title), base::human_bytes(layer.blob.size)});
    widest = std::max(widest, cells_of(cells.back()[0]));
  }
  const bool draws = output.stdout_is_terminal();
  const std::size_t columns = output.stdout_columns();
  const std::size_t used = widest + 16;
  const std::size_t room = draws && columns > used ? std::min(columns - used, widest_bar) : 0;
  std::string text = facts_text(image, name, draws ? columns : 100, output);
  text += fmt::format("\n{} {}, {}\n", image.layers.size(),
                      image.layers.size() == 1 ? "layer" : "layers", base::human_bytes(image.size));
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const LookedLayer& layer = image.layers[i];
    std::string line = "  " + cells[i][0];
    line.append(widest - cells_of(cells[i][0]), ' ');
    line += fmt::format("  {:>10}", cells[i][1]);
    const std::string bar = bar_of(layer.blob.size, largest, room, output);
    if (!bar.empty()) line += "  " + output.styled(Style::green, bar);
    text += line + "\n";
    if (layer.packages.size() < 2) continue;
    if (list == PackageList::some) {
      text += packages_line(layer, draws ? columns : 100);
    } else {
      for (const std::string& package : layer.packages) text += "    " + printable(package) + "\n";
    }
  }
  return text;
}

}  // namespace hpcenv::cli
