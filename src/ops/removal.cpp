#include "ops/removal.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

using Position = std::size_t;

enum class Fate : char { stays, asked, dependent, orphan };

class Remover {
 public:
  explicit Remover(const prefix::PrefixState& state)
      : state_(state), fates_(state.packages.size(), Fate::stays) {
    for (Position i = 0; i < state.packages.size(); ++i) by_name_[record(i).name] = i;
    for (Position i = 0; i < state.packages.size(); ++i) needs_.push_back(needs_of(record(i)));
  }

  Result<> mark_asked(const conda::MatchSpec& spec) {
    bool found = false;
    for (Position i = 0; i < fates_.size(); ++i) {
      if (!spec.matches(record(i))) continue;
      fates_[i] = Fate::asked;
      found = true;
    }
    if (found) return {};
    return Failure(not_installed(spec));
  }

  void mark_dependents() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Position i = 0; i < fates_.size(); ++i) {
        if (fates_[i] != Fate::stays || !lacks_something(i)) continue;
        fates_[i] = Fate::dependent;
        changed = true;
      }
    }
  }

  void mark_orphans(std::span<const conda::MatchSpec> wished) {
    std::vector<char> candidate = dependencies_of_what_goes();
    std::vector<Position> needed;
    for (Position i = 0; i < fates_.size(); ++i) {
      if (fates_[i] != Fate::stays) continue;
      if (candidate[i] == 0 || is_wished(i, wished)) needed.push_back(i);
    }
    const std::vector<char> kept = closure(std::move(needed));
    for (Position i = 0; i < fates_.size(); ++i) {
      if (fates_[i] == Fate::stays && kept[i] == 0) fates_[i] = Fate::orphan;
    }
  }

  Removal result() const {
    Removal removal;
    for (Position i = 0; i < fates_.size(); ++i) {
      const std::string& name = record(i).name;
      if (fates_[i] == Fate::asked) removal.asked.push_back(name);
      if (fates_[i] == Fate::dependent) removal.dependents.push_back(name);
      if (fates_[i] == Fate::orphan) removal.orphans.push_back(name);
      if (fates_[i] != Fate::stays) continue;
      removal.stay.push_back(record(i));
      if (lacks_something(i)) removal.broken.push_back(name);
    }
    return removal;
  }

 private:
  const conda::PackageRecord& record(Position i) const { return state_.packages[i].record; }

  /// Positions of what a package depends on. A dependency that cannot be read, is not installed or
  /// is not met was so before: nobody goes for it.
  std::vector<Position> needs_of(const conda::PackageRecord& package) const {
    std::vector<Position> needs;
    for (const std::string& text : package.depends) {
      const auto spec = conda::MatchSpec::parse(text);
      if (!spec.has_value()) continue;
      const auto found = by_name_.find(spec->name.text());
      if (found != by_name_.end()) needs.push_back(found->second);
    }
    return needs;
  }

  bool lacks_something(Position i) const {
    return std::ranges::any_of(needs_[i],
                               [&](Position need) { return fates_[need] != Fate::stays; });
  }

  std::vector<char> closure(std::vector<Position> from) const {
    std::vector<char> reached(fates_.size(), 0);
    while (!from.empty()) {
      const Position i = from.back();
      from.pop_back();
      if (reached[i] != 0) continue;
      reached[i] = 1;
      from.insert(from.end(), needs_[i].begin(), needs_[i].end());
    }
    return reached;
  }

  std::vector<char> dependencies_of_what_goes() const {
    std::vector<Position> gone;
    for (Position i = 0; i < fates_.size(); ++i) {
      if (fates_[i] != Fate::stays) gone.push_back(i);
    }
    return closure(std::move(gone));
  }

  bool is_wished(Position i, std::span<const conda::MatchSpec> wished) const {
    return std::ranges::any_of(
        wished, [&](const conda::MatchSpec& spec) { return spec.name.matches(record(i).name); });
  }

  Error not_installed(const conda::MatchSpec& spec) const {
    Error error{ErrorKind::not_found,
                fmt::format("'{}' is not installed in {}", spec.text, state_.prefix.string()),
                {},
                {}};
    std::vector<std::string> names;
    for (const conda::PrefixRecord& package : state_.packages) {
      names.push_back(package.record.name);
      const bool other_version = spec.name.is_exact() && spec.name.text() == package.record.name;
      if (other_version) {
        error.context.push_back("installed is " + package.record.dist_name());
      }
    }
    if (const auto nearest = base::nearest_words(spec.name.text(), names, 3);
        !nearest.empty() && error.context.empty()) {
      error.hints.push_back("did you mean: " + base::join(nearest, ", "));
    }
    error.hints.push_back("see what is installed with: hpcenv list -p " + state_.prefix.string());
    return error;
  }

  const prefix::PrefixState& state_;
  std::vector<Fate> fates_;
  std::map<std::string_view, Position> by_name_;
  std::vector<std::vector<Position>> needs_;
};

}  // namespace

Result<Removal> plan_removal(const prefix::PrefixState& state,
                             std::span<const conda::MatchSpec> specs,
                             std::span<const conda::MatchSpec> wished, Dependents dependents,
                             Orphans orphans) {
  Remover remover(state);
  for (const conda::MatchSpec& spec : specs) HPCENV_TRY(remover.mark_asked(spec));
  if (dependents == Dependents::go) {
    remover.mark_dependents();
    if (orphans == Orphans::prune) remover.mark_orphans(wished);
  }
  return remover.result();
}

}  // namespace hpcenv::ops
