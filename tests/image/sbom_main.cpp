// image_sbom FORMAT: writes the bill of materials (cyclonedx or spdx) of what it reads as JSON:
// `name`, `version`, `created`, `packages`: records as in repodata.json with `fn` and `channel`
// beside.
#include <iostream>
#include <iterator>
#include <string>

#include "base/json.hpp"
#include "image/sbom.hpp"

namespace {

hpcenv::Result<hpcenv::image::SbomInput> input_of(const std::string& text) {
  HPCENV_ASSIGN(const hpcenv::base::Json document, hpcenv::base::parse_json(text, "stdin"));
  hpcenv::image::SbomInput input;
  input.name = hpcenv::base::string_or(document, "name");
  input.version = hpcenv::base::string_or(document, "version");
  input.created = hpcenv::base::string_or(document, "created");
  for (const auto& entry : document["packages"]) {
    const std::string channel = hpcenv::base::string_or(entry, "channel");
    const std::string subdir = channel + "/" + hpcenv::base::string_or(entry, "subdir");
    HPCENV_ASSIGN(auto record, hpcenv::conda::record_from_json(
                                   entry, hpcenv::base::string_or(entry, "fn"), channel, subdir));
    input.packages.push_back(std::move(record));
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string format = argc == 2 ? argv[1] : "";
  const std::string text(std::istreambuf_iterator<char>(std::cin), {});
  const auto input = input_of(text);
  if (!input.has_value()) {
    std::cerr << "image_sbom: " << input.error().message << '\n';
    return 1;
  }
  std::cout << (format == "spdx" ? hpcenv::image::spdx_text(*input)
                                 : hpcenv::image::cyclonedx_text(*input));
  return 0;
}
