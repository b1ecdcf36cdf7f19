#include "prefix/link.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/hash.hpp"
#include "prefix/copy.hpp"
#include "prefix/relocate.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Reasons of link(2) that a copy gets around: another file system, the inode's link count, foreign
/// files under fs.protected_hardlinks, file systems without hard links.
bool copy_helps(int error_number) {
  switch (error_number) {
    case EXDEV:
    case EMLINK:
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EOPNOTSUPP:
    case EINVAL:
      return true;
    default:
      return false;
  }
}

/// The next file would be refused as well, whatever file it is.
bool concerns_all_files(int error_number) {
  return error_number != EMLINK && error_number != EPERM && error_number != EACCES;
}

/// As text: taking a path apart and putting it together again costs as much as the link.
std::string below(const fs::path& directory, std::string_view relative) {
  std::string path;
  path.reserve(directory.native().size() + 1 + relative.size());
  path += directory.native();
  path += '/';
  path += relative;
  return path;
}

Result<LinkedPath> link_symlink(const PlannedPath& path, const fs::path& source,
                                const fs::path& target) {
  std::error_code error;
  const fs::path text = fs::read_symlink(source, error);
  if (error) return fail_errno(error.value(), fmt::format("cannot read {}", source.native()));
  base::fault_point("link.symlink");
  if (symlink(text.c_str(), target.c_str()) != 0) {
    return fail_errno(errno, fmt::format("cannot make the link {}", target.native()));
  }
  LinkedPath linked;
  linked.how = LinkedPath::How::symlink;
  linked.installed = installed_path(path);
  // No sha256_in_prefix: what it is of (the link's text or its target's bytes) differs between
  // tools, and the target may be patched.
  linked.installed.path_type = "softlink";
  return linked;
}

/// True where `target` is one file with `source`: BeeGFS makes a symlink of a hard link across
/// directories and reports success.
bool is_real_hard_link(const std::string& source, const std::string& target) {
  struct stat a{};
  struct stat b{};
  return lstat(source.c_str(), &a) == 0 && lstat(target.c_str(), &b) == 0 && S_ISREG(b.st_mode) &&
         a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

conda::InstalledPath installed_path(const PlannedPath& path) {
  conda::InstalledPath installed;
  installed.path = path.target;
  installed.path_type = path.is_directory() ? "directory" : "hardlink";
  installed.sha256 = path.source.sha256;
  installed.size = path.source.size;
  installed.no_link = path.source.no_link;
  return installed;
}

Linker::Linker(const std::vector<conda::UnpackedPackage>& packages, fs::path directory,
               fs::path prefix, std::optional<PythonFacts> python, LinkOptions::Files files)
    : packages_(packages),
      directory_(std::move(directory)),
      prefix_(std::move(prefix)),
      python_(std::move(python)) {
  const bool may_link = files == LinkOptions::Files::link;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    hard_links_.emplace_back(may_link ? HardLinks::unknown : HardLinks::refused);
  }
}

std::string Linker::target_of(const PlannedPath& path) const {
  return below(directory_, path.target);
}

conda::LinkType Linker::link_type(std::size_t package) const {
  return hard_links_.at(package).load() == HardLinks::refused ? conda::LinkType::copy
                                                              : conda::LinkType::hardlink;
}

Result<LinkedPath> Linker::link(const PlannedPath& path) {
  if (path.entry_point.has_value()) return link_script(path);
  if (path.is_directory()) {
    LinkedPath linked;
    linked.how = LinkedPath::How::directory;
    linked.installed = installed_path(path);
    return linked;
  }
  return link_source(path);
}

Result<LinkedPath> Linker::link_source(const PlannedPath& path) {
  const conda::UnpackedPackage& package = packages_.at(path.package);
  const std::string source = below(package.directory, path.source.path);
  const bool is_patched = path.is_patched();
  // Looked at already, on the way out of the cache.
  if (package.paths.has_value() && path.source.type == conda::PathType::hardlink &&
      path.source.size.has_value() && !path.source.sha256.empty()) {
    return is_patched ? link_patched(path, source) : link_file(path, source, *path.source.size);
  }
  struct stat status{};
  if (lstat(source.c_str(), &status) != 0) {
    if (errno != ENOENT) {
      return fail_errno(errno, fmt::format("cannot examine {}", source));
    }
    return fail_hint(ErrorKind::refused,
                     fmt::format("the unpacked package {} lacks '{}', which it lists",
                                 package.directory.native(), path.source.path),
                     fmt::format("remove {} and try again", package.directory.native()));
  }
  if (S_ISLNK(status.st_mode)) return link_symlink(path, source, target_of(path));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::refused, "{} is neither a file nor a link", source);
  }
  if (is_patched) return link_patched(path, source);
  return link_file(path, source, static_cast<std::uint64_t>(status.st_size));
}

