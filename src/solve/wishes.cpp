#include "solve/wishes.hpp"

#include <algorithm>
#include <ranges>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::solve {

namespace {

using conda::MatchSpec;

constexpr std::size_t told_limit = 4;

class Gatherer {
 public:
  explicit Gatherer(const SolveRequest& request) : request_(request) {}

  Result<Wishes> gather() {
    for (const MatchSpec& spec : request_.specs) {
      HPCENV_ASSIGN(const std::vector<std::string> names, names_of(spec));
      for (const std::string& name : names) {
        wishes_.roots.push_back({name, &spec, Origin::asked});
        add_direct(name);
      }
    }
    for (const std::string& pattern : request_.update) HPCENV_TRY(add_update(pattern));
    add_kept();
    find_leaves();
    return std::move(wishes_);
  }

 private:
  std::vector<std::string> fitting_installed(const conda::TextPattern& pattern) const {
    std::vector<std::string> fitting;
    for (const auto& record : request_.installed) {
      if (pattern.matches(record.name)) fitting.push_back(record.name);
    }
    return fitting;
  }

  Result<std::vector<std::string>> names_of(const MatchSpec& spec) const {
    if (spec.name.is_exact()) return std::vector{spec.name.text()};
    std::vector<std::string> fitting = fitting_installed(spec.name);
    if (!fitting.empty()) return fitting;
    for (const std::string& name : request_.index->all_names) {
      if (spec.name.matches(name)) fitting.push_back(name);
    }
    if (fitting.size() == 1) return fitting;
    const std::size_t told = std::min(told_limit, fitting.size());
    const std::string some =
        base::join({fitting.begin(), fitting.begin() + static_cast<std::ptrdiff_t>(told)}, ", ");
    return fail(ErrorKind::bad_spec, "'{}' has to mean one package, but it fits {}{}", spec.text,
                fitting.empty() ? "none" : some, fitting.size() > told ? " and others" : "");
  }

  bool add_direct(const std::string& name) {
    if (!direct_.insert(name).second) return false;
    wishes_.direct.push_back(name);
    return true;
  }

  Result<> add_update(const std::string& text) {
    HPCENV_ASSIGN(const auto pattern, conda::TextPattern::parse(text));
    for (const std::string& name : fitting_installed(pattern)) {
      if (add_direct(name)) wishes_.update.push_back(name);
    }
    return {};
  }

  /// What is asked for now replaces what was asked for earlier.
  void add_kept() {
    const std::vector<Wish> asked = wishes_.roots;
    for (const MatchSpec& spec : request_.kept) {
      const std::vector<std::string> names =
          spec.name.is_exact() ? std::vector{spec.name.text()} : fitting_installed(spec.name);
      for (const std::string& name : names) {
        const bool replaced = std::any_of(asked.begin(), asked.end(),
                                          [&](const Wish& wish) { return wish.name == name; });
        if (!replaced) wishes_.roots.push_back({name, &spec, Origin::kept});
      }
    }
  }

  void find_leaves() {
    std::unordered_set<std::string> needed;
    for (const auto& record : request_.installed) {
      installed_.insert(record.name);
      auto& needs = needs_[record.name];
      for (const std::string& text : record.depends) {
        const auto spec = MatchSpec::parse(text);
        if (!spec.has_value() || spec->name.text() == record.name) continue;
        needs.push_back(spec->name.text());
        needed.insert(spec->name.text());
      }
    }
    for (const auto& record : request_.installed) {
      if (!needed.contains(record.name)) add_leaf(record.name);
    }
    // What no leaf reaches stands in circles or behind one. Of names sorted by when a walk is done
    // with them, the last is in a circle that nothing else leads to.
    std::vector<std::string> done;
    for (const auto& record : request_.installed) walk(record.name, done);
    for (const std::string& name : std::ranges::reverse_view(done)) {
      if (!reached_.contains(name)) add_leaf(name);
    }
  }

  /// Appends what is found from `start` and not reached yet, each behind what it needs.
  void walk(const std::string& start, std::vector<std::string>& done) {
    struct Step {
      std::string name;
      std::size_t next = 0;  ///< need to look at
    };
    std::vector<Step> path;
    const auto enter = [&](const std::string& name) {
      const bool is_new = !reached_.contains(name) && walked_.insert(name).second;
      if (is_new) path.push_back({name});
    };
    enter(start);
    while (!path.empty()) {
      Step& step = path.back();
      const std::vector<std::string>& needs = needs_[step.name];
      if (step.next < needs.size()) {
        enter(needs[step.next++]);
        continue;
      }
      if (installed_.contains(step.name)) done.push_back(step.name);
      path.pop_back();
    }
  }

  void add_leaf(const std::string& leaf) {
    wishes_.leaves.push_back(leaf);
    std::vector<std::string> queue{leaf};
    while (!queue.empty()) {
      const std::string name = std::move(queue.back());
      queue.pop_back();
      if (!reached_.insert(name).second) continue;
      for (const std::string& need : needs_[name]) queue.push_back(need);
    }
  }

  const SolveRequest& request_;
  Wishes wishes_;
  std::unordered_set<std::string> direct_;
  std::unordered_map<std::string, std::vector<std::string>> needs_;  ///< of installed ones
  std::unordered_set<std::string> reached_;                          ///< from the leaves
  std::unordered_set<std::string> walked_;
  std::unordered_set<std::string> installed_;
};

}  // namespace

Result<Wishes> gather_wishes(const SolveRequest& request) { return Gatherer(request).gather(); }

}  // namespace hpcenv::solve
