#include "solve/solv.hpp"

#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/repo.h>
#include <solv/solver.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

namespace hpcenv::solve {

namespace {

/// libsolv's queue of ids.
class IdQueue {
 public:
  IdQueue() { queue_init(&queue_); }
  ~IdQueue() { queue_free(&queue_); }
  IdQueue(const IdQueue&) = delete;
  IdQueue& operator=(const IdQueue&) = delete;
  Queue* get() { return &queue_; }
  std::span<const Id> ids() const {
    return {queue_.elements, static_cast<std::size_t>(queue_.count)};
  }

 private:
  Queue queue_{};
};

struct PoolDeleter {
  void operator()(Pool* pool) const noexcept { pool_free(pool); }
};
struct SolverDeleter {
  void operator()(Solver* solver) const noexcept { solver_free(solver); }
};

/// Above every position, so that the first place gives the highest version.
constexpr std::uint32_t highest_version = 1U << 30U;

}  // namespace

struct Solv::State {
  std::unique_ptr<Pool, PoolDeleter> pool{pool_create()};
  Repo* repo = repo_create(pool.get(), "records");
  struct List {
    Id relation = 0;
    std::vector<Id> packages;
  };
  std::vector<List> lists;

  void write_lists();
  std::vector<SolvReason> reasons(Solver* solver);
  SolvReason reason_of(Id type, Id source, Id target, Id dependency) const;
  SolvList list_of(Id dependency) const;
};

Solv::Solv() : state_(std::make_unique<State>()) {}
Solv::Solv(Solv&&) noexcept = default;
Solv& Solv::operator=(Solv&&) noexcept = default;
Solv::~Solv() = default;

SolvPackage Solv::add_package(const std::string& name, std::uint32_t position) {
  Pool* pool = state_->pool.get();
  const Id id = repo_add_solvable(state_->repo);
  Solvable* solvable = pool_id2solvable(pool, id);
  solvable->name = pool_str2id(pool, name.c_str(), 1);
  solvable->evr = pool_str2id(pool, std::to_string(highest_version - position).c_str(), 1);
  solvable->arch = ARCH_NOARCH;
  const Id self = pool_rel2id(pool, solvable->name, solvable->evr, REL_EQ, 1);
  solvable_add_deparray(solvable, SOLVABLE_PROVIDES, self, 0);
  return SolvPackage{id};
}

SolvList Solv::add_list(std::span<const SolvPackage> packages) {
  Pool* pool = state_->pool.get();
  // Any relation will do as the handle of a list, if no package provides it by itself.
  const auto number = static_cast<int>(state_->lists.size());
  const Id name = pool_str2id(pool, "#", 1);
  const Id version = pool_str2id(pool, ("#" + std::to_string(number)).c_str(), 1);
  State::List list{pool_rel2id(pool, name, version, REL_EQ, 1), {}};
  for (const SolvPackage package : packages) list.packages.push_back(static_cast<Id>(package));
  // libsolv expects its lists in ascending order.
  std::sort(list.packages.begin(), list.packages.end());
  state_->lists.push_back(std::move(list));
  return SolvList{number};
}

void Solv::add_need(SolvPackage package, SolvList list) {
  Solvable* solvable = pool_id2solvable(state_->pool.get(), static_cast<Id>(package));
  solvable_add_deparray(solvable, SOLVABLE_REQUIRES,
                        state_->lists[static_cast<std::size_t>(list)].relation, 0);
}

void Solv::add_ban(SolvPackage package, SolvList list) {
  Solvable* solvable = pool_id2solvable(state_->pool.get(), static_cast<Id>(package));
  solvable_add_deparray(solvable, SOLVABLE_CONFLICTS,
                        state_->lists[static_cast<std::size_t>(list)].relation, 0);
}

/// Written straight into the table: pool_set_whatprovides would walk all later relations each time.
void Solv::State::write_lists() {
  pool_createwhatprovides(pool.get());
  for (const List& list : lists) {
    IdQueue queue;
    for (const Id id : list.packages) queue_push(queue.get(), id);
    pool->whatprovides_rel[GETRELID(list.relation)] =
        pool_queuetowhatprovides(pool.get(), queue.get());
  }
}

SolvList Solv::State::list_of(Id dependency) const {
  const auto found = std::find_if(lists.begin(), lists.end(),
                                  [=](const List& list) { return list.relation == dependency; });
  return SolvList{static_cast<int>(found == lists.end() ? 0 : found - lists.begin())};
}

SolvReason Solv::State::reason_of(Id type, Id source, Id target, Id dependency) const {
  using Kind = SolvReason::Kind;
  SolvReason reason;
  reason.package = SolvPackage{source};
  reason.other = SolvPackage{target};
  switch (type) {
    case SOLVER_RULE_PKG_REQUIRES:
      reason.kind = Kind::needs;
      break;
    case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
      reason.kind = Kind::needs_nothing;
      break;
    case SOLVER_RULE_PKG_CONFLICTS:
    case SOLVER_RULE_PKG_SELF_CONFLICT:
      reason.kind = Kind::forbids;
      break;
    case SOLVER_RULE_PKG_SAME_NAME:
      reason.kind = Kind::same_name;
      break;
    case SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP:
    case SOLVER_RULE_JOB_UNKNOWN_PACKAGE:
      reason.kind = Kind::nothing_wanted;
      break;
    default:
      reason.kind = Kind::wanted;
      break;
  }
  if (dependency != 0) reason.list = list_of(dependency);
  return reason;
}

std::vector<SolvReason> Solv::State::reasons(Solver* solver) {
  std::vector<SolvReason> found;
  std::unordered_set<Id> seen;
  const auto count = static_cast<Id>(solver_problem_count(solver));
  for (Id problem = 1; problem <= count; ++problem) {
    IdQueue rules;
    solver_findallproblemrules(solver, problem, rules.get());
    for (const Id rule : rules.ids()) {
      Id source = 0;
      Id target = 0;
      Id dependency = 0;
      const auto type =
          static_cast<Id>(solver_ruleinfo(solver, rule, &source, &target, &dependency));
      if (seen.insert(rule).second) found.push_back(reason_of(type, source, target, dependency));
    }
  }
  return found;
}

Solv::Answer Solv::solve(std::span<const SolvList> wanted, std::span<const SolvList> soft) {
  state_->write_lists();
  IdQueue jobs;
  const auto add_jobs = [&](std::span<const SolvList> chosen, int strength) {
    for (const SolvList list : chosen) {
      queue_push2(jobs.get(), SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES | strength,
                  state_->lists[static_cast<std::size_t>(list)].relation);
    }
  };
  add_jobs(wanted, 0);
  add_jobs(soft, SOLVER_WEAK);
  const std::unique_ptr<Solver, SolverDeleter> solver(solver_create(state_->pool.get()));
  if (solver_solve(solver.get(), jobs.get()) != 0) return state_->reasons(solver.get());
  IdQueue decisions;
  solver_get_decisionqueue(solver.get(), decisions.get());
  std::vector<SolvPackage> chosen;
  for (const Id id : decisions.ids()) {
    // Negative: decided against. The system solvable stands in front.
    if (id > 0 && id != SYSTEMSOLVABLE) chosen.push_back(SolvPackage{id});
  }
  return chosen;
}

}  // namespace hpcenv::solve
