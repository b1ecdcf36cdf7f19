#include "ops/clean.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "image/pull.hpp"
#include "packages/package_cache.hpp"
#include "prefix/prefix_lock.hpp"
#include "prefix/state.hpp"
#include "prefix/transaction.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

std::string count_text(std::size_t packages) {
  return packages == 1 ? "1 package" : fmt::format("{} packages", packages);
}

bool wants(const CleanRequest& request, CleanPart part) {
  return std::ranges::find(request.parts, part) != request.parts.end();
}

// Environments by the unpacked package that one of theirs was made from without a hard link.
Result<std::map<fs::path, fs::path>> copied_packages(const Locations& locations) {
  std::map<fs::path, fs::path> users;
  for (const KnownEnvironment& known : known_environments(locations)) {
    HPCENV_ASSIGN(const prefix::PrefixState state, prefix::read_state(known.prefix));
    for (const conda::PrefixRecord& package : state.packages) {
      if (!package.extracted_package_dir.empty()) {
        users.emplace(package.extracted_package_dir, known.prefix);
      }
    }
  }
  return users;
}

Result<> plan_packages(const packages::CacheContents& contents, const CleanRequest& request,
                       const Locations& locations, CleanPlan& plan) {
  HPCENV_ASSIGN(const auto users, copied_packages(locations));
  std::size_t linked = 0;
  std::size_t copied = 0;
  for (const packages::CachedPackage& package : contents.packages) {
    if (package.shared_bytes > 0) {
      ++linked;
      continue;
    }
    const bool used = users.contains(package.directory);
    if (used && request.copied == CleanRequest::Copied::keep) {
      ++copied;
      continue;
    }
    plan.items.push_back({CleanPart::packages, package.directory, package.bytes});
  }
  if (linked > 0) {
    plan.notes.push_back("kept, as environments share their files: " + count_text(linked));
  }
  if (copied > 0) {
    plan.notes.push_back("kept, as environments have copies of them (--force removes them, too): " +
                         count_text(copied));
  }
  return {};
}

Result<> plan_cache(const CleanRequest& request, const Locations& locations, CleanPlan& plan) {
  const bool is_asked = wants(request, CleanPart::packages) || wants(request, CleanPart::archives);
  if (!is_asked || !base::path_exists(locations.packages())) {
    return {};
  }
  HPCENV_ASSIGN(const packages::PackageCache cache,
                packages::PackageCache::open(locations.packages()));
  HPCENV_ASSIGN(const packages::CacheContents contents, cache.contents());
  if (wants(request, CleanPart::packages)) {
    HPCENV_TRY(plan_packages(contents, request, locations, plan));
  }
  if (wants(request, CleanPart::archives)) {
    for (const packages::CachedFile& archive : contents.archives) {
      plan.items.push_back({CleanPart::archives, archive.path, archive.bytes});
    }
  }
  return {};
}

