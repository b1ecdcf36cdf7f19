#include "base/archive.hpp"

#include <algorithm>
#include <string_view>

#include "base/archive_input.hpp"
#include "base/json.hpp"

namespace hpcenv::base {

namespace {

/// What a zip file ends with: a record of 22 bytes and a comment of at most 64 KiB.
constexpr std::size_t zip_end_fixed = 22;
constexpr std::size_t zip_end_size = zip_end_fixed + 65535;
constexpr std::string_view zip_end_mark = "PK\5\6";
constexpr std::size_t metadata_limit = 65536;

/// The last bytes of what is read, for the end record of a zip file.
class Tail {
 public:
  void remember(std::span<const std::byte> piece) {
    piece = piece.last(std::min(piece.size(), zip_end_size));
    if (bytes_.size() + piece.size() > 8 * zip_end_size) {
      bytes_.erase(0, bytes_.size() - std::min(bytes_.size(), zip_end_size));
    }
    bytes_.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }

  /// After all was read: whether the last bytes are the end record, its comment included.
  bool has_zip_end() const {
    const std::size_t from = bytes_.size() - std::min(bytes_.size(), zip_end_size);
    const std::string_view tail = std::string_view(bytes_).substr(from);
    const std::size_t at = tail.rfind(zip_end_mark);
    if (at == std::string_view::npos || tail.size() - at < zip_end_fixed) return false;
    const auto byte = [&](std::size_t offset) {
      return static_cast<std::size_t>(static_cast<unsigned char>(tail[at + offset]));
    };
    return tail.size() - at >= zip_end_fixed + byte(20) + (byte(21) << 8U);
  }

 private:
  std::string bytes_;
};

/// Bytes of the current entry of a zip: their number, 0 at its end, below 0 on failure.
la_ssize_t next_block(archive* zip, const void** data) noexcept {
  for (;;) {
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int code = archive_read_data_block(zip, data, &size, &offset);
    if (code == ARCHIVE_EOF) return 0;
    if (code != ARCHIVE_OK) return ARCHIVE_FATAL;
    if (size > 0) return static_cast<la_ssize_t>(size);
  }
}

/// One pass over one package archive.
class PackageReader {
 public:
  PackageReader(const ByteSource& source, ArchiveSink& sink, const std::string& name,
                ArchiveChecksums checksums)
      : input_([this, &source]() -> Result<std::span<const std::byte>> {
          HPCENV_ASSIGN(const std::span<const std::byte> piece, source());
          tail_.remember(piece);
          return piece;
        }),
        sink_(sink),
        name_(name),
        checksums_(checksums) {}

  Result<> read_tar_bz2();
  Result<> read_conda();

 private:
  Failure failure_of(archive* reader) { return input_.failure_of(reader, name_); }
  Result<> read_tar(archive* tar);
  Result<> read_entry(archive* tar, archive_entry* header);
  Result<> read_member(archive* zip, std::string_view member);
  Result<> read_inner_tar(archive* zip);
  Result<> read_metadata(archive* zip);
  static la_ssize_t read_member_data(archive* tar, void* zip, const void** buffer) noexcept;

