// A machine as a folder: what a reader read there, for tests and bug reports.
#pragma once

#include <filesystem>
#include <memory>

#include "base/process.hpp"
#include "base/result.hpp"
#include "host/reader.hpp"

namespace hpcenv::host {

/// FOLDER/root holds the files; FOLDER/host.json what is none: hostname, kernel, machine, is_root,
/// environment, links {path: target}, libraries {path: what their headers say}, file_systems {path:
/// a mount of a profile, "type" at least}, open_errors {path: errno}, present (nothing but their
/// being there is known), unreadable and missing [paths], and the answers of the libcuda helper
/// [{library, stage, as_set, end, detail, lines}]; docs/reference/captures.md. What was not asked
/// when the machine was captured is not there. Kinds not_found and refused, naming the file.
Result<std::unique_ptr<HostReader>> open_captured_host(const std::filesystem::path& folder);

/// What programs answered there: `programs` of host.json, [{argv, end, code, output, errors}]. A
/// word "*" of argv stands for any one. Kind not_found for what was not asked. The same failures.
Result<std::unique_ptr<base::ProcessRunner>> open_captured_programs(
    const std::filesystem::path& folder);

}  // namespace hpcenv::host
