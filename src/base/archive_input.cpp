#include "base/archive_input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace hpcenv::base {

Result<std::span<const std::byte>> ArchiveInput::next() {
  if (ended_) return std::span<const std::byte>();
  HPCENV_ASSIGN(const std::span<const std::byte> piece, source_());
  ended_ = piece.empty();
  return piece;
}

Result<> ArchiveInput::drain() {
  while (!ended_) HPCENV_TRY(next());
  return {};
}

Failure ArchiveInput::failure_of(archive* reader, const std::string& name) {
  if (failure_.has_value()) return Failure(*std::exchange(failure_, std::nullopt));
  if (archive_errno(reader) == ENOMEM) return fail(ErrorKind::io, "{}: out of memory", name);
  const char* reason = archive_error_string(reader);
  return fail(ErrorKind::refused, "{}: damaged archive: {}", name,
              reason != nullptr ? reason : "cannot be read");
}

la_ssize_t ArchiveInput::callback(archive* reader, void* self, const void** buffer) noexcept {
  auto& input = *static_cast<ArchiveInput*>(self);
  Result<std::span<const std::byte>> piece = input.next();
  if (!piece.has_value()) {
    archive_set_error(reader, EIO, "%s", piece.error().message.c_str());
    input.failure_ = std::move(piece).error();
    return ARCHIVE_FATAL;
  }
  *buffer = piece->data();
  return static_cast<la_ssize_t>(piece->size());
}

Result<> copy_entry_data(archive* tar, ArchiveInput& input, const std::string& name,
                         const std::function<Result<>(std::span<const std::byte>)>& sink) {
  static constexpr std::array<std::byte, 4096> zeros{};
  la_int64_t written = 0;
  for (;;) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int code = archive_read_data_block(tar, &data, &size, &offset);
    if (code != ARCHIVE_OK && code != ARCHIVE_EOF) return input.failure_of(tar, name);
    while (written < offset) {  // a hole of a sparse file; one at the end comes with ARCHIVE_EOF
      const auto gap = std::min<la_int64_t>(offset - written, zeros.size());
      HPCENV_TRY(sink(std::span(zeros).first(static_cast<std::size_t>(gap))));
      written += gap;
    }
    if (code == ARCHIVE_EOF) return {};
    HPCENV_TRY(sink(std::span(static_cast<const std::byte*>(data), size)));
    written += static_cast<la_int64_t>(size);
  }
}

}  // namespace hpcenv::base
