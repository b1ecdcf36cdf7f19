// What `hpcenv image build` tells: as text and as JSON (docs/reference/json.md).
#pragma once

#include <string>

#include "base/json_fwd.hpp"
#include "cli/output.hpp"
#include "ops/image_build.hpp"

namespace hpcenv::cli {

base::Json image_report_json(const ops::ImageReport& report);
/// The layers as a table, the lowest first, with a line of totals.
std::string image_layers_text(const ops::ImageReport& report, const Output& output);
/// What was built, and what to type next.
std::string image_end_text(const ops::ImageReport& report, const ops::ImageRequest& request);

}  // namespace hpcenv::cli
