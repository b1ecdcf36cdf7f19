#include "ops/explicit.hpp"

#include <algorithm>
#include <set>

#include "conda/install_order.hpp"
#include "conda/platform.hpp"
#include "ops/question.hpp"
#include "ops/standing_wishes.hpp"
#include "packages/url_package.hpp"

namespace hpcenv::ops {
namespace {

std::string without_last(const std::string& url) { return url.substr(0, url.rfind('/')); }
std::string last_of(const std::string& url) { return url.substr(url.rfind('/') + 1); }

Result<conda::PackageRecord> record_of(const conda::ExplicitPackage& package) {
  conda::PackageRecord record;
  HPCENV_ASSIGN(const conda::DistName name, conda::parse_dist_name(package.file_name));
  record.name = name.name;
  record.version = name.version;
  record.build = name.build;
  record.file_name = package.file_name;
  record.url = package.url;
  record.md5 = package.md5;
  record.sha256 = package.sha256;
  record.channel = without_last(package.url);
  if (conda::is_known_subdir(last_of(record.channel))) {
    record.subdir = last_of(record.channel);
    record.channel = without_last(record.channel);
  }
  return record;
}

Result<> check(const conda::PackageRecord& record, const std::string& subdir,
               std::set<std::string>& names) {
  const bool fits = record.subdir.empty() || record.subdir == "noarch" || record.subdir == subdir;
  if (!fits) {
    return fail_hint(
        ErrorKind::refused,
        fmt::format("{} is for {}, not for {}", record.file_name, record.subdir, subdir),
        "take the file for this platform, or choose the other one with --platform");
  }
  if (!names.insert(record.name).second) {
    return fail(ErrorKind::refused, "the file names two packages {}", record.name);
  }
  return {};
}

std::string minor_of(const std::string& version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// Python packages that stay would be left behind in the old minor's directory.
Result<> check_python(const prefix::Plan& plan) {
  const auto is_python = [](const conda::PackageRecord& record) { return record.name == "python"; };
  const auto wanted = std::ranges::find_if(plan.link, is_python);
  const auto now = std::ranges::find_if(plan.unlink, is_python);
  if (wanted == plan.link.end() || now == plan.unlink.end() ||
      minor_of(wanted->version) == minor_of(now->version)) {
    return {};
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("the file would change python from {} to {} under the packages that "
                               "are there",
                               now->version, wanted->version),
                   "make a new environment from it: hpcenv create -n NAME -f FILE");
}

}  // namespace

Result<ChangeDecision> decide_explicit(const ChangeRequest& request,
                                       const prefix::PrefixState& state,
                                       const std::string& installed_subdir) {
  if (!request.machine.target.empty()) {
    return fail_hint(ErrorKind::usage,
                     "--on chooses packages for a target, but an @EXPLICIT file names them all",
                     "leave one of them out");
  }
  std::string subdir = request.machine.subdir;
  if (subdir.empty()) {
    subdir = installed_subdir.empty() ? std::string(conda::native_subdir()) : installed_subdir;
  }
  ChangeDecision decision;
  decision.action = request.action;
  decision.plan.prefix = state.prefix;
  decision.plan.based_on = state.fingerprint;
  decision.plan.command_line = request.command_line;
  HPCENV_ASSIGN(const Specs earlier, wished_earlier(state));
  std::set<std::string> names;
  for (const conda::ExplicitPackage& package : request.wishes.packages) {
    HPCENV_ASSIGN(conda::PackageRecord record, record_of(package));
    HPCENV_TRY(check(record, subdir, names));
    const auto is_there = [&](const conda::PrefixRecord& installed) {
      return installed.record.dist_name() == record.dist_name() &&
             (record.sha256.empty() || installed.record.sha256 == record.sha256);
    };
    const bool stays = std::ranges::any_of(state.packages, is_there);
    // The name alone: the file says what is there now, not what has to stay. An earlier wish that
    // the package meets says more.
    const conda::MatchSpec* before = find_spec(earlier, record.name);
    if (before == nullptr || !(stays || before->matches(record))) {
      decision.plan.requested_specs.push_back(record.name);
    }
    if (stays) continue;
    decision.plan.link.push_back(std::move(record));
  }
  for (const conda::PrefixRecord& installed : state.packages) {
    const auto replaces = [&](const conda::PackageRecord& record) {
      return record.name == installed.record.name;
    };
    if (std::ranges::any_of(decision.plan.link, replaces)) {
      decision.plan.unlink.push_back(installed.record);
    }
  }
  HPCENV_TRY(check_python(decision.plan));
  return decision;
}

Result<> settle_explicit(ChangeDecision& decision, std::vector<conda::UnpackedPackage>& unpacked,
                         const packages::PackageCache& cache) {
  std::vector<const conda::PackageRecord*> records;
  for (conda::UnpackedPackage& package : unpacked) {
    HPCENV_ASSIGN(package, packages::with_whole_record(std::move(package), cache));
    records.push_back(&package.record);
  }
  std::vector<conda::UnpackedPackage> ordered;
  decision.plan.link.clear();
  for (const std::size_t i : conda::install_order(records)) {
    decision.plan.link.push_back(unpacked[i].record);
    ordered.push_back(unpacked[i]);
  }
  unpacked = std::move(ordered);
  return {};
}

}  // namespace hpcenv::ops
