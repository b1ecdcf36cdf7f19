#include "image/blob_source.hpp"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"

namespace hpcenv::image {

namespace {

constexpr std::size_t piece_size = std::size_t{256} << 10U;

class Source {
 public:
  Source(base::Fd fd, BlobPlace place, Descriptor blob)
      : fd_(std::move(fd)),
        place_(std::move(place)),
        blob_(std::move(blob)),
        hasher_(base::HashKind::sha256),
        piece_(piece_size) {}

  Result<std::span<const std::byte>> next() {
    HPCENV_TRY(base::check_interrupt());
    const std::size_t wanted = std::min<std::uint64_t>(piece_.size(), place_.size - done_);
    if (wanted == 0) return end();
    const ssize_t got =
        pread(fd_.get(), piece_.data(), wanted, static_cast<off_t>(place_.offset + done_));
    if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", place_.file.native()));
    if (got == 0) return fail(ErrorKind::refused, "{} ends early", place_.file.native());
    done_ += static_cast<std::size_t>(got);
    const auto bytes = std::span<const std::byte>(piece_).first(static_cast<std::size_t>(got));
    hasher_.update(bytes);
    return bytes;
  }

 private:
  Result<std::span<const std::byte>> end() {
    if (is_done_) return std::span<const std::byte>();
    is_done_ = true;
    const std::string found = digest_of_hex(hasher_.finish());
    if (found == blob_.digest) return std::span<const std::byte>();
    return fail(ErrorKind::refused, "{}: a blob is damaged: its digest is {}, not {}",
                place_.file.native(), found, blob_.digest);
  }

  base::Fd fd_;
  BlobPlace place_;
  Descriptor blob_;
  base::Hasher hasher_;
  std::vector<std::byte> piece_;
  std::uint64_t done_ = 0;
  bool is_done_ = false;
};

}  // namespace

Result<base::ByteSource> blob_source(const ImageFile& image, const Descriptor& blob) {
  HPCENV_ASSIGN(BlobPlace place, image.place(blob));
  HPCENV_ASSIGN(base::Fd fd, base::open_read(place.file));
  auto source = std::make_shared<Source>(std::move(fd), std::move(place), blob);
  return base::ByteSource([source] { return source->next(); });
}

base::TarCompression unpacking(LayerCompression compression) {
  switch (compression) {
    case LayerCompression::gzip:
      return base::TarCompression::gzip;
    case LayerCompression::zstd:
      return base::TarCompression::zstd;
    case LayerCompression::none:
      return base::TarCompression::none;
  }
  return base::TarCompression::none;
}

}  // namespace hpcenv::image
