#include "prefix/verify.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/hash.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/transaction.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// Handing out single files would cost more than looking at small ones.
constexpr std::size_t batch_size = 32;
/// A note names this many files of a package.
constexpr std::size_t named_files = 3;

struct Task {
  const conda::PrefixRecord* package = nullptr;
  const conda::InstalledPath* path = nullptr;
};

/// What one path is like: well, damaged, or well as far as can be told.
struct Finding {
  std::optional<Damage> damage;
  enum class Doubt { none, no_checksum, no_bytecode, no_target };
  Doubt doubt = Doubt::none;
};

std::string type_of(mode_t mode) {
  if (S_ISREG(mode)) return "a file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "a special file";
}

std::optional<std::string> link_target(const fs::path& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

/// Text files get another length when a prefix is written into them; the record holds the old one.
bool keeps_size(const conda::InstalledPath& path) {
  return path.size.has_value() && (path.placeholder.empty() || path.file_mode == "binary");
}

/// What the bytes in the prefix should be; empty where no one has written it down.
std::string expected_digest(const conda::InstalledPath& path) {
  if (!path.sha256_in_prefix.empty()) return path.sha256_in_prefix;
  return path.placeholder.empty() ? path.sha256 : std::string();
}

/// From a record that holds nothing but names: it may be a link as well.
bool is_bare(const conda::InstalledPath& path) {
  return path.sha256.empty() && path.sha256_in_prefix.empty() && !path.size.has_value() &&
         path.path_type == "hardlink";
}

class Examiner {
 public:
  Examiner(const fs::path& prefix, VerifyDepth depth) : prefix_(prefix), depth_(depth) {}

  Finding look(const Task& task) const {
    const fs::path file = prefix_ / task.path->path;
    struct stat status{};
    if (lstat(file.c_str(), &status) != 0) return absent(task, errno);
    if (task.path->path_type == "directory") return directory(task, file, status);
    if (task.path->path_type == "softlink") return softlink(task, file, status);
    if (is_bare(*task.path)) return {std::nullopt, Finding::Doubt::no_checksum};
    if (!S_ISREG(status.st_mode)) return wrong_type(task, "a file", status.st_mode);
    // Python writes bytecode anew where it finds it out of date.
    if (task.path->path_type == "pyc_file") return {};
    return regular(task, file, status);
  }

 private:
  static Finding damaged(const Task& task, Damage::Kind kind, std::string detail) {
    return {Damage{kind, task.package->record.dist_name(), task.path->path, std::move(detail)},
            Finding::Doubt::none};
  }

  static Finding wrong_type(const Task& task, std::string_view expected, mode_t mode) {
    return damaged(task, Damage::Kind::wrong_type,
                   fmt::format("it is {}, not {}", type_of(mode), expected));
  }

  static Finding absent(const Task& task, int error_number) {
    if (error_number != ENOENT && error_number != ENOTDIR) {
      return damaged(task, Damage::Kind::unreadable,
                     fail_errno(error_number, "cannot be examined").error().message);
    }
    if (task.path->path_type == "pyc_file") return {std::nullopt, Finding::Doubt::no_bytecode};
    return damaged(task, Damage::Kind::missing, "it is not there");
  }

  static Finding directory(const Task& task, const fs::path& file, const struct stat& status) {
    // A link to a directory serves as one.
    struct stat target{};
    if (S_ISDIR(status.st_mode)) return {};
    if (stat(file.c_str(), &target) == 0 && S_ISDIR(target.st_mode)) return {};
    return wrong_type(task, "a directory", status.st_mode);
  }

  Finding softlink(const Task& task, const fs::path& file, const struct stat& status) const {
    // Where no links could be made the target was copied.
    const bool is_copy = task.package->link_type == conda::LinkType::copy;
    if (S_ISREG(status.st_mode) && is_copy) return regular(task, file, status);
    if (!S_ISLNK(status.st_mode)) return wrong_type(task, "a symbolic link", status.st_mode);
    const auto target = link_target(file);
    const auto expected = packaged_target(task);
    if (!target.has_value()) {
      return damaged(task, Damage::Kind::unreadable, "where it leads to cannot be read");
    }
    if (!expected.has_value()) return {std::nullopt, Finding::Doubt::no_target};
    if (*target == *expected) return {};
    return damaged(task, Damage::Kind::changed,
                   fmt::format("it leads to '{}', not to '{}'", *target, *expected));
  }

  /// Records do not hold where links lead; the unpacked package does, as long as it is there.
  std::optional<std::string> packaged_target(const Task& task) const {
    const fs::path& package = task.package->extracted_package_dir;
    if (package.empty()) return std::nullopt;
    return link_target(package / packaged_path(task));
  }

  static std::string packaged_path(const Task& task) {
    std::string path = task.path->path;
    const std::string parked =
        fmt::format("{}/{}/", clobbered_folder, task.package->record.dist_name());
    if (path.starts_with(parked)) path.erase(0, parked.size());
    if (task.package->record.noarch != conda::Noarch::python) return path;
    constexpr std::string_view site_packages = "/site-packages/";
    const std::size_t at = path.find(site_packages);
    return at == std::string::npos ? path : path.substr(at + 1);
  }

  Finding regular(const Task& task, const fs::path& file, const struct stat& status) const {
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (keeps_size(*task.path) && size != *task.path->size) {
      return damaged(task, Damage::Kind::changed,
                     fmt::format("it has {} bytes, not {}", size, *task.path->size));
    }
    const std::string expected = expected_digest(*task.path);
    if (expected.empty()) return {std::nullopt, Finding::Doubt::no_checksum};
    if (depth_ == VerifyDepth::sizes) return {};
    const Result<std::string> digest = base::hash_file(base::HashKind::sha256, file);
    if (!digest.has_value()) {
      return damaged(task, Damage::Kind::unreadable, digest.error().message);
    }
    if (*digest == expected) return {};
    return damaged(task, Damage::Kind::changed, "its contents are not what was installed");
  }

  const fs::path& prefix_;
  VerifyDepth depth_;
};

std::string note_of(Finding::Doubt doubt) {
  switch (doubt) {
    case Finding::Doubt::no_checksum:
      return "no checksum in the record, so only that it is there was checked";
    case Finding::Doubt::no_bytecode:
      return "bytecode that is missing; python compiles it again";
    case Finding::Doubt::no_target:
      return "links whose targets cannot be checked, because the unpacked package is not there";
    case Finding::Doubt::none:
      break;
  }
  return {};
}

/// All findings brought together: several records may name one path.
class Summary {
 public:
  explicit Summary(const std::vector<Task>& tasks) {
    for (const Task& task : tasks) owners_[task.path->path].insert(task.package);
  }

  void add(const Task& task, Finding finding) {
    if (is_shared(task) && finding.damage.has_value()) {
      shared_[task.path->path].push_back(std::move(*finding.damage));
    } else if (finding.damage.has_value()) {
      report_.damage.push_back(std::move(*finding.damage));
    }
    if (finding.doubt == Finding::Doubt::none) return;
    doubts_[{task.package->record.dist_name(), finding.doubt}].push_back(task.path->path);
  }

  VerifyReport finish() {
    for (auto& [path, damages] : shared_) settle_shared(path, std::move(damages));
    for (auto& [key, paths] : doubts_) add_doubt(key.first, key.second, std::move(paths));
    std::ranges::sort(report_.damage, [](const Damage& a, const Damage& b) {
      return std::tie(a.package, a.path) < std::tie(b.package, b.path);
    });
    return std::move(report_);
  }

 private:
  bool is_shared(const Task& task) const { return owners_.at(task.path->path).size() > 1; }

  /// One of several owners has the path; the others' bytes cannot be there.
  void settle_shared(const std::string& path, std::vector<Damage> damages) {
    const auto& owners = owners_.at(path);
    if (damages.size() >= owners.size()) {
      for (Damage& damage : damages) report_.damage.push_back(std::move(damage));
      return;
    }
    std::set<std::string> losers;
    for (const Damage& damage : damages) losers.insert(damage.package);
    for (const conda::PrefixRecord* owner : owners) {
      if (losers.contains(owner->record.dist_name())) continue;
      for (const std::string& loser : losers) {
        report_.notes.push_back(fmt::format("{} has '{}', which {} brings too",
                                            owner->record.dist_name(), path, loser));
      }
      return;
    }
  }

  void add_doubt(const std::string& package, Finding::Doubt doubt, std::vector<std::string> paths) {
    std::ranges::sort(paths);
    const std::size_t count = paths.size();
    paths.resize(std::min(count, named_files));
    const std::string more =
        count > named_files ? fmt::format(" and {} more", count - named_files) : std::string();
    report_.notes.push_back(
        fmt::format("{}: {}: {}{}", package, note_of(doubt), base::join(paths, ", "), more));
  }

  std::map<std::string_view, std::set<const conda::PrefixRecord*>> owners_;
  std::map<std::string, std::vector<Damage>> shared_;
  std::map<std::pair<std::string, Finding::Doubt>, std::vector<std::string>> doubts_;
  VerifyReport report_;
};

std::vector<Task> tasks_of(const PrefixState& state) {
  std::vector<Task> tasks;
  for (const conda::PrefixRecord& package : state.packages) {
    for (const conda::InstalledPath& path : package.paths) tasks.push_back({&package, &path});
  }
  return tasks;
}

/// Foreign records may hold anything; nothing outside the prefix is looked at.
bool stays_inside(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return !path.empty() && normal.is_relative() && *normal.begin() != "..";
}

}  // namespace

