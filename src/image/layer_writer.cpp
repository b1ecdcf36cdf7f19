#include "image/layer_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "image/layer_stream.hpp"
#include "image/tar_header.hpp"
#include "prefix/relocate.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_size = std::size_t{256} << 10U;
/// Patched texts are made in memory; larger ones are no texts that anybody wrote.
constexpr std::uint64_t longest_text = std::uint64_t{512} << 20U;

Failure changed(const fs::path& path) {
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} changed while it was read into the image", path.native()),
                   "wait until nobody writes to it, then build again");
}

/// A file that is read once from front to back.
class SourceFile {
 public:
  static Result<SourceFile> open(const LayerEntry& entry) {
    SourceFile file;
    file.path_ = entry.source;
    HPCENV_ASSIGN(file.fd_, base::open_read(entry.source));
    if (fstat(file.fd_.get(), &file.before_) != 0) {
      return fail_errno(errno, fmt::format("cannot examine {}", entry.source.native()));
    }
    const auto size = static_cast<std::uint64_t>(file.before_.st_size);
    if (!S_ISREG(file.before_.st_mode) || size != entry.size) return changed(entry.source);
    posix_fadvise(file.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return file;
  }

  /// Kind refused where there are not as many bytes as there were, or others.
  Result<> read(const std::function<Result<>(std::string_view)>& sink) const {
    std::string piece(piece_size, '\0');
    std::uint64_t left = static_cast<std::uint64_t>(before_.st_size);
    while (left > 0) {
      HPCENV_TRY(base::check_interrupt());
      const ssize_t got =
          ::read(fd_.get(), piece.data(), std::min<std::uint64_t>(piece.size(), left));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno(errno, fmt::format("cannot read {}", path_.native()));
      if (got == 0) return changed(path_);
      HPCENV_TRY(sink(std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
      left -= static_cast<std::uint64_t>(got);
    }
    struct stat after{};
    if (fstat(fd_.get(), &after) != 0 || after.st_size != before_.st_size ||
        after.st_mtim.tv_sec != before_.st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before_.st_mtim.tv_nsec) {
      return changed(path_);
    }
    return {};
  }

 private:
  SourceFile() = default;
  fs::path path_;
  base::Fd fd_;
  struct stat before_{};
};

/// Replaces the placeholder in a binary file piece by piece. Strings end with NUL, so a placeholder
/// waits for one; what cannot be part of a placeholder waits for nothing.
class BinaryPatcher {
 public:
  BinaryPatcher(const Patch& patch, prefix::PieceSink sink)
      : relocation_{patch.placeholder, patch.prefix}, sink_(std::move(sink)) {}

  Result<> write(std::string_view bytes) {
    const std::size_t last = bytes.rfind('\0');
    if (last == std::string_view::npos) return wait(bytes);
    waiting_ += bytes.substr(0, last + 1);
    HPCENV_TRY(finish());
    waiting_.clear();
    is_held_ = false;
    return wait(bytes.substr(last + 1));
  }
  Result<> finish() { return relocate_binary(waiting_, relocation_, sink_); }

 private:
  Result<> wait(std::string_view bytes) {
    waiting_ += bytes;
    is_held_ = is_held_ || waiting_.find(relocation_.placeholder) != std::string::npos;
    const std::size_t kept = relocation_.placeholder.size() - 1;
    if (is_held_ || waiting_.size() <= kept) return {};
    const std::size_t free = waiting_.size() - kept;
    HPCENV_TRY(sink_(std::string_view(waiting_).substr(0, free)));
    waiting_.erase(0, free);
    return {};
  }

  prefix::Relocation relocation_;
  prefix::PieceSink sink_;
  std::string waiting_;   ///< without NUL
  bool is_held_ = false;  ///< a placeholder is in it
};

class Writing {
 public:
  Writing(const LayerWriting& how, LayerStream stream) : how_(how), stream_(std::move(stream)) {}

  Result<KnownLayer> write(const std::vector<LayerEntry>& entries) {
    for (const LayerEntry& entry : entries) {
      HPCENV_TRY(add(entry));
      if (how_.progress) how_.progress(stream_.written() - told_);
      told_ = stream_.written();
    }
    HPCENV_TRY(stream_.write(std::string(tar_end, '\0')));
    HPCENV_ASSIGN(KnownLayer layer, stream_.finish());
    layer.noted = std::move(noted_);
    return layer;
  }

 private:
  Result<> add(const LayerEntry& entry) {
    switch (entry.kind) {
      case LayerEntry::Kind::directory:
      case LayerEntry::Kind::symlink:
        return stream_.write(header_of(entry, 0));
      case LayerEntry::Kind::text:
        return add_text(entry, entry.text);
      case LayerEntry::Kind::file:
        break;
    }
    HPCENV_ASSIGN(const SourceFile file, SourceFile::open(entry));
    if (!entry.patch.has_value()) return add_file(entry, file);
    if (entry.patch->mode == conda::FileMode::binary) return add_binary(entry, file);
    return add_patched_text(entry, file);
  }

  static std::string header_of(const LayerEntry& entry, std::uint64_t size) {
    TarHeader header;
    header.path = entry.path;
    header.mode = entry.mode;
    header.modified = entry.modified;
    header.size = size;
    if (entry.kind == LayerEntry::Kind::directory) header.type = TarHeader::Type::directory;
    if (entry.kind == LayerEntry::Kind::symlink) {
      header.type = TarHeader::Type::symlink;
      header.target = entry.text;
    }
    return tar_header(header);
  }

  Result<> begin(const LayerEntry& entry, std::uint64_t size) {
    hasher_.reset();
    if (entry.is_noted) hasher_.emplace(base::HashKind::sha256);
    return stream_.write(header_of(entry, size));
  }
  Result<> put(std::string_view bytes) {
    if (hasher_) hasher_->update(bytes);
    return stream_.write(bytes);
  }
  Result<> end(const LayerEntry& entry, std::uint64_t size) {
    if (hasher_) noted_.emplace(entry.path, hasher_->finish());
    hasher_.reset();
    return stream_.write(std::string(tar_padding(size), '\0'));
  }

  Result<> add_text(const LayerEntry& entry, std::string_view text) {
    HPCENV_TRY(begin(entry, text.size()));
    HPCENV_TRY(put(text));
    return end(entry, text.size());
  }

  Result<> add_file(const LayerEntry& entry, const SourceFile& file) {
    HPCENV_TRY(begin(entry, entry.size));
    HPCENV_TRY(file.read([&](std::string_view bytes) { return put(bytes); }));
    return end(entry, entry.size);
  }

  Result<> add_binary(const LayerEntry& entry, const SourceFile& file) {
    HPCENV_TRY(begin(entry, entry.size));
    BinaryPatcher patcher(*entry.patch, [&](std::string_view bytes) { return put(bytes); });
    HPCENV_TRY(file.read([&](std::string_view bytes) { return patcher.write(bytes); }));
    HPCENV_TRY(patcher.finish());
    return end(entry, entry.size);
  }

  Result<> add_patched_text(const LayerEntry& entry, const SourceFile& file) {
    if (entry.size > longest_text) {
      return fail(ErrorKind::refused, "{} is too large for a text to be patched",
                  entry.source.native());
    }
    std::string text;
    text.reserve(entry.size);
    HPCENV_TRY(file.read([&](std::string_view bytes) -> Result<> {
      text += bytes;
      return {};
    }));
    return add_text(
        entry, prefix::relocate_text(text, {entry.patch->placeholder, entry.patch->prefix}).text);
  }

  const LayerWriting& how_;
  LayerStream stream_;
  std::uint64_t told_ = 0;
  std::optional<base::Hasher> hasher_;
  std::map<std::string, std::string> noted_;
};

}  // namespace

Result<KnownLayer> write_layer(const std::vector<LayerEntry>& entries, const LayerWriting& writing,
                               const LayoutWriter& layout) {
  HPCENV_ASSIGN(BlobWriter blob, layout.begin_blob());
  return Writing(writing, LayerStream(std::move(blob), writing.compression, writing.threads))
      .write(entries);
}

}  // namespace hpcenv::image
