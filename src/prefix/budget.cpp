#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "prefix/create.hpp"
#include "prefix/layout.hpp"
#include "prefix/link_trial.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// What the common file systems give out at once.
constexpr std::uint64_t block = 4096;
/// Of a conda-meta record, for each path.
constexpr std::uint64_t record_bytes_a_path = 400;

std::uint64_t in_blocks(std::uint64_t bytes) { return (bytes + block - 1) / block * block; }

/// The device of a path or of its nearest existing parent.
dev_t device_of(fs::path path) {
  struct stat status{};
  while (stat(path.c_str(), &status) != 0) {
    if (!path.has_relative_path()) return 0;
    path = path.parent_path();
  }
  return status.st_dev;
}

std::uint64_t size_of(const conda::UnpackedPackage& package, const conda::PackagePath& path) {
  if (path.size.has_value()) return *path.size;
  struct stat status{};
  if (lstat((package.directory / path.path).c_str(), &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

/// A plain file of the package: what holds for it holds for the others.
const conda::PackagePath* sample_of(const std::vector<conda::PackagePath>& paths) {
  const auto sample = std::ranges::find_if(paths, [](const conda::PackagePath& path) {
    return path.type == conda::PathType::hardlink && path.placeholder.empty() && !path.no_link;
  });
  return sample == paths.end() ? nullptr : &*sample;
}

/// Under fs.protected_hardlinks a file of another owner can only be linked by who may write it.
bool owner_allows_links(const fs::path& file, const struct stat& status) {
  if (status.st_uid == geteuid() || geteuid() == 0) return true;
  const Result<std::string> rule = base::read_file("/proc/sys/fs/protected_hardlinks");
  if (!rule.has_value() || rule->starts_with('0')) return true;
  return access(file.c_str(), R_OK | W_OK) == 0;
}

/// Which files of a package are linked, not copied.
struct Linkable {
  bool files = false;                                    ///< as a rule
  std::unordered_set<const conda::PackagePath*> copied;  ///< but for these
};

/// Environments link all files of a package, so one that is far from a limit tells of the others.
/// The lowest limit in use is NTFS's, 1,024.
constexpr nlink_t many_links = 500;

class LinkChooser {
 public:
  LinkChooser(const fs::path& prefix, Links links)
      : device_(prefix.empty() || links == Links::none ? 0 : device_of(prefix)) {
    if (links == Links::tried && device_ != 0) trial_.emplace(prefix);
  }

  Linkable choose(const conda::UnpackedPackage& package,
                  const std::vector<conda::PackagePath>& paths) {
    Linkable linkable;
    linkable.files = device_ != 0 && device_of(package.directory) == device_;
    const conda::PackagePath* sample = sample_of(paths);
    if (!linkable.files || sample == nullptr) return linkable;
    const fs::path file = package.directory / sample->path;
    struct stat status{};
    if (lstat(file.c_str(), &status) != 0) return linkable;
    linkable.files = owner_allows_links(file, status) && cache_links(file, package);
    if (linkable.files && trial_.has_value() && status.st_nlink >= many_links) {
      find_full(package, paths, linkable);
    }
    return linkable;
  }

 private:
  /// Tried once for each package cache.
  bool cache_links(const fs::path& file, const conda::UnpackedPackage& package) {
    if (!trial_.has_value()) return true;
    const std::lock_guard guard(mutex_);
    const auto [place, is_new] = caches_.try_emplace(package.directory.parent_path(), true);
    if (is_new) {
      const int refusal = trial_->refusal(file);
      place->second = refusal == 0 || refusal == EMLINK;
    }
    return place->second;
  }

  void find_full(const conda::UnpackedPackage& package,
                 const std::vector<conda::PackagePath>& paths, Linkable& linkable) {
    for (const conda::PackagePath& path : paths) {
      const fs::path file = package.directory / path.path;
      struct stat status{};
      const bool has_many = path.type == conda::PathType::hardlink && !path.no_link &&
                            lstat(file.c_str(), &status) == 0 && status.st_nlink >= many_links;
      if (!has_many) continue;
      const std::lock_guard guard(mutex_);
      if (trial_->refusal(file) != 0) linkable.copied.insert(&path);
    }
  }

  dev_t device_;
  std::mutex mutex_;
  std::optional<LinkTrial> trial_;
  std::map<fs::path, bool> caches_;
};

class Counter {
 public:
  Counter(const conda::UnpackedPackage& package, Linkable linkable)
      : package_(package), linkable_(std::move(linkable)) {}

  void add(const conda::PackagePath& path) {
    add_directories(path.path);
    budget_.bytes += record_bytes_a_path;
    if (path.type == conda::PathType::directory) return;
    const std::uint64_t bytes =
        path.type == conda::PathType::softlink ? 0 : in_blocks(size_of(package_, path));
    const bool is_copy = path.no_link || !path.placeholder.empty() || !linkable_.files ||
                         linkable_.copied.contains(&path);
    if (is_copy || path.type == conda::PathType::softlink) {
      budget_.bytes += bytes;
      budget_.inodes += 1;
    }
    const bool compiled = package_.record.noarch == conda::Noarch::python &&
                          path.path.starts_with("site-packages/") && path.path.ends_with(".py");
    if (compiled) {
      budget_.bytes += bytes;
      budget_.inodes += 1;
      add_directory(path.path.substr(0, path.path.rfind('/')) + "/__pycache__");
    }
  }

  Budget total() {
    budget_.bytes = in_blocks(budget_.bytes);
    budget_.inodes += 1;  // the record
    return budget_;
  }

 private:
  void add_directory(std::string directory) {
    if (!directories_.insert(std::move(directory)).second) return;
    budget_.bytes += block;
    budget_.inodes += 1;
  }

  void add_directories(std::string_view path) {
    for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
         slash = path.find('/', slash + 1)) {
      add_directory(std::string(path.substr(0, slash)));
    }
  }

  const conda::UnpackedPackage& package_;
  Linkable linkable_;
  Budget budget_;
  std::unordered_set<std::string> directories_;
};

}  // namespace

Result<Budget> exact_budget(const std::vector<conda::UnpackedPackage>& packages,
                            const fs::path& prefix, Links links) {
  LinkChooser chooser(prefix, links);
  std::vector<Budget> budgets(packages.size());
  const auto count = [&](std::size_t index) -> Result<> {
    const conda::UnpackedPackage& package = packages[index];
    HPCENV_ASSIGN(const std::vector<conda::PackagePath> paths, listed_paths(package));
    Counter counter(package, chooser.choose(package, paths));
    for (const conda::PackagePath& path : paths) counter.add(path);
    budgets[index] = counter.total();
    return {};
  };
  HPCENV_TRY(base::parallel_for(packages.size(), base::available_processors(), count));
  Budget total;
  // What a change of an environment reserves for the steps after its record, and that record.
  if (!prefix.empty() && is_environment(prefix)) total = {(1U << 20U) + 4 * block, 12};
  for (const Budget& budget : budgets) {
    total.bytes += budget.bytes;
    total.inodes += budget.inodes;
  }
  return total;
}

}  // namespace hpcenv::prefix