  Tail tail_;
  ArchiveInput input_;
  ArchiveSink& sink_;
  const std::string& name_;
  ArchiveChecksums checksums_;
  int pkg_count_ = 0;
  int info_count_ = 0;
};

Result<> PackageReader::read_tar(archive* tar) {
  for (;;) {
    archive_entry* header = nullptr;
    const int code = archive_read_next_header(tar, &header);
    if (code == ARCHIVE_EOF) return {};
    // A warning is all that libarchive has to say of a UTF-8 name in the C locale: it hands the
    // bytes on as they are, which is what we want (in a UTF-8 locale it would change them to
    // composed form). This program never calls setlocale.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failure_of(tar);
    HPCENV_TRY(read_entry(tar, header));
  }
}

Result<> PackageReader::read_entry(archive* tar, archive_entry* header) {
  const char* path = archive_entry_pathname(header);
  if (path == nullptr || *path == '\0') {
    return fail(ErrorKind::refused, "{}: holds an entry without a name", name_);
  }
  ArchiveEntry entry;
  entry.path = path;
  entry.mode = archive_entry_perm(header);
  entry.modified = archive_entry_mtime(header);
  const auto type = archive_entry_filetype(header);
  if (const char* hardlink = archive_entry_hardlink(header); hardlink != nullptr) {
    entry.type = ArchiveEntry::Type::hardlink;
    entry.target = hardlink;
  } else if (type == AE_IFLNK) {
    const char* target = archive_entry_symlink(header);
    entry.type = ArchiveEntry::Type::symlink;
    entry.target = target != nullptr ? target : "";
  } else if (type == AE_IFDIR) {
    entry.type = ArchiveEntry::Type::directory;
  } else if (type == AE_IFREG) {
    entry.size = archive_entry_size(header);
  } else {
    return fail(ErrorKind::refused, "{}: {} is neither a file, a directory nor a link", name_,
                entry.path);
  }
  HPCENV_TRY(sink_.begin(entry));
  if (entry.type == ArchiveEntry::Type::file) {
    HPCENV_TRY(copy_entry_data(tar, input_, name_, [this](std::span<const std::byte> bytes) {
      return sink_.data(bytes);
    }));
  }
  return sink_.end();
}

Result<> PackageReader::read_tar_bz2() {
  const ArchiveHandle tar(archive_read_new());
  archive_read_support_filter_bzip2(tar.get());
  archive_read_support_format_tar(tar.get());
  const int code = archive_read_open(tar.get(), &input_, nullptr, &ArchiveInput::callback, nullptr);
  if (code != ARCHIVE_OK) return failure_of(tar.get());
  HPCENV_TRY(read_tar(tar.get()));
  return input_.drain();
}

la_ssize_t PackageReader::read_member_data(archive* tar, void* zip, const void** buffer) noexcept {
  auto* outer = static_cast<archive*>(zip);
  const la_ssize_t got = next_block(outer, buffer);
  if (got < 0) {
    const char* reason = archive_error_string(outer);
    archive_set_error(tar, archive_errno(outer), "%s",
                      reason != nullptr ? reason : "cannot be read");
  }
  return got;
}

Result<> PackageReader::read_inner_tar(archive* zip) {
  const ArchiveHandle tar(archive_read_new());
  archive_read_support_filter_zstd(tar.get());
  archive_read_support_format_tar(tar.get());
  const int code = archive_read_open(tar.get(), zip, nullptr, &read_member_data, nullptr);
  if (code != ARCHIVE_OK) return failure_of(tar.get());
  HPCENV_TRY(read_tar(tar.get()));
  // The rest of the member is read, not skipped, so that the checksum of the zip entry is compared.
  for (;;) {
    const void* data = nullptr;
    const la_ssize_t got = next_block(zip, &data);
    if (got < 0) return failure_of(zip);
    if (got == 0) return {};
  }
}

Result<> PackageReader::read_metadata(archive* zip) {
  std::string text;
  for (;;) {
    const void* data = nullptr;
    const la_ssize_t got = next_block(zip, &data);
    if (got < 0) return failure_of(zip);
    if (got == 0) break;
    text.append(static_cast<const char*>(data), static_cast<std::size_t>(got));
    if (text.size() > metadata_limit) {
      return fail(ErrorKind::refused, "{}: its metadata.json is too large", name_);
    }
  }
  HPCENV_ASSIGN(const Json metadata, parse_json(text, name_ + "/metadata.json"));
  const std::int64_t version = integer_or(metadata, "conda_pkg_format_version", 2);
  if (version == 2) return {};
  return fail(ErrorKind::refused, "{}: package format {} is not known, only 2 is (CEP 35)", name_,
              version);
}

Result<> PackageReader::read_member(archive* zip, std::string_view member) {
  const bool is_tar = member.ends_with(".tar.zst");
  if (is_tar && member.starts_with("pkg-")) {
    ++pkg_count_;
    return read_inner_tar(zip);
  }
  if (is_tar && member.starts_with("info-")) {
    ++info_count_;
    return read_inner_tar(zip);
  }
  if (member == "metadata.json") return read_metadata(zip);
  return {};
}

Result<> PackageReader::read_conda() {
  const ArchiveHandle zip(archive_read_new());
  archive_read_support_format_zip_streamable(zip.get());
  if (checksums_ == ArchiveChecksums::skip) {
    archive_read_set_format_option(zip.get(), "zip", "ignorecrc32", "1");
  }
  const int opened =
      archive_read_open(zip.get(), &input_, nullptr, &ArchiveInput::callback, nullptr);
  if (opened != ARCHIVE_OK) return failure_of(zip.get());
  for (;;) {
    archive_entry* header = nullptr;
    const int code = archive_read_next_header(zip.get(), &header);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failure_of(zip.get());
    const char* member = archive_entry_pathname(header);
    HPCENV_TRY(read_member(zip.get(), member != nullptr ? member : ""));
  }
  HPCENV_TRY(input_.drain());
  if (!tail_.has_zip_end()) {
    return fail(ErrorKind::refused, "{}: damaged archive: its end is missing", name_);
  }
  if (pkg_count_ == 1 && info_count_ == 1) return {};
  return fail(ErrorKind::refused,
              "{}: a .conda archive holds one pkg-*.tar.zst and one info-*.tar.zst; this one holds "
              "{} and {}",
              name_, pkg_count_, info_count_);
}

}  // namespace

Result<> read_package_archive(ArchiveFormat format, const ByteSource& source, ArchiveSink& sink,
                              const std::string& name, ArchiveChecksums checksums) {
  PackageReader reader(source, sink, name, checksums);
  return format == ArchiveFormat::conda ? reader.read_conda() : reader.read_tar_bz2();
}

}  // namespace hpcenv::base
