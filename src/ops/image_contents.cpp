#include "ops/image_contents.hpp"

#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "base/interrupt.hpp"
#include "conda/install_order.hpp"
#include "conda/platform.hpp"
#include "ops/cost.hpp"
#include "ops/explicit.hpp"
#include "packages/fetch.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

std::vector<conda::PackageRecord> in_order(const prefix::PrefixState& state) {
  std::vector<const conda::PackageRecord*> records;
  records.reserve(state.packages.size());
  for (const conda::PrefixRecord& package : state.packages) records.push_back(&package.record);
  std::vector<conda::PackageRecord> ordered;
  ordered.reserve(records.size());
  for (const std::size_t index : conda::install_order(records)) ordered.push_back(*records[index]);
  return ordered;
}

bool is_generated(const fs::path& relative) {
  const std::string& text = relative.native();
  return text.starts_with(std::string(prefix::meta_folder) + "/") ||
         text.starts_with(std::string(prefix::own_folder) + "/") || text.ends_with(".pyc");
}

/// Files that are in no record: of pip, of link scripts, of the user.
Result<std::vector<std::string>> unowned_files(const prefix::PrefixState& state) {
  std::unordered_set<std::string_view> owned;
  for (const conda::PrefixRecord& package : state.packages) {
    for (const conda::InstalledPath& path : package.paths) owned.insert(path.path);
  }
  std::vector<std::string> unowned;
  std::error_code error;
  fs::recursive_directory_iterator walk(state.prefix, fs::directory_options::skip_permission_denied,
                                        error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    HPCENV_TRY(base::check_interrupt());
    std::error_code ignored;
    if (walk->is_directory(ignored) && !walk->is_symlink(ignored)) continue;
    const fs::path relative = walk->path().lexically_relative(state.prefix);
    if (!is_generated(relative) && !owned.contains(relative.native())) {
      unowned.push_back(relative.native());
    }
  }
  if (error) {
    return fail_errno(error.value(), fmt::format("cannot read {}", state.prefix.native()));
  }
  std::ranges::sort(unowned);
  return unowned;
}

std::string subdir_of(const std::vector<conda::PackageRecord>& records) {
  for (const conda::PackageRecord& record : records) {
    if (!record.subdir.empty() && record.subdir != "noarch") return record.subdir;
  }
  return std::string(conda::native_subdir());
}

}  // namespace

Result<ImageContents> contents_of(const EnvironmentRef& environment, const std::string& name) {
  HPCENV_TRY(prefix::require_usable(environment.prefix));
  HPCENV_ASSIGN(const prefix::PrefixState state, prefix::read_state(environment.prefix));
  if (state.packages.empty()) {
    return fail_hint(
        ErrorKind::refused, fmt::format("{} has no packages", environment.prefix.native()),
        fmt::format("hpcenv install -p {} python adds one", environment.prefix.native()));
  }
  ImageContents contents;
  contents.name = name;
  contents.plan.prefix = environment.prefix;
  contents.plan.link = in_order(state);
  HPCENV_ASSIGN(contents.plan.variables, prefix::own_variables(environment.prefix));
  for (const conda::PrefixRecord& package : state.packages) {
    for (const std::string& spec : package.requested_specs) {
      contents.plan.requested_specs.push_back(spec);
    }
  }
  contents.subdir = subdir_of(contents.plan.link);
  HPCENV_ASSIGN(contents.unowned, unowned_files(state));
  return contents;
}

Result<ContentsOutcome> contents_chosen(const ChangeRequest& choice, const std::string& name,
                                        const Locations& locations, const Seams& seams) {
  ChangeRequest request = choice;
  request.run = ChangeRequest::Run::dry;
  HPCENV_ASSIGN(ChangeOutcome outcome,
                change(request, locations, seams, [](const ChangeDecision&) { return false; }));
  if (auto* conflict = std::get_if<solve::Conflict>(&outcome)) {
    return ContentsOutcome(std::move(*conflict));
  }
  ChangeDecision& decision = std::get<ChangeDone>(outcome).decision;
  ImageContents contents;
  contents.name = name;
  contents.plan = std::move(decision.plan);
  contents.subdir = subdir_of(contents.plan.link);
  contents.notes = std::move(decision.notes);
  return ContentsOutcome(std::move(contents));
}

Result<std::vector<conda::UnpackedPackage>> unpacked_contents(ImageContents& contents,
                                                              const ChangeRequest& choice,
                                                              const Locations& locations,
                                                              const Seams& seams) {
  HPCENV_ASSIGN(packages::PackageCache cache,
                packages::PackageCache::open(cache_places(locations)));
  for (const std::string& sentence : cache.left_out()) seams.reporter.warning(sentence);
  const QuotaSource quotas{choice.link.environment, seams.runner};
  HPCENV_ASSIGN(const Cost cost, estimate_cost(contents.plan, &cache, quotas, choice.link.files));
  HPCENV_TRY(require_room_to_fetch(cost, locations.packages(), quotas));
  packages::FetchOptions options;
  options.check = choice.cache_check;
  options.safety = choice.safety;
  if (choice.rules.offline == index::IndexRequest::Offline::yes) {
    options.offline = packages::FetchOptions::Offline::yes;
  }
  HPCENV_ASSIGN(
      std::vector<conda::UnpackedPackage> unpacked,
      packages::ensure_unpacked(contents.plan.link, cache, seams.http, seams.reporter, options));
  if (choice.wishes.packages.empty()) return unpacked;
  ChangeDecision decision;
  decision.plan = std::move(contents.plan);
  const Result<> settled = settle_explicit(decision, unpacked, cache);
  contents.plan = std::move(decision.plan);
  HPCENV_TRY(settled);
  contents.subdir = subdir_of(contents.plan.link);
  return unpacked;
}

}  // namespace hpcenv::ops