Result<LinkedPath> Linker::link_file(const PlannedPath& path, const std::string& source,
                                     std::uint64_t size) {
  LinkedPath linked;
  linked.installed = installed_path(path);
  HPCENV_ASSIGN(const bool is_link, try_hard_link(path, source));
  if (is_link) {
    linked.how = LinkedPath::How::hardlink;
  } else {
    linked.how = LinkedPath::How::copy;
    HPCENV_ASSIGN(linked.bytes_written, copy_contents(source, target_of(path)));
  }
  const bool as_listed = path.source.size.value_or(size) == size;
  if (as_listed && !path.source.sha256.empty()) {
    linked.installed.sha256_in_prefix = path.source.sha256;
    return linked;
  }
  // Somebody changed the file in the cache, or the package never said what it is: the record tells
  // what really lies in the prefix.
  HPCENV_ASSIGN(linked.installed.sha256_in_prefix, base::hash_file(base::HashKind::sha256, source));
  linked.installed.size = size;
  if (!as_listed) {
    linked.note =
        fmt::format("{} has {} bytes, but its package lists {}: it was changed in the cache",
                    source, size, *path.source.size);
  }
  return linked;
}

Result<bool> Linker::try_hard_link(const PlannedPath& path, const std::string& source) {
  std::atomic<HardLinks>& hard_links = hard_links_.at(path.package);
  if (path.source.no_link || hard_links.load() == HardLinks::refused) return false;
  const std::string target = target_of(path);
  base::fault_point("link.link");
  if (::link(source.c_str(), target.c_str()) != 0) {
    const int error_number = errno;
    if (!copy_helps(error_number)) {
      return fail_errno(error_number, fmt::format("cannot link {}", target));
    }
    // File systems without hard links say EPERM too: then the very first file meets it.
    const bool first = hard_links.load() == HardLinks::unknown && error_number != EMLINK;
    if (first || concerns_all_files(error_number)) hard_links.store(HardLinks::refused);
    return false;
  }
  if (hard_links.load() == HardLinks::work) return true;
  if (is_real_hard_link(source, target)) {
    hard_links.store(HardLinks::work);
    return true;
  }
  hard_links.store(HardLinks::refused);
  base::fault_point("link.unlink");
  if (unlink(target.c_str()) != 0) {
    return fail_errno(errno, fmt::format("cannot remove {}", target));
  }
  return false;
}

Result<LinkedPath> Linker::link_patched(const PlannedPath& path, const fs::path& source) {
  HPCENV_ASSIGN(const MappedFile original, MappedFile::open(source));
  HPCENV_ASSIGN(NewFile file, NewFile::create(target_of(path), original.mode()));
  LinkedPath linked;
  linked.how = LinkedPath::How::patched;
  linked.installed = installed_path(path);
  linked.installed.placeholder = path.source.placeholder;
  const Relocation relocation{path.source.placeholder, prefix_.native()};
  if (path.source.mode == conda::FileMode::binary) {
    linked.installed.file_mode = "binary";
    HPCENV_TRY(relocate_binary(original.bytes(), relocation,
                               [&](std::string_view piece) { return file.write(piece); }));
  } else {
    linked.installed.file_mode = "text";
    const RelocatedText relocated = relocate_text(original.bytes(), relocation);
    HPCENV_TRY(file.write(relocated.text));
    if (relocated.shebang == ShebangForm::searched) {
      linked.note = fmt::format(
          "the path of the interpreter of '{}' is too long or has a blank: it is looked up in PATH",
          path.target);
    }
  }
  linked.bytes_written = file.size();
  HPCENV_ASSIGN(linked.installed.sha256_in_prefix, file.finish());
  return linked;
}

Result<LinkedPath> Linker::link_script(const PlannedPath& path) {
  if (!python_.has_value()) {
    return fail(ErrorKind::bug, "an entry point '{}' was planned without python", path.target);
  }
  HPCENV_ASSIGN(NewFile file, NewFile::create(target_of(path), 0777));
  HPCENV_TRY(file.write(entry_point_script(*path.entry_point, *python_, prefix_)));
  LinkedPath linked;
  linked.how = LinkedPath::How::script;
  linked.installed = installed_path(path);
  linked.installed.path_type = "unix_python_entry_point";
  linked.installed.size = file.size();
  linked.bytes_written = file.size();
  HPCENV_ASSIGN(linked.installed.sha256, file.finish());
  linked.installed.sha256_in_prefix = linked.installed.sha256;
  return linked;
}

}  // namespace hpcenv::prefix
