#include <sys/mman.h>
#include <unistd.h>

#include "base/fs.hpp"
#include "fuzz/fuzz.hpp"
#include "image/oci.hpp"
#include "image/tar_members.hpp"

namespace {

using namespace hpcenv;  // NOLINT(google-build-using-namespace)

/// What was read and written once is read and written the same again.
void check_documents(std::string_view text) {
  if (const auto manifest = image::parse_manifest(text, "fuzz")) {
    const std::string written = image::manifest_text(*manifest);
    const auto again = image::parse_manifest(written, "fuzz");
    fuzz::require(again.has_value() && image::manifest_text(*again) == written);
  }
  if (const auto index = image::parse_index(text, "fuzz")) {
    const std::string written = image::index_text(*index);
    const auto again = image::parse_index(written, "fuzz");
    fuzz::require(again.has_value() && image::index_text(*again) == written);
  }
  if (const auto config = image::parse_config(text, "fuzz")) {
    const std::string written = image::config_text(*config);
    const auto again = image::parse_config(written, "fuzz");
    fuzz::require(again.has_value() && image::config_text(*again) == written);
  }
}

/// Members lie within the archive.
void check_members(std::string_view bytes) {
  const base::Fd fd(memfd_create("archive", MFD_CLOEXEC));
  if (!fd.valid() || !base::write_all(fd.get(), bytes, "archive")) return;
  const auto members = image::tar_members("/proc/self/fd/" + std::to_string(fd.get()));
  if (!members) return;
  for (const auto& [name, place] : *members) {
    fuzz::require(place.offset <= bytes.size() && place.size <= bytes.size() - place.offset);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_documents(text);
  check_members(text);
  return 0;
}
