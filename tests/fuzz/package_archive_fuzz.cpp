#include "base/archive.hpp"
#include "fuzz/fuzz.hpp"

namespace {

class Nothing final : public hpcenv::base::ArchiveSink {
 public:
  hpcenv::Result<> begin(const hpcenv::base::ArchiveEntry& /*entry*/) override { return {}; }
  hpcenv::Result<> data(std::span<const std::byte> /*bytes*/) override { return {}; }
  hpcenv::Result<> end() override { return {}; }
};

}  // namespace

// The first byte chooses the format.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  auto rest = std::as_bytes(std::span(data + 1, size - 1));
  const auto source = [&]() -> hpcenv::Result<std::span<const std::byte>> {
    return std::exchange(rest, std::span<const std::byte>{});
  };
  Nothing nothing;
  const auto format =
      data[0] % 2 == 0 ? hpcenv::base::ArchiveFormat::conda : hpcenv::base::ArchiveFormat::tar_bz2;
  (void)hpcenv::base::read_package_archive(format, source, nothing, "fuzz");
  return 0;
}
