#include "base/tar_archive.hpp"

#include <limits>
#include <optional>

#include "base/archive_input.hpp"

namespace hpcenv::base {

namespace {

using Type = TarEntry::Type;

std::optional<Type> type_of(archive_entry* header) {
  if (archive_entry_hardlink(header) != nullptr) return Type::hardlink;
  switch (archive_entry_filetype(header)) {
    case AE_IFREG:
      return Type::file;
    case AE_IFDIR:
      return Type::directory;
    case AE_IFLNK:
      return Type::symlink;
    case AE_IFCHR:
      return Type::character_device;
    case AE_IFBLK:
      return Type::block_device;
    case AE_IFIFO:
      return Type::fifo;
    default:
      return std::nullopt;
  }
}

std::string text_or_empty(const char* text) { return text != nullptr ? text : std::string(); }

std::map<std::string, std::string> xattrs_of(archive_entry* header) {
  std::map<std::string, std::string> found;
  archive_entry_xattr_reset(header);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(header, &name, &value, &size) == ARCHIVE_OK) {
    found.insert_or_assign(name, std::string(static_cast<const char*>(value), size));
  }
  return found;
}

Result<std::uint32_t> owner_of(la_int64_t number, const std::string& path,
                               const std::string& name) {
  if (number >= 0 && number <= std::numeric_limits<std::uint32_t>::max()) {
    return static_cast<std::uint32_t>(number);
  }
  return fail(ErrorKind::refused, "{}: {} belongs to user or group {}, which no system has", name,
              path, number);
}

Result<TarEntry> entry_of(archive_entry* header, const std::string& name) {
  TarEntry entry;
  entry.path = text_or_empty(archive_entry_pathname(header));
  if (entry.path.empty()) {
    return fail(ErrorKind::refused, "{}: holds an entry without a name", name);
  }
  const std::optional<Type> type = type_of(header);
  if (!type.has_value()) {
    return fail(ErrorKind::refused, "{}: {} is of a type that cannot be read", name, entry.path);
  }
  entry.type = *type;
  if (entry.type == Type::hardlink) entry.target = text_or_empty(archive_entry_hardlink(header));
  if (entry.type == Type::symlink) entry.target = text_or_empty(archive_entry_symlink(header));
  entry.mode = archive_entry_perm(header);
  entry.modified = archive_entry_mtime(header);
  HPCENV_ASSIGN(entry.uid, owner_of(archive_entry_uid(header), entry.path, name));
  HPCENV_ASSIGN(entry.gid, owner_of(archive_entry_gid(header), entry.path, name));
  if (entry.type == Type::file) entry.size = static_cast<std::uint64_t>(archive_entry_size(header));
  if (entry.type == Type::character_device || entry.type == Type::block_device) {
    entry.device_major = static_cast<std::uint32_t>(archive_entry_rdevmajor(header));
    entry.device_minor = static_cast<std::uint32_t>(archive_entry_rdevminor(header));
  }
  entry.xattrs = xattrs_of(header);
  return entry;
}

Result<> read_entry(archive* tar, archive_entry* header, ArchiveInput& input, TarSink& sink,
                    const std::string& name) {
  HPCENV_ASSIGN(const TarEntry entry, entry_of(header, name));
  HPCENV_TRY(sink.begin(entry));
  if (entry.type == Type::file) {
    const auto take = [&sink](std::span<const std::byte> bytes) { return sink.data(bytes); };
    HPCENV_TRY(copy_entry_data(tar, input, name, take));
  }
  return sink.end();
}

}  // namespace

Result<> read_tar(const ByteSource& source, TarCompression compression, TarSink& sink,
                  const std::string& name) {
  ArchiveInput input(source);
  const ArchiveHandle tar(archive_read_new());
  const bool any = compression == TarCompression::any;
  if (any || compression == TarCompression::gzip) archive_read_support_filter_gzip(tar.get());
  if (any || compression == TarCompression::zstd) archive_read_support_filter_zstd(tar.get());
  archive_read_support_format_tar(tar.get());
  archive_read_support_format_empty(tar.get());
  if (archive_read_open(tar.get(), &input, nullptr, &ArchiveInput::callback, nullptr) !=
      ARCHIVE_OK) {
    return input.failure_of(tar.get(), name);
  }
  for (;;) {
    archive_entry* header = nullptr;
    const int code = archive_read_next_header(tar.get(), &header);
    if (code == ARCHIVE_EOF) break;
    // A warning is what libarchive has to say of names beyond ASCII in the C locale, which this
    // program never leaves: it hands their bytes on as they are.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return input.failure_of(tar.get(), name);
    HPCENV_TRY(read_entry(tar.get(), header, input, sink, name));
  }
  return input.drain();
}

}  // namespace hpcenv::base