Result<VerifyReport> verify(const PrefixState& state, VerifyDepth depth, std::size_t jobs,
                            base::Reporter& reporter) {
  const std::vector<Task> tasks = tasks_of(state);
  std::vector<Finding> findings(tasks.size());
  const Examiner examiner(state.prefix, depth);
  std::atomic<std::uint64_t> done{0};
  const std::size_t batches = (tasks.size() + batch_size - 1) / batch_size;
  HPCENV_TRY(base::parallel_for(batches, jobs, [&](std::size_t batch) -> Result<> {
    const std::size_t end = std::min((batch + 1) * batch_size, tasks.size());
    for (std::size_t i = batch * batch_size; i < end; ++i) {
      if (stays_inside(tasks[i].path->path)) {
        findings[i] = examiner.look(tasks[i]);
      } else {
        findings[i].damage = Damage{Damage::Kind::wrong_type, tasks[i].package->record.dist_name(),
                                    tasks[i].path->path, "it leads out of the prefix"};
      }
    }
    done += end - batch * batch_size;
    reporter.progress(done, tasks.size(), base::Unit::items);
    return {};
  }));
  Summary summary(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i) summary.add(tasks[i], std::move(findings[i]));
  VerifyReport report = summary.finish();
  report.files = tasks.size();
  if (is_unfinished(state.prefix)) {
    report.notes.push_back(fmt::format("a change is unfinished: hpcenv install -p {} completes it",
                                       state.prefix.native()));
  }
  return report;
}

}  // namespace hpcenv::prefix
