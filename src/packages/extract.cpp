#include "packages/extract.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/fault.hpp"
#include "base/text.hpp"

namespace hpcenv::packages {

namespace {

using base::ArchiveEntry;
using base::Fd;

/// What an entry without any content takes in a tar.
constexpr std::uint64_t header_size = 512;
constexpr int directory_flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Copies where the file system has no hard links; `from` and `to` are names in open directories.
int copy_file(int from_directory, const char* from, int to_directory, const char* to) {
  const Fd source(openat(from_directory, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!source.valid() || fstat(source.get(), &status) != 0) return errno;
  const Fd target(openat(to_directory, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         status.st_mode & 0777U));
  if (!target.valid()) return errno;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = read(source.get(), buffer.data(), buffer.size());
    if (got < 0) return errno;
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written =
          write(target.get(), buffer.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0) return errno;
      done += written;
    }
  }
  const std::array<timespec, 2> times{status.st_mtim, status.st_mtim};
  base::fault_point("extract.times");
  futimens(target.get(), times.data());
  return 0;
}

/// What is read or written in info/ by its name: a link there would lead reading and writing to
/// wherever it points.
constexpr std::array own_files{"index.json", "paths.json", "files",      "has_prefix",
                               "no_link",    "link.json",  "about.json", "repodata_record.json"};

bool is_metadata(const std::vector<std::string>& parts) {
  if (parts.front() != "info" || parts.size() > 2) return false;
  return parts.size() == 1 || std::ranges::find(own_files, parts[1]) != own_files.end();
}

}  // namespace

Result<DirectoryWriter> DirectoryWriter::open(const std::filesystem::path& directory,
                                              std::string name, const ExtractLimits& limits) {
  Fd root(::open(directory.c_str(), directory_flags));
  if (!root.valid()) return fail_errno(errno, fmt::format("cannot open {}", directory.native()));
  return DirectoryWriter(directory, std::move(root), std::move(name), limits);
}

Failure DirectoryWriter::refuse(std::string_view why) const {
  return fail_hint(ErrorKind::refused, fmt::format("{}: unsafe archive: {}: {}", name_, path_, why),
                   "report it to the channel; to go on without it, ask for another build");
}

Failure DirectoryWriter::fail_here(int error_number, const char* act) const {
  return fail_errno(error_number, fmt::format("cannot {} {}/{}", act, directory_.native(), path_));
}

Result<std::vector<std::string>> DirectoryWriter::parts_of(std::string_view path) const {
  if (path.starts_with('/')) return refuse("the path is absolute");
  if (path.size() > limits_.path_length) return refuse("the path is too long");
  std::vector<std::string> parts;
  for (const std::string_view part : base::split(path, '/')) {
    if (part == "..") return refuse("the path leads out of the package");
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  if (parts.size() > limits_.path_depth) return refuse("the path is too deep");
  return parts;
}

Result<int> DirectoryWriter::enter(const std::vector<std::string>& directories) {
  std::size_t common = 0;
  while (common < std::min(opened_.size(), directories.size()) &&
         opened_[common].name == directories[common]) {
    ++common;
  }
  opened_.resize(common);
  for (std::size_t level = common; level < directories.size(); ++level) {
    const int parent = opened_.empty() ? root_.get() : opened_.back().fd.get();
    const char* name = directories[level].c_str();
    Fd fd(openat(parent, name, directory_flags));
    if (!fd.valid() && errno == ENOENT) {
      base::fault_point("extract.mkdir");
      if (mkdirat(parent, name, 0777) != 0) return fail_here(errno, "make the directory of");
      fd = Fd(openat(parent, name, directory_flags));
    }
    if (!fd.valid() && (errno == ENOTDIR || errno == ELOOP)) {
      return refuse("a link or a file stands where its path needs a directory");
    }
    if (!fd.valid()) return fail_here(errno, "open the directory of");
    opened_.push_back({directories[level], std::move(fd)});
  }
  return opened_.empty() ? root_.get() : opened_.back().fd.get();
}

Result<DirectoryWriter::Place> DirectoryWriter::place_of(const std::vector<std::string>& parts) {
  std::vector<std::string> directories(parts.begin(), parts.end() - 1);
  HPCENV_ASSIGN(const int directory, enter(directories));
  return Place{directory, parts.back()};
}

Result<> DirectoryWriter::begin(const ArchiveEntry& entry) {
  path_ = entry.path;
  if (++entries_ > limits_.entries) return refuse("the archive holds too many entries");
  HPCENV_TRY(count(header_size));
  HPCENV_ASSIGN(const std::vector<std::string> parts, parts_of(entry.path));
  if (entry.type == ArchiveEntry::Type::directory) {
    HPCENV_TRY(enter(parts));
    return {};
  }
  if (parts.empty()) return refuse("a file or link has the name of the package directory");
  HPCENV_ASSIGN(const Place place, place_of(parts));
  if (entry.type == ArchiveEntry::Type::symlink) {
    if (is_metadata(parts)) return refuse("what describes the package is a link");
    note(parts, {});
    return make_symlink(place, entry);
  }
  if (entry.type == ArchiveEntry::Type::hardlink) {
    HPCENV_ASSIGN(const std::vector<std::string> source, parts_of(entry.target));
    const auto original = written_.find(base::join(source, "/"));
    note(parts, original == written_.end() ? WrittenFile() : original->second);
    return make_hardlink(place, entry);
  }
  note(parts, {});
  return make_file(place, entry);
}

void DirectoryWriter::note(const std::vector<std::string>& parts, WrittenFile file) {
  current_ = nullptr;
  if (parts.front() == "info") return;
  current_ = &written_[base::join(parts, "/")];
  *current_ = std::move(file);
}

Result<> DirectoryWriter::count(std::uint64_t bytes) {
  bytes_ += bytes;
  if (bytes_ > limits_.bytes) {
    return refuse(
        fmt::format("the archive unpacks to more than {}", base::human_bytes(limits_.bytes)));
  }
  if (bytes_ <= limits_.free_bytes || packed_ == 0 || bytes_ / limits_.ratio <= packed_) return {};
  return refuse(fmt::format("the archive unpacks to more than {} times its size", limits_.ratio));
}

Result<> DirectoryWriter::make_room(const Place& place) const {
  base::fault_point("extract.unlink");
  if (unlinkat(place.directory, place.name.c_str(), 0) == 0) return {};
  if (errno == EISDIR || errno == EPERM) return refuse("a directory of the same name exists");
  return fail_here(errno, "replace");
}

Result<> DirectoryWriter::make_file(const Place& place, const ArchiveEntry& entry) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  // Files that even their owner cannot read could never be linked or copied into an environment.
  const mode_t mode = (entry.mode & 0777U) | S_IRUSR;
  base::fault_point("extract.create");
  file_ = Fd(openat(place.directory, place.name.c_str(), flags, mode));
  if (!file_.valid() && errno == EEXIST) {
    HPCENV_TRY(make_room(place));
    file_ = Fd(openat(place.directory, place.name.c_str(), flags, mode));
  }
  if (!file_.valid()) return fail_here(errno, "create");
  modified_ = entry.modified;
  if (current_ != nullptr) hasher_.emplace(base::HashKind::sha256);
  return {};
}

