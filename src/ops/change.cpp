#include "ops/change.hpp"

#include <utility>

#include "base/fs.hpp"
#include "ops/decide.hpp"
#include "ops/standing_wishes.hpp"
#include "packages/fetch.hpp"
#include "packages/package_cache.hpp"
#include "prefix/create.hpp"
#include "prefix/state.hpp"

namespace hpcenv::ops {
namespace {

constexpr int plan_attempts = 3;

/// Where a change stands between two plans.
enum class Step { committed, stale, declined };

Result<> complete_earlier(const ChangeRequest& request, const Seams& seams,
                          prefix::ChangeReport& report) {
  if (request.run == ChangeRequest::Run::dry) {
    return prefix::require_usable(request.prefix);
  }
  HPCENV_ASSIGN(report.messages,
                prefix::complete_unfinished(request.prefix, request.link, request.lock,
                                            seams.runner, seams.reporter));
  return {};
}

Result<prefix::PrefixState> state_before(const ChangeRequest& request) {
  if (request.action != Action::create) {
    return prefix::read_state(request.prefix);
  }
  prefix::PrefixState nothing;
  nothing.prefix = request.prefix;
  HPCENV_ASSIGN(nothing.fingerprint, prefix::fingerprint(request.prefix));
  return nothing;
}

/// The subdir of the first package that is for one platform only; empty where none is.
std::string subdir_of(const prefix::PrefixState& state) {
  for (const conda::PrefixRecord& package : state.packages) {
    const std::string& subdir = package.record.subdir;
    if (!subdir.empty() && subdir != "noarch") return subdir;
  }
  return {};
}

Result<Decided> decide_step(const ChangeRequest& request, const prefix::PrefixState& state,
                            const Locations& locations, const Seams& seams) {
  if (request.action == Action::remove) {
    HPCENV_ASSIGN(ChangeDecision decision, decide_removal(request, state));
    return Decided(std::move(decision));
  }
  ChangeRequest settled = request;
  settled.machine.installed_subdir = subdir_of(state);
  return decide(settled, state, locations, seams);
}

/// A cache that cannot be opened holds nothing; whether that matters is seen when it is written to.
Result<> count_cost(ChangeDecision& decision, const Locations& locations) {
  const auto cache = packages::PackageCache::open(locations.packages());
  HPCENV_ASSIGN(decision.cost, estimate_cost(decision.plan, cache.has_value() ? &*cache : nullptr));
  return {};
}

/// Another platform's programs do not run here: nothing is compiled and no script is started.
prefix::LinkOptions link_options(const ChangeRequest& request, const ChangeDecision& decision) {
  prefix::LinkOptions options = request.link;
  if (decision.machine.has_value() && !decision.machine->runs_here()) {
    options.bytecode = prefix::LinkOptions::Bytecode::leave;
  }
  return options;
}

/// What the plan links, unpacked, and counted exactly against the space that there is.
Result<std::vector<conda::UnpackedPackage>> fetch(const ChangeRequest& request,
                                                  const ChangeDecision& decision,
                                                  const Locations& locations, const Seams& seams) {
  std::vector<conda::UnpackedPackage> unpacked;
  if (decision.plan.link.empty()) {
    return unpacked;
  }
  HPCENV_TRY(require_room_to_fetch(decision.cost, locations.packages()));
  HPCENV_ASSIGN(packages::PackageCache cache, packages::PackageCache::open(locations.packages()));
  packages::FetchOptions options;
  if (request.rules.offline == index::IndexRequest::Offline::yes) {
    options.offline = packages::FetchOptions::Offline::yes;
  }
  HPCENV_ASSIGN(unpacked, packages::ensure_unpacked(decision.plan.link, cache, seams.http,
                                                    seams.reporter, options));
  HPCENV_TRY(require_room_to_link(unpacked, decision.plan.prefix));
  return unpacked;
}

Result<Step> prepare_and_commit(const ChangeRequest& request, ChangeDecision& decision,
                                const std::vector<conda::UnpackedPackage>& unpacked,
                                const Seams& seams, const Agree& agree,
                                prefix::ChangeReport& report) {
  seams.reporter.step(decision.plan.link.empty() ? "Changing" : "Linking");
  HPCENV_ASSIGN(const prefix::PrepareOutcome prepared,
                prefix::prepare(decision.plan, unpacked, link_options(request, decision),
                                request.lock, seams.runner, seams.reporter));
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
                prefix::commit(**made, seams.runner, seams.reporter));
  committed.messages.insert(committed.messages.begin(), report.messages.begin(),
                            report.messages.end());
  report = std::move(committed);
  return Step::committed;
}

void register_step(const ChangeRequest& request, const Locations& locations, const Seams& seams) {
  if (auto registered = register_environment(locations, request.prefix); !registered) {
    seams.reporter.detail("not registered: " + registered.error().message);
  }
}

Result<> check_place(const ChangeRequest& request) {
  if (request.action == Action::create) {
    return prefix::check_new_prefix(request.prefix);
  }
  if (request.frozen == ChangeRequest::Frozen::respect) {
    return require_not_frozen(request.prefix);
  }
  return {};
}

ChangeDone ended(ChangeDecision decision, ChangeDone::End end, prefix::ChangeReport report) {
  return ChangeDone{std::move(decision), end, std::move(report)};
}

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
  prefix::ChangeReport report;
  HPCENV_TRY(check_place(request));
  HPCENV_TRY(complete_earlier(request, seams, report));
  for (int attempt = 0; attempt < plan_attempts; ++attempt) {
    HPCENV_ASSIGN(const prefix::PrefixState state, state_before(request));
    HPCENV_ASSIGN(Decided decided, decide_step(request, state, locations, seams));
    if (auto* conflict = std::get_if<solve::Conflict>(&decided)) {
      return ChangeOutcome(std::move(*conflict));
    }
    auto& decision = std::get<ChangeDecision>(decided);
    if (decision.is_nothing()) {
      return ended(std::move(decision), End::nothing_to_do, std::move(report));
    }
    HPCENV_TRY(count_cost(decision, locations));
    if (request.run == ChangeRequest::Run::dry) {
      return ended(std::move(decision), End::dry_run, std::move(report));
    }
    if (!agree(decision)) {
      return ended(std::move(decision), End::declined, std::move(report));
    }
    HPCENV_ASSIGN(const auto unpacked, fetch(request, decision, locations, seams));
    HPCENV_ASSIGN(const Step step,
                  prepare_and_commit(request, decision, unpacked, seams, agree, report));
    if (step == Step::declined) {
      return ended(std::move(decision), End::declined, std::move(report));
    }
    if (step == Step::committed) {
      register_step(request, locations, seams);
      return ended(std::move(decision), End::done, std::move(report));
    }
    if (attempt + 1 < plan_attempts) {
      seams.reporter.warning(fmt::format("{} was changed by another program; planning again",
                                         request.prefix.string()));
    }
  }
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} was changed by another program {} times before the commit",
                               request.prefix.string(), plan_attempts),
                   "wait until that program has ended, then run the command again");
}

}  // namespace hpcenv::ops
