#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "prefix/create.hpp"
#include "prefix/layout.hpp"
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

/// Under fs.protected_hardlinks a file of another owner can only be linked by who may write it.
bool owner_allows_links(const conda::UnpackedPackage& package,
                        const std::vector<conda::PackagePath>& paths) {
  const auto is_file = [](const conda::PackagePath& path) {
    return path.type == conda::PathType::hardlink && path.placeholder.empty();
  };
  const auto sample = std::ranges::find_if(paths, is_file);
  if (sample == paths.end()) return true;
  const fs::path file = package.directory / sample->path;
  struct stat status{};
  if (lstat(file.c_str(), &status) != 0 || status.st_uid == geteuid() || geteuid() == 0)
    return true;
  const Result<std::string> rule = base::read_file("/proc/sys/fs/protected_hardlinks");
  if (!rule.has_value() || rule->starts_with('0')) return true;
  return access(file.c_str(), R_OK | W_OK) == 0;
}

class Counter {
 public:
  Counter(const conda::UnpackedPackage& package, bool can_link)
      : package_(package), can_link_(can_link) {}

  void add(const conda::PackagePath& path) {
    add_directories(path.path);
    budget_.bytes += record_bytes_a_path;
    if (path.type == conda::PathType::directory) return;
    const std::uint64_t bytes =
        path.type == conda::PathType::softlink ? 0 : in_blocks(size_of(package_, path));
    const bool is_copy = path.no_link || !path.placeholder.empty() || !can_link_;
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
  bool can_link_;
  Budget budget_;
  std::unordered_set<std::string> directories_;
};

}  // namespace

Result<Budget> exact_budget(const std::vector<conda::UnpackedPackage>& packages,
                            const fs::path& prefix) {
  const dev_t device = prefix.empty() ? 0 : device_of(prefix);
  std::vector<Budget> budgets(packages.size());
  const auto count = [&](std::size_t index) -> Result<> {
    const conda::UnpackedPackage& package = packages[index];
    HPCENV_ASSIGN(const std::vector<conda::PackagePath> paths, listed_paths(package));
    const bool can_link =
        device != 0 && device_of(package.directory) == device && owner_allows_links(package, paths);
    Counter counter(package, can_link);
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
