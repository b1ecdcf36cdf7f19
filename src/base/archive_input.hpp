// What the readers of archives share: libarchive's handle, and a ByteSource as its callbacks read
// it.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <optional>
#include <string>

#include "base/archive.hpp"
#include "base/result.hpp"

namespace hpcenv::base {

struct ReleaseArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using ArchiveHandle = std::unique_ptr<archive, ReleaseArchive>;

/// The source as libarchive's callback reads it. A failure of ours is kept aside: libarchive
/// carries only a number and a text.
class ArchiveInput {
 public:
  explicit ArchiveInput(ByteSource source) : source_(std::move(source)) {}

  Result<std::span<const std::byte>> next();
  /// Takes what the archive's format left over, so that a digest taken in the source is complete.
  Result<> drain();
  /// The failure behind a code of libarchive: that of the source if it was the source, else a
  /// damaged archive.
  Failure failure_of(archive* reader, const std::string& name);

  static la_ssize_t callback(archive* reader, void* self, const void** buffer) noexcept;

 private:
  ByteSource source_;
  std::optional<Error> failure_;
  bool ended_ = false;
};

/// The contents of the current entry, holes of a sparse file as zeros.
Result<> copy_entry_data(archive* tar, ArchiveInput& input, const std::string& name,
                         const std::function<Result<>(std::span<const std::byte>)>& sink);

}  // namespace hpcenv::base
