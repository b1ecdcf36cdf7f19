#include "image/squashfs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "base/fault.hpp"
#include "base/file_lock.hpp"
#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/tar_archive.hpp"
#include "base/text.hpp"
#include "conda/timestamp.hpp"
#include "image/blob_source.hpp"
#include "image/launch_files.hpp"

namespace hpcenv::image {

namespace {

namespace fs = std::filesystem;

/// The file beside its place; goes away unless it is kept.
class NewFile {
 public:
  static Result<NewFile> create(const fs::path& out) {
    HPCENV_TRY(check_squashfs_place(out));
    const fs::path path(out.native() + ".partial.sqsh");
    base::fault_point("image.squashfs.create");
    auto lock = base::FileLock::acquire(path, std::chrono::milliseconds(0));
    if (!lock.has_value()) {
      if (lock.error().kind != ErrorKind::refused) return Failure(std::move(lock).error());
      return fail_hint(ErrorKind::refused,
                       fmt::format("another process is making {}", out.native()),
                       "wait for it, or choose another path");
    }
    base::Fd fd(open(path.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return fail_errno(errno, fmt::format("cannot open {}", path.native()));
    return NewFile(path, std::move(fd), std::move(*lock));
  }
  NewFile(NewFile&& other) noexcept
      : path_(std::exchange(other.path_, {})),
        fd_(std::move(other.fd_)),
        lock_(std::move(other.lock_)) {}
  NewFile& operator=(NewFile&&) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  int fd() const { return fd_.get(); }
  const fs::path& path() const { return path_; }

  Result<> keep_as(const fs::path& out) {
    if (close(fd_.release()) != 0 && errno != EINTR) {
      return fail_errno(errno, fmt::format("cannot write {}", path_.native()));
    }
    base::fault_point("image.squashfs.rename");
    HPCENV_TRY(base::rename_path(path_, out));
    path_.clear();
    return {};
  }

 private:
  NewFile(fs::path path, base::Fd fd, base::FileLock lock)
      : path_(std::move(path)), fd_(std::move(fd)), lock_(std::move(lock)) {}

  fs::path path_;
  base::Fd fd_;
  base::FileLock lock_;
};

/// One layer on its way into the tree, its contents into the file.
class LayerSink final : public base::TarSink {
 public:
  enum class Reading { first, again };
  LayerSink(RootTree& tree, SquashfsWriter& writer, Reading reading)
      : tree_(tree), writer_(writer), reading_(reading) {}

  Result<> begin(const base::TarEntry& entry) override {
    HPCENV_ASSIGN(const RootInode* inode,
                  reading_ == Reading::first ? tree_.add(entry) : tree_.add_again(entry));
    is_stored_ = inode != nullptr;
    return is_stored_ ? writer_.begin_file(inode->number) : Result<>();
  }
  Result<> data(std::span<const std::byte> bytes) override {
    return is_stored_ ? writer_.append(bytes) : Result<>();
  }
  Result<> end() override { return is_stored_ ? writer_.end_file() : Result<>(); }

 private:
  RootTree& tree_;
  SquashfsWriter& writer_;
  Reading reading_;
  bool is_stored_ = false;
};

/// One run of write_squashfs.
class Conversion {
 public:
  Conversion(const ImageFile& image, SquashfsWriter& writer, base::Reporter& reporter)
      : image_(image), writer_(writer), reporter_(reporter) {
    for (const Descriptor& layer : image_.manifest().layers) total_ += layer.size;
  }

  Result<> run(std::int64_t created) {
    const LaunchFiles extra = launch_files(image_.config(), created);
    if (!extra.not_for_enroot.empty()) {
      reporter_.warning(
          fmt::format("enroot cannot set {}: their values span lines or name "
                      "variables; other programs do",
                      base::join(extra.not_for_enroot, ", ")));
    }
    HPCENV_TRY(add_files(extra.files));
    const std::vector<Descriptor>& layers = image_.manifest().layers;
    for (std::size_t i = layers.size(); i > 0; --i) {
      tree_.begin_layer(
          fmt::format("{}: layer {} of {}", image_.path().native(), i, layers.size()));
      HPCENV_TRY(read_layer(layers[i - 1], LayerSink::Reading::first));
      if (tree_.wants_again()) HPCENV_TRY(read_layer(layers[i - 1], LayerSink::Reading::again));
      HPCENV_TRY(tree_.end_layer());
    }
    HPCENV_TRY(add_files(extra.mount_points));
    tree_.finish();
    return writer_.finish(tree_);
  }

 private:
  Result<> add_files(const std::vector<LaunchFile>& files) {
    tree_.begin_layer("hpcenv");
    LayerSink sink(tree_, writer_, LayerSink::Reading::first);
    for (const LaunchFile& file : files) {
      HPCENV_TRY(sink.begin(file.entry));
      HPCENV_TRY(sink.data(std::as_bytes(std::span(file.contents))));
      HPCENV_TRY(sink.end());
    }
    return tree_.end_layer();
  }

  Result<> read_layer(const Descriptor& layer, LayerSink::Reading reading) {
    HPCENV_ASSIGN(const LayerCompression compression, layer_compression(layer.media_type));
    HPCENV_ASSIGN(const base::ByteSource source, blob_source(image_, layer));
    const base::ByteSource counted = [&]() -> Result<std::span<const std::byte>> {
      HPCENV_TRY(base::check_interrupt());
      HPCENV_ASSIGN(const std::span<const std::byte> piece, source());
      if (reading == LayerSink::Reading::first) done_ += piece.size();
      reporter_.progress(done_, total_, base::Unit::bytes);
      return piece;
    };
    LayerSink sink(tree_, writer_, reading);
    return base::read_tar(counted, unpacking(compression), sink, image_.path().native());
  }

  const ImageFile& image_;
  SquashfsWriter& writer_;
  base::Reporter& reporter_;
  RootTree tree_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<> check_squashfs_place(const fs::path& out) {
  struct stat status{};
  if (stat(out.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return {};
  return fail_hint(ErrorKind::refused, fmt::format("{} is a directory", out.native()),
                   "name a file, like image.sqsh");
}

Result<> write_squashfs(const ImageFile& image, const fs::path& out, const SquashfsOptions& options,
                        base::Reporter& reporter) {
  HPCENV_ASSIGN(const fs::path place, base::resolve_path(out));
  HPCENV_ASSIGN(NewFile file, NewFile::create(place));
  SquashfsSettings settings;
  settings.compression = options.compression;
  settings.jobs = std::max<std::size_t>(options.jobs, 1);
  settings.created =
      options.created.value_or(conda::parse_time(image.config().created).value_or(0));
  reporter.step("Writing " + place.filename().native());
  {
    HPCENV_ASSIGN(SquashfsWriter writer, SquashfsWriter::create(file.fd(), file.path(), settings));
    HPCENV_TRY(Conversion(image, writer, reporter).run(settings.created));
  }
  return file.keep_as(place);
}

}  // namespace hpcenv::image
