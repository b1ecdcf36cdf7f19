// One pipeline for create, install, update and remove: settle the wishes, complete what a killed
// writer left, read the environment, choose the machine, read the channels, solve, plan, count the
// cost; then confirm, fetch, prepare aside, commit, register.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "index/channel_index.hpp"
#include "ops/cost.hpp"
#include "ops/locations.hpp"
#include "ops/machine.hpp"
#include "ops/removal.hpp"
#include "ops/seams.hpp"
#include "ops/wishes.hpp"
#include "packages/content_check.hpp"
#include "prefix/plan.hpp"
#include "prefix/transaction.hpp"
#include "solve/solver.hpp"

namespace hpcenv::ops {

enum class Action { create, install, update, remove };
/// The name of the command.
const char* name_of(Action action);

/// Which packages of the solution are wanted.
enum class Select {
  all,
  without_dependencies,  ///< --no-deps
  only_dependencies,     ///< --only-deps
};

/// How packages are chosen, beside the wishes.
struct ChoiceRules {
  solve::ChannelPriority priority = solve::ChannelPriority::strict;
  std::string channel_alias;
  solve::Method method = solve::Method::dive;
  index::IndexRequest::Offline offline = index::IndexRequest::Offline::no;
  std::optional<std::int64_t> exclude_newer;     ///< milliseconds
  std::vector<std::string> pinned_packages;      ///< of the settings
  std::vector<std::string> disallowed_packages;  ///< of the settings
  enum class Pins { obey, ignore };
  Pins pins = Pins::obey;        ///< ignore: --no-pin
  Pins python_pin = Pins::obey;  ///< ignore: --no-py-pin
  enum class Installed { may_change, frozen };
  Installed installed = Installed::may_change;  ///< frozen: --freeze-installed
  enum class AddPip { no, yes };
  AddPip add_pip = AddPip::no;              ///< add_pip_as_python_dependency
  std::int64_t index_fresh_seconds = 3600;  ///< local_repodata_ttl
};

struct ChangeRequest {
  Action action = Action::install;
  std::filesystem::path prefix;
  Wishes wishes;  ///< for remove: what shall go
  ChoiceRules rules;
  MachineRequest machine;
  Select select = Select::all;
  enum class Scope { named, all };
  Scope scope = Scope::named;  ///< all: update --all
  enum class Reinstall { no, yes };
  Reinstall reinstall = Reinstall::no;  ///< --force-reinstall
  Dependents dependents = Dependents::go;
  Orphans orphans = Orphans::prune;
  enum class Frozen { respect, override_it };
  Frozen frozen = Frozen::respect;  ///< conda-meta/frozen
  enum class Run { dry, real };
  Run run = Run::real;
  prefix::LinkOptions link;
  prefix::LockRequest lock;
  std::string command_line;        ///< for the history
  std::vector<std::string> words;  ///< the same word by word: for what could be typed instead
  enum class Register { no, yes };
  Register registration = Register::yes;  ///< in ~/.conda/environments.txt
  packages::CacheCheck cache_check = packages::CacheCheck::newer;
  packages::SafetyChecks safety = packages::SafetyChecks::enabled;
};

/// What will be done, before a byte of the prefix is written.
struct ChangeDecision {
  Action action = Action::install;
  prefix::Plan plan;
  std::optional<Machine> machine;  ///< none where nothing had to be solved
  Cost cost;
  std::vector<std::string> notes;  ///< for the user: wishes not met, what is not the newest and why
  /// Files of the user's in the prefix that will be moved to .hpcenv/kept, known once all is
  /// prepared.
  std::vector<std::string> kept;
  /// Neither packages nor wishes change.
  bool is_nothing() const;
};

struct ChangeDone {
  ChangeDecision decision;
  enum class End { nothing_to_do, dry_run, declined, done };
  End end = End::done;
  prefix::ChangeReport report;
};

using ChangeOutcome = std::variant<ChangeDone, solve::Conflict>;

/// Asked with every new plan that changes something, and once more where files of the user's turn
/// out to be in the way (`kept`); false stops before anything is changed.
using Agree = std::function<bool(const ChangeDecision&)>;

/// On failure the environment is as before, or the next command completes the new one. Kinds beside
/// those of the steps: not_found where the environment has to exist and does not (for create:
/// refused where it does), refused where it is frozen or another program changes it each time
/// before the commit.
Result<ChangeOutcome> change(const ChangeRequest& request, const Locations& locations,
                             const Seams& seams, const Agree& agree);

}  // namespace hpcenv::ops
