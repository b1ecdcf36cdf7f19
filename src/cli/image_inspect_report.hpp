// What `hpcenv image inspect` tells: as text and as JSON (docs/reference/json.md).
#pragma once

#include <string>

#include "base/json_fwd.hpp"
#include "cli/output.hpp"
#include "ops/image_look.hpp"

namespace hpcenv::cli {

base::Json inspect_json(const ops::LookedImage& image);

enum class PackageList { some, all };
/// The image's facts, then its layers with their sizes; on a terminal with a bar for each. `name`
/// is what the user called it.
std::string inspect_text(const ops::LookedImage& image, const std::string& name, PackageList list,
                         const Output& output);

}  // namespace hpcenv::cli
