// A machine as a folder: what a reader read there, for tests and bug reports.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// FOLDER/root holds the files; FOLDER/host.json what is none: hostname, kernel, machine, is_root,
/// environment, links {path: target}, file_systems {path: facts}, and the answers of the libcuda
/// helper [{library, stage, as_set, end, detail, lines}]. Kinds not_found and refused, naming the
/// file.
Result<std::unique_ptr<HostReader>> open_captured_host(const std::filesystem::path& folder);

}  // namespace hpcenv::host
