#include "ops/change.hpp"

#include <utility>

#include "base/fs.hpp"
#include "conda/platform.hpp"
#include "ops/activate.hpp"
#include "ops/decide.hpp"
#include "ops/explicit.hpp"
#include "ops/standing_wishes.hpp"
#include "packages/fetch.hpp"
#include "packages/package_cache.hpp"
#include "prefix/create.hpp"
#include "prefix/place.hpp"
#include "prefix/readers.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

constexpr int plan_attempts = 3;

/// The steps in the order in which they are done.
class Pipeline {
 public:
  Pipeline(const ChangeRequest& request, const Locations& locations, const Seams& seams)
      : request_(request), locations_(locations), seams_(seams) {}

  enum class Step { committed, stale, declined };

  Result<> check_place() const {
    if (request_.action == Action::create) {
      auto checked = prefix::check_new_prefix(request_.prefix);
      if (checked.has_value() || !prefix::is_environment(request_.prefix)) return checked;
      return Failure(with_hint(
          std::move(checked).error(),
          fmt::format("hpcenv install -p {} adds packages to it", request_.prefix.string())));
    }
    if (request_.frozen == ChangeRequest::Frozen::respect) {
      return require_not_frozen(request_.prefix);
    }
    return {};
  }

  Result<> complete_earlier() {
    if (request_.run == ChangeRequest::Run::dry) {
      return prefix::require_usable(request_.prefix);
    }
    // A create starts over what a create left.
    if (request_.action == Action::create && prefix::is_unfinished_create(request_.prefix)) {
      return {};
    }
    HPCENV_ASSIGN(report_.messages,
                  prefix::complete_unfinished(request_.prefix, request_.link, request_.lock,
                                              seams_.runner, seams_.reporter));
    return {};
  }

  Result<prefix::PrefixState> state_before() const {
    if (request_.action != Action::create) {
      return prefix::read_state(request_.prefix, prefix::Detail::without_paths);
    }
    prefix::PrefixState nothing;
    nothing.prefix = request_.prefix;
    HPCENV_ASSIGN(nothing.fingerprint, prefix::fingerprint(request_.prefix));
    return nothing;
  }

  Result<Decided> decide_from(const prefix::PrefixState& state) {
    const std::string subdir = installed_subdir(state);
    is_foreign_ = !subdir.empty() && subdir != conda::native_subdir();
    if (request_.action == Action::remove) {
      HPCENV_ASSIGN(ChangeDecision decision, decide_removal(request_, state));
      return Decided(std::move(decision));
    }
    if (!request_.wishes.packages.empty()) {
      const std::string& asked = request_.machine.subdir;
      is_foreign_ = asked.empty() ? is_foreign_ : asked != conda::native_subdir();
      HPCENV_ASSIGN(ChangeDecision decision, decide_explicit(request_, state, subdir));
      return Decided(std::move(decision));
    }
    ChangeRequest settled = request_;
    settled.machine.installed_subdir = subdir;
    HPCENV_ASSIGN(Decided decided, decide(settled, state, locations_, seams_));
    const auto* decision = std::get_if<ChangeDecision>(&decided);
    if (decision != nullptr && decision->machine.has_value()) {
      is_foreign_ = !decision->machine->runs_here();
    }
    return decided;
  }

  /// A cache that cannot be opened holds nothing; whether that matters is seen when it is written.
  Result<> count_cost(ChangeDecision& decision) const {
    const auto cache = packages::PackageCache::open(cache_places(locations_));
    HPCENV_ASSIGN(decision.cost, estimate_cost(decision.plan, cache.has_value() ? &*cache : nullptr,
                                               quotas(), request_.link.files));
    return {};
  }

  /// What the plan links, unpacked, and counted exactly against the space that there is.
  Result<> fetch(ChangeDecision& decision) {
    unpacked_.clear();
    if (decision.plan.link.empty()) {
      return {};
    }
    HPCENV_TRY(require_room_to_fetch(decision.cost, locations_.packages(), quotas()));
    HPCENV_ASSIGN(packages::PackageCache cache,
                  packages::PackageCache::open(cache_places(locations_)));
    for (const std::string& sentence : cache.left_out()) {
      seams_.reporter.warning(sentence);
    }
    packages::FetchOptions options;
    options.check = request_.cache_check;
    options.safety = request_.safety;
    if (request_.rules.offline == index::IndexRequest::Offline::yes) {
      options.offline = packages::FetchOptions::Offline::yes;
    }
    HPCENV_ASSIGN(unpacked_, packages::ensure_unpacked(decision.plan.link, cache, seams_.http,
                                                       seams_.reporter, options));
    if (!request_.wishes.packages.empty()) {
      HPCENV_TRY(settle_explicit(decision, unpacked_, cache));
    }
    tell_scripts_left();
    return require_room_to_link(unpacked_, decision.plan.prefix, quotas(), request_.link.files);
  }