Result<> DirectoryWriter::make_symlink(const Place& place, const ArchiveEntry& entry) {
  if (entry.target.empty()) return refuse("a link without a target");
  base::fault_point("extract.symlink");
  int done = symlinkat(entry.target.c_str(), place.directory, place.name.c_str());
  if (done != 0 && errno == EEXIST) {
    HPCENV_TRY(make_room(place));
    done = symlinkat(entry.target.c_str(), place.directory, place.name.c_str());
  }
  return done == 0 ? Result<>() : fail_here(errno, "make the link");
}

Result<DirectoryWriter::LinkSource> DirectoryWriter::link_source(std::string_view target) const {
  HPCENV_ASSIGN(std::vector<std::string> parts, parts_of(target));
  if (parts.empty()) return refuse("a hard link to the package directory");
  // Walked apart from opened_, whose descriptor the new name needs.
  LinkSource source;
  source.directory = Fd(openat(root_.get(), ".", directory_flags));
  for (std::size_t level = 0; level + 1 < parts.size() && source.directory.valid(); ++level) {
    source.directory = Fd(openat(source.directory.get(), parts[level].c_str(), directory_flags));
  }
  source.name = std::move(parts.back());
  const bool is_file = source.directory.valid() &&
                       fstatat(source.directory.get(), source.name.c_str(), &source.status,
                               AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISREG(source.status.st_mode);
  if (is_file) return source;
  return refuse(
      fmt::format("it is a hard link to {}, which is no file of the archive before it", target));
}

Result<> DirectoryWriter::make_hardlink(const Place& place, const ArchiveEntry& entry) {
  HPCENV_ASSIGN(const LinkSource source, link_source(entry.target));
  const char* from = source.name.c_str();
  const char* to = place.name.c_str();
  base::fault_point("extract.link");
  int done = linkat(source.directory.get(), from, place.directory, to, 0);
  if (done != 0 && errno == EEXIST) {
    // An entry that is linked to itself: taking it away would lose the file.
    struct stat there{};
    if (fstatat(place.directory, to, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        there.st_ino == source.status.st_ino && there.st_dev == source.status.st_dev) {
      return {};
    }
    HPCENV_TRY(make_room(place));
    done = linkat(source.directory.get(), from, place.directory, to, 0);
  }
  if (done == 0) return {};
  constexpr std::array refusals{EPERM, EMLINK, EOPNOTSUPP, ENOSYS, EXDEV};
  if (std::find(refusals.begin(), refusals.end(), errno) == refusals.end()) {
    return fail_here(errno, "link");
  }
  return copy_instead(source, place);
}

Result<> DirectoryWriter::copy_instead(const LinkSource& source, const Place& place) {
  HPCENV_TRY(count(static_cast<std::uint64_t>(source.status.st_size)));
  base::fault_point("extract.copy");
  const int error_number =
      copy_file(source.directory.get(), source.name.c_str(), place.directory, place.name.c_str());
  return error_number == 0 ? Result<>() : fail_here(error_number, "copy");
}

Result<> DirectoryWriter::data(std::span<const std::byte> bytes) {
  HPCENV_TRY(count(bytes.size()));
  if (current_ != nullptr) {
    hasher_->update(bytes);
    current_->size += bytes.size();
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  base::fault_point("extract.write");
  return base::write_all(file_.get(), text, directory_ / path_);
}

Result<> DirectoryWriter::end() {
  if (!file_.valid()) return {};
  if (current_ != nullptr) current_->sha256 = hasher_->finish();
  const timespec time{modified_, 0};
  const std::array<timespec, 2> times{time, time};
  // Bytecode in the package names the time of its source. A file system that cannot store it costs
  // speed, not correctness.
  base::fault_point("extract.times");
  futimens(file_.get(), times.data());
  // NFS and quotas report a full disk only here.
  if (close(file_.release()) != 0 && errno != EINTR) return fail_here(errno, "write");
  return {};
}

}  // namespace hpcenv::packages