// Space on disk of a tree; files with other names elsewhere count nothing.
std::uint64_t bytes_in(const fs::path& path) {
  std::error_code failure;
  std::uint64_t bytes = 0;
  const auto options = fs::directory_options::skip_permission_denied;
  for (const auto& entry : fs::recursive_directory_iterator(path, options, failure)) {
    struct stat status{};
    const bool known = lstat(entry.path().c_str(), &status) == 0;
    if (known && S_ISREG(status.st_mode) && status.st_nlink == 1) {
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

void plan_index(const Locations& locations, CleanPlan& plan) {
  if (base::path_exists(locations.index())) {
    plan.items.push_back({CleanPart::index, locations.index(), bytes_in(locations.index())});
  }
}

void plan_images(const Locations& locations, CleanPlan& plan) {
  for (const fs::path& base : image::cached_bases(locations.base_images())) {
    plan.items.push_back({CleanPart::images, base, bytes_in(base)});
  }
}

// What killed writers left inside environments; each is settled under its lock.
void plan_inner_trash(const std::vector<KnownEnvironment>& environments, CleanPlan& plan) {
  for (const KnownEnvironment& known : environments) {
    const fs::path own = known.prefix / ".hpcenv";
    const auto names = base::list_directory(own);
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      const bool leftover =
          base::path_exists(own / name / "trash") || base::path_exists(own / name / "new");
      if (leftover) {
        plan.items.push_back({CleanPart::trash, known.prefix, bytes_in(own / name)});
        break;
      }
    }
  }
}

// What a killed create or removal left beside its place, where environments lie.
void plan_outer_trash(const Locations& locations, const std::vector<KnownEnvironment>& environments,
                      CleanPlan& plan) {
  std::set<fs::path> folders(locations.environment_folders.begin(),
                             locations.environment_folders.end());
  folders.insert(locations.environments());
  for (const KnownEnvironment& known : environments) {
    folders.insert(known.prefix.parent_path());
  }
  for (const fs::path& folder : folders) {
    const auto names = base::list_directory(folder);
    for (const std::string& name : names ? *names : std::vector<std::string>{}) {
      if (prefix::prefix_of_sibling(folder / name)) {
        plan.items.push_back({CleanPart::trash, folder / name, bytes_in(folder / name)});
      }
    }
  }
}

Result<> settle_trash(const CleanItem& item, const CleanRequest& request,
                      const base::Environment& environment, const Seams& seams) {
  prefix::LinkOptions link;
  link.environment = environment;
  link.trash = prefix::LinkOptions::Trash::goes;
  const auto place = prefix::prefix_of_sibling(item.path);
  HPCENV_TRY(prefix::complete_unfinished(place ? *place : item.path, link,
                                         {"hpcenv clean", std::chrono::seconds(0), request.no_lock},
                                         seams.runner, seams.reporter));
  if (place && base::path_exists(item.path)) {
    return fail(ErrorKind::refused, "another process is at work on {}", place->native());
  }
  return {};
}

Result<> remove_item(const CleanItem& item, const CleanRequest& request, const Locations& locations,
                     const base::Environment& environment, const Seams& seams) {
  switch (item.part) {
    case CleanPart::packages:
    case CleanPart::archives: {
      HPCENV_ASSIGN(const packages::PackageCache cache,
                    packages::PackageCache::open(locations.packages()));
      return cache.discard(item.path);
    }
    case CleanPart::index:
      return base::remove_tree(item.path);
    case CleanPart::images:
      return image::discard_base(item.path);
    case CleanPart::trash:
      return settle_trash(item, request, environment, seams);
  }
  return {};
}

}  // namespace

const char* name_of(CleanPart part) {
  switch (part) {
    case CleanPart::packages:
      return "packages";
    case CleanPart::archives:
      return "tarballs";
    case CleanPart::index:
      return "index-cache";
    case CleanPart::images:
      return "images";
    case CleanPart::trash:
      return "trash";
  }
  return "";
}

std::uint64_t CleanPlan::bytes() const {
  std::uint64_t bytes = 0;
  for (const CleanItem& item : items) {
    bytes += item.bytes;
  }
  return bytes;
}

Result<CleanPlan> plan_clean(const CleanRequest& request, const Locations& locations) {
  CleanPlan plan;
  HPCENV_TRY(plan_cache(request, locations, plan));
  if (wants(request, CleanPart::index)) {
    plan_index(locations, plan);
  }
  if (wants(request, CleanPart::images)) {
    plan_images(locations, plan);
  }
  if (wants(request, CleanPart::trash)) {
    const std::vector<KnownEnvironment> environments = known_environments(locations);
    plan_inner_trash(environments, plan);
    plan_outer_trash(locations, environments, plan);
  }
  return plan;
}

Result<std::uint64_t> carry_out_clean(const CleanPlan& plan, const CleanRequest& request,
                                      const Locations& locations,
                                      const base::Environment& environment, const Seams& seams) {
  std::uint64_t freed = 0;
  std::uint64_t done = 0;
  seams.reporter.step("Cleaning");
  for (const CleanItem& item : plan.items) {
    HPCENV_TRY(base::check_interrupt());
    if (const auto removed = remove_item(item, request, locations, environment, seams); removed) {
      freed += item.bytes;
    } else {
      seams.reporter.warning(removed.error().message);
    }
    seams.reporter.progress(++done, plan.items.size(), base::Unit::items);
  }
  return freed;
}

}  // namespace hpcenv::ops
