// Writes the entries of a package archive into a directory, trusting nothing that they say.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/archive.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/result.hpp"

namespace hpcenv::packages {

/// What an archive may unpack to before it is taken for a bomb.
struct ExtractLimits {
  std::uint64_t bytes = std::uint64_t{64} << 30U;
  /// More than `free_bytes` may be at most so many times as large as what it is packed into.
  std::uint64_t ratio = 1000;
  std::uint64_t free_bytes = std::uint64_t{128} << 20U;
  std::uint64_t entries = 5'000'000;
  std::size_t path_length = 4000;
  std::size_t path_depth = 100;
};

/// One file as it was written.
struct WrittenFile {
  std::uint64_t size = 0;
  std::string sha256;  ///< empty for a link
};

/// Every directory on the way to an entry is opened O_NOFOLLOW and every file is made by openat
/// with O_EXCL, so nothing outside the directory can be reached. Symlinks are made with the text
/// that they have, wherever that leads, and never followed; hard links only to files of the
/// archive. Kind refused for paths that lead out or through a link, links in the place of what
/// describes the package (info, info/index.json, ...), entries that contradict each other, and
/// limits passed. Permission bits are kept less umask and set-id bits, modification times of files
/// are kept, owners are not. One thread.
class DirectoryWriter final : public base::ArchiveSink {
 public:
  /// `directory` exists; `name` (the archive) stands in messages.
  static Result<DirectoryWriter> open(const std::filesystem::path& directory, std::string name,
                                      const ExtractLimits& limits = {});
  Result<> begin(const base::ArchiveEntry& entry) override;
  Result<> data(std::span<const std::byte> bytes) override;
  Result<> end() override;
  /// How many bytes of the archive have been read so far: the measure of what may come out of them.
  void note_packed(std::uint64_t bytes) { packed_ = bytes; }
  /// Files and links outside info/ by path (without `./`), as the last entry of that path left
  /// them.
  using Written = std::unordered_map<std::string, WrittenFile>;
  const Written& written() const { return written_; }

 private:
  struct OpenDirectory {
    std::string name;
    base::Fd fd;
  };
  /// Where an entry goes: a descriptor that the writer keeps open, and the last part of the path.
  struct Place {
    int directory;
    std::string name;
  };
  /// The file of the archive that a hard link names.
  struct LinkSource {
    base::Fd directory;
    std::string name;
    struct stat status{};
  };

  DirectoryWriter(std::filesystem::path directory, base::Fd root, std::string name,
                  const ExtractLimits& limits)
      : directory_(std::move(directory)),
        root_(std::move(root)),
        name_(std::move(name)),
        limits_(limits) {}

  Failure refuse(std::string_view why) const;
  Failure fail_here(int error_number, const char* act) const;
  /// The parts of a path below the directory; refused where it is absolute or holds "..".
  Result<std::vector<std::string>> parts_of(std::string_view path) const;
  Result<int> enter(const std::vector<std::string>& directories);
  Result<Place> place_of(const std::vector<std::string>& parts);
  Result<> make_file(const Place& place, const base::ArchiveEntry& entry);
  Result<> make_symlink(const Place& place, const base::ArchiveEntry& entry);
  Result<LinkSource> link_source(std::string_view target) const;
  Result<> make_hardlink(const Place& place, const base::ArchiveEntry& entry);
  /// Where the file system has no hard links, or no more of them.
  Result<> copy_instead(const LinkSource& source, const Place& place);
  /// Takes an earlier entry of the same path away: the last one counts, as with tar.
  Result<> make_room(const Place& place) const;
  Result<> count(std::uint64_t bytes);
  /// Notes a file or link that goes into `written`.
  void note(const std::vector<std::string>& parts, WrittenFile file);

  std::filesystem::path directory_;
  base::Fd root_;
  std::string name_;
  ExtractLimits limits_;
  std::vector<OpenDirectory> opened_;  ///< from the root down to the directory of the last entry
  base::Fd file_;
  std::int64_t modified_ = 0;
  std::string path_;  ///< of the current entry, for messages
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t packed_ = 0;
  Written written_;
  WrittenFile* current_ = nullptr;  ///< in `written_`; null where the file is not noted
  std::optional<base::Hasher> hasher_;
};

}  // namespace hpcenv::packages
