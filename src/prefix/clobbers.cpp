#include "prefix/clobbers.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <unordered_map>

#include "base/fault.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "prefix/copy.hpp"
#include "prefix/layout_names.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

std::string parking_of(const conda::PackageRecord& record) {
  return fmt::format("{}/{}/", clobbered_folder, record.dist_name());
}

class Settler {
 public:
  Settler(Blueprint& blueprint, const Owners& owners) : blueprint_(blueprint), owners_(owners) {}

  ClobberPlan settle() {
    find_old_losers();
    for (PlannedPath& path : blueprint_.layout.paths) {
      if (!path.is_directory()) meet(path);
    }
    for (const conda::PrefixRecord* package : owners_.staying()) restore_losers(*package);
    describe();
    return std::move(plan_);
  }

 private:
  /// Paths that the leaving versions had parked.
  void find_old_losers() {
    for (const conda::PrefixRecord* package : owners_.leaving()) {
      const std::string parking = parking_of(package->record);
      for (const conda::InstalledPath& path : package->paths) {
        if (!path.path.starts_with(parking)) continue;
        old_losers_[package->record.name].insert(path.path.substr(parking.size()));
      }
    }
  }

  void meet(PlannedPath& path) {
    const conda::PackageRecord& record = blueprint_.packages[path.package].record;
    const auto owner = owners_.find(path.target);
    if (!owner.has_value() || owner->leaves) {
      taken_.insert(path.target);
      return;
    }
    const auto losers = old_losers_.find(record.name);
    if (losers != old_losers_.end() && losers->second.contains(path.target)) {
      path.target = parking_of(record) + path.target;
      add_directories(path.target);
      return;
    }
    taken_.insert(path.target);
    const conda::PrefixRecord& loser = *owner->package;
    const std::string parked = parking_of(loser.record) + path.target;
    plan_.moves.push_back({path.target, parked, ClobberPlan::Move::Old::is_taken});
    plan_.renamed[&loser].emplace(path.target, parked);
    auto& [count, first] = clobbers_[{&loser, path.package}];
    if (++count == 1) first = path.target;
  }

  void add_directories(const std::string& path) {
    std::vector<std::string>& directories = blueprint_.layout.directories;
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      std::string directory = path.substr(0, slash);
      if (std::ranges::find(directories, directory) == directories.end()) {
        directories.push_back(std::move(directory));
      }
    }
  }

  void restore_losers(const conda::PrefixRecord& package) {
    const std::string parking = parking_of(package.record);
    for (const conda::InstalledPath& path : package.paths) {
      if (!path.path.starts_with(parking)) continue;
      const std::string place = path.path.substr(parking.size());
      const auto owner = owners_.find(place);
      const bool is_free = (!owner.has_value() || owner->leaves) && is_package_path(place);
      if (!is_free || !taken_.insert(place).second) continue;
      plan_.moves.push_back({path.path, place, ClobberPlan::Move::Old::goes});
      plan_.renamed[&package].emplace(path.path, place);
    }
  }

  void describe() {
    for (const auto& [pair, clobbers] : clobbers_) {
      const auto& [count, first] = clobbers;
      const std::string loser = pair.first->record.dist_name();
      const std::string winner = blueprint_.packages[pair.second].record.dist_name();
      const std::string more =
          count == 1 ? std::string() : fmt::format(" (and {} more paths)", count - 1);
      plan_.messages.push_back(
          fmt::format("{} and {} both bring '{}'{}: the file of {} is used, the other lies in "
                      "{}/{}",
                      loser, winner, first, more, winner, clobbered_folder, loser));
    }
  }

  Blueprint& blueprint_;
  const Owners& owners_;
  ClobberPlan plan_;
  std::set<std::string> taken_;
  std::unordered_map<std::string, std::set<std::string>> old_losers_;
  std::map<std::pair<const conda::PrefixRecord*, std::size_t>, std::pair<std::size_t, std::string>>
      clobbers_;
};

Result<> second_name(const fs::path& file, const fs::path& name, const Workplace& work) {
  HPCENV_TRY(make_below(work, name.parent_path()));
  base::fault_point("clobbers.link");
  if (link(file.c_str(), name.c_str()) == 0) return {};
  if (errno == ENOENT) return {};  // its record says so, but it is gone
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(file, error))) {
    HPCENV_TRY(copy_contents(file, name));
    return {};
  }
  const fs::path target = fs::read_symlink(file, error);
  base::fault_point("clobbers.symlink");
  if (!error && symlink(target.c_str(), name.c_str()) == 0) return {};
  return fail_errno(errno, fmt::format("cannot make the link {}", name.native()));
}

void rename_in(base::Json& value, const std::map<std::string, std::string>& renamed) {
  if (!value.is_string()) return;
  const auto found = renamed.find(value.get<std::string>());
  if (found != renamed.end()) value = found->second;
}

}  // namespace

ClobberPlan settle_clobbers(Blueprint& blueprint, const Owners& owners) {
  return Settler(blueprint, owners).settle();
}

Result<> prepare_moves(const ClobberPlan& plan, const Workplace& work) {
  for (const ClobberPlan::Move& move : plan.moves) {
    HPCENV_TRY(second_name(work.prefix / move.from, work.fresh() / move.to, work));
  }
  return {};
}

Result<std::string> renamed_record(const conda::PrefixRecord& package,
                                   const std::map<std::string, std::string>& renamed,
                                   const fs::path& prefix) {
  const fs::path file = prefix / meta_folder / fmt::format("{}.json", package.record.dist_name());
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(base::Json document, base::parse_json(text, file.native()));
  if (document.contains("files") && document["files"].is_array()) {
    for (base::Json& path : document["files"]) rename_in(path, renamed);
  }
  const bool has_data = document.contains("paths_data") && document["paths_data"].is_object() &&
                        document["paths_data"].contains("paths") &&
                        document["paths_data"]["paths"].is_array();
  if (has_data) {
    for (base::Json& entry : document["paths_data"]["paths"]) {
      if (entry.is_object() && entry.contains("_path")) rename_in(entry["_path"], renamed);
    }
  }
  return base::dump_json(document);
}

}  // namespace hpcenv::prefix
