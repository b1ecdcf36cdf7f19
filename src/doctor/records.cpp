// P10, P13, P14: the records of the environment beside the node, its files, and whether they can be
// read.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/parallel.hpp"
#include "base/reporter.hpp"
#include "base/text.hpp"
#include "conda/match_spec.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"
#include "doctor/toolkit_group.hpp"
#include "host/cpu.hpp"
#include "host/virtual_packages.hpp"
#include "prefix/verify.hpp"

namespace hpcenv::doctor {

namespace {

using host::VirtualPackage;

/// What the node itself offers: overrides are for solving, not for running.
class Offer {
 public:
  explicit Offer(const Subject& subject) : profile_(*subject.profile) {
    const std::string subdir = profile_.machine == "aarch64" ? "linux-aarch64" : "linux-64";
    for (VirtualPackage& package :
         host::virtual_packages(profile_, base::Environment(), subdir).packages) {
      offered_[package.name] = std::move(package);
    }
  }

  enum class Answer { meets, lacks, cannot_tell };

  Answer meets(const conda::MatchSpec& spec, bool has_to_be) const {
    const auto found = offered_.find(spec.name.text());
    if (found == offered_.end()) {
      if (!has_to_be) return Answer::meets;
      // Without a look at the devices their capability is not known.
      const bool unseen = spec.name.text() == "__cuda_arch" && has_driver();
      return unseen ? Answer::cannot_tell : Answer::lacks;
    }
    const VirtualPackage& package = found->second;
    if (spec.matches(host::to_record(package))) return Answer::meets;
    if (package.origin == VirtualPackage::Origin::assumed) return Answer::cannot_tell;
    if (package.name == "__archspec") return meets_processor(spec, package);
    return Answer::lacks;
  }

  /// "2.17", "zen2", or "none".
  std::string text_of(const std::string& name) const {
    const auto found = offered_.find(name);
    if (found == offered_.end()) return "none";
    return name == "__archspec" ? found->second.build : found->second.version;
  }

  bool has_driver() const { return has_gpu(profile_) || !profile_.nvidia.kernel_module.empty(); }

 private:
  /// A build for an older processor runs too, whatever it is called.
  static Answer meets_processor(const conda::MatchSpec& spec, const VirtualPackage& package) {
    const std::string& wanted = spec.build.text();
    if (host::runnable_microarchitectures(wanted).empty()) return Answer::cannot_tell;
    const auto runs = host::runnable_microarchitectures(package.build);
    if (runs.empty()) return Answer::cannot_tell;
    return std::ranges::find(runs, wanted) != runs.end() ? Answer::meets : Answer::lacks;
  }

  const host::NodeProfile& profile_;
  std::map<std::string, VirtualPackage> offered_;
};

struct Unmet {
  std::vector<std::string> lines;
  std::set<std::string> needs;  ///< names of virtual packages
};

void recheck(const conda::PrefixRecord& package, const Offer& offer, Unmet& unmet) {
  const auto look = [&](const std::vector<std::string>& specs, bool has_to_be) {
    for (const std::string& text : specs) {
      if (!text.starts_with("__")) continue;
      const auto spec = conda::MatchSpec::parse(text);
      if (!spec || offer.meets(*spec, has_to_be) != Offer::Answer::lacks) continue;
      const std::string name = spec->name.text();
      unmet.needs.insert(name);
      unmet.lines.push_back(fmt::format("{} needs {}; the node has {}", package.record.dist_name(),
                                        text, offer.text_of(name)));
    }
  };
  look(package.record.depends, true);
  look(package.record.constrains, false);
}

/// conda's name of what a damaged file belongs to, without version and build.
std::string name_in(const std::string& dist_name) {
  const std::size_t build = dist_name.rfind('-');
  if (build == std::string::npos || build == 0) return dist_name;
  return dist_name.substr(0, dist_name.rfind('-', build - 1));
}

Finding damaged(const Subject& subject, const prefix::VerifyReport& report) {
  std::set<std::string> names;
  std::vector<std::string> lines;
  for (const prefix::Damage& damage : report.damage) {
    names.insert(name_in(damage.package));
    lines.push_back(fmt::format("{}: {}: {}", damage.package, damage.path, damage.detail));
  }
  std::vector<std::string> words{names.begin(), names.end()};
  for (std::string& word : words) word = shell_word(word);
  return with_evidence(
      failure(fmt::format("{} of {} files are not as they were installed", report.damage.size(),
                          report.files),
              {"Install their packages again.",
               {fmt::format("hpcenv install{} --force-reinstall {}", environment_option(subject),
                            base::join(words, " "))}}),
      shortened(std::move(lines)));
}

}  // namespace

Finding examine_virtual_packages(const Subject& subject) {
  const Offer offer(subject);
  Unmet unmet;
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    recheck(package, offer, unmet);
  }
  if (unmet.lines.empty()) {
    return pass(fmt::format("{} offers what the packages need", node_words(subject)));
  }
  const std::size_t count = unmet.lines.size();
  std::vector<std::string> lines = shortened(std::move(unmet.lines));
  const bool driver_only =
      std::ranges::all_of(unmet.needs, [](const auto& name) { return name.starts_with("__cuda"); });
  if (driver_only && subject.target.empty() && !offer.has_driver()) {
    return with_evidence(
        info("packages here need an NVIDIA driver, which a node without GPU lacks: they are for "
             "the nodes that jobs run on; `hpcenv doctor --on TARGET` judges those"),
        std::move(lines));
  }
  const std::vector<std::string> needs(unmet.needs.begin(), unmet.needs.end());
  return with_evidence(failure(fmt::format("{} of what the packages need {} does not offer: {}",
                                           count, node_words(subject), base::join(needs, ", ")),
                               {"Make an environment that is solved for the node.",
                                {recreate_command(subject, "fitting", {})}}),
                       std::move(lines));
}

Finding examine_files(const Subject& subject) {
  base::NullReporter silent;
  const auto report = prefix::verify(*subject.environment, prefix::VerifyDepth::hashes,
                                     base::available_processors(), silent);
  if (!report) return unavailable(report.error().message);
  if (!report->damage.empty()) return damaged(subject, *report);
  return pass(fmt::format("all {} files are as they were installed", report->files));
}

Finding examine_records(const Subject& subject) {
  if (subject.unreadable_records.empty()) {
    return pass(fmt::format("all {} records of conda-meta can be read",
                            subject.environment->packages.size()));
  }
  const std::size_t count = subject.unreadable_records.size();
  return with_evidence(
      failure(
          fmt::format("{} of conda-meta cannot be read: what they belong to was not judged, and "
                      "nothing can be installed here",
                      count == 1 ? "a record" : fmt::format("{} records", count)),
          {"Make the environment anew; packages that only the broken records know were not "
           "asked for in this command.",
           {recreate_command(subject, "new", {})}}),
      shortened(subject.unreadable_records));
}

}  // namespace hpcenv::doctor