  Result<Step> prepare_and_commit(ChangeDecision& decision, const Agree& agree) {
    seams_.reporter.step(decision.plan.link.empty() ? "Changing" : "Linking");
    HPCENV_ASSIGN(
        const prefix::PrepareOutcome prepared,
        prefix::prepare(decision.plan, unpacked_, link_options(), seams_.runner, seams_.reporter));
    const auto* made = std::get_if<std::shared_ptr<prefix::PreparedChange>>(&prepared);
    if (made == nullptr) {
      return Step::stale;
    }
    decision.kept = prefix::forecast(**made).kept;
    if (!decision.kept.empty() && !agree(decision)) {
      prefix::discard(**made);
      return Step::declined;
    }
    HPCENV_ASSIGN(prefix::ChangeReport committed,
                  prefix::commit(**made, seams_.runner, seams_.reporter));
    committed.messages.insert(committed.messages.begin(), report_.messages.begin(),
                              report_.messages.end());
    report_ = std::move(committed);
    return Step::committed;
  }

  void enter_in_registry() const {
    if (request_.registration == ChangeRequest::Register::no) {
      return;
    }
    if (auto done = register_environment(locations_, request_.prefix); !done) {
      seams_.reporter.detail("not registered: " + done.error().message);
    }
  }

  /// So that the first job need not.
  Result<> record_scripts() const {
    if (is_foreign_) return {};
    const LocalSeams local{seams_.reader, seams_.runner, seams_.reporter, seams_.clock};
    return record_after_change(request_.prefix, locations_, local);
  }

  ChangeDone ended(ChangeDecision decision, ChangeDone::End end) {
    return ChangeDone{std::move(decision), end, std::move(report_)};
  }

 private:
  QuotaSource quotas() const { return {request_.link.environment, seams_.runner}; }

  /// Another platform's programs do not run here: nothing is compiled and no script is started.
  prefix::LinkOptions link_options() const {
    prefix::LinkOptions options = request_.link;
    options.lock = request_.lock;
    if (is_foreign_) {
      options.bytecode = prefix::LinkOptions::Bytecode::leave;
      options.scripts = prefix::LinkOptions::Scripts::leave;
    }
    return options;
  }

  void tell_scripts_left() {
    if (!is_foreign_) return;
    for (const conda::UnpackedPackage& package : unpacked_) {
      for (const char* action : {"pre-link", "post-link"}) {
        const std::string script = fmt::format("bin/.{}-{}.sh", package.record.name, action);
        if (!base::path_exists(package.directory / script)) continue;
        report_.messages.push_back(fmt::format("the {} script of {} was not run: it is for {}",
                                               action, package.record.dist_name(),
                                               package.record.subdir));
      }
    }
  }

  const ChangeRequest& request_;
  const Locations& locations_;
  const Seams& seams_;
  bool is_foreign_ = false;  ///< the environment is for a platform that does not run here
  prefix::ChangeReport report_;
  std::vector<conda::UnpackedPackage> unpacked_;
};

}  // namespace

const char* name_of(Action action) {
  switch (action) {
    case Action::create:
      return "create";
    case Action::install:
      return "install";
    case Action::update:
      return "update";
    case Action::remove:
      return "remove";
  }
  return "install";
}

bool ChangeDecision::is_nothing() const {
  return action != Action::create && plan.link.empty() && plan.unlink.empty() &&
         plan.requested_specs.empty() && plan.variables.empty();
}

Result<ChangeOutcome> change(const ChangeRequest& request, const Locations& locations,
                             const Seams& seams, const Agree& agree) {
  using End = ChangeDone::End;
  Pipeline pipeline(request, locations, seams);
  HPCENV_TRY(pipeline.complete_earlier());
  HPCENV_TRY(pipeline.check_place());
  for (int attempt = 1; attempt <= plan_attempts; ++attempt) {
    HPCENV_ASSIGN(const prefix::PrefixState state, pipeline.state_before());
    HPCENV_ASSIGN(Decided decided, pipeline.decide_from(state));
    if (auto* conflict = std::get_if<solve::Conflict>(&decided)) {
      return ChangeOutcome(std::move(*conflict));
    }
    auto& decision = std::get<ChangeDecision>(decided);
    if (decision.is_nothing()) return pipeline.ended(std::move(decision), End::nothing_to_do);
    HPCENV_TRY(pipeline.count_cost(decision));
    if (request.run == ChangeRequest::Run::dry) {
      return pipeline.ended(std::move(decision), End::dry_run);
    }
    if (!agree(decision)) return pipeline.ended(std::move(decision), End::declined);
    HPCENV_TRY(pipeline.fetch(decision));
    HPCENV_ASSIGN(const Pipeline::Step step, pipeline.prepare_and_commit(decision, agree));
    if (step == Pipeline::Step::declined) {
      return pipeline.ended(std::move(decision), End::declined);
    }
    if (step == Pipeline::Step::committed) {
      pipeline.enter_in_registry();
      HPCENV_TRY(pipeline.record_scripts());
      return pipeline.ended(std::move(decision), End::done);
    }
    seams.reporter.warning(
        fmt::format("{} was changed by another program meanwhile", request.prefix.string()));
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} was changed by another program {} times before the commit",
                               request.prefix.string(), plan_attempts),
                   "wait until that program has ended, then run the command again");
}

}  // namespace hpcenv::ops
