#include "solve/reasons.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "solve/words.hpp"

namespace hpcenv::solve {

namespace {

using Kind = SolvReason::Kind;

/// What several packages of one name say alike.
struct Saying {
  Kind kind = Kind::wanted;
  std::optional<SpecIndex> spec;
  std::set<CandidateIndex> packages;
  std::set<CandidateIndex> others;
};

class Teller {
 public:
  Teller(const Candidates& table, std::span<const Reason> reasons) : table_(table) {
    for (const Reason& reason : reasons) {
      const bool wanted = reason.kind == Kind::wanted || reason.kind == Kind::nothing_wanted;
      if (!wanted && reason.package.has_value()) add(reason);
      if (wanted && reason.spec.has_value()) wanted_.emplace(*reason.spec, reason.kind);
    }
  }

  std::vector<std::string> tell() {
    for (const auto& [spec, kind] : wanted_) {
      const bool nothing = kind == Kind::nothing_wanted;
      say(0, wish_sentence(table_, table_.specs[spec]) + (nothing ? ", which nothing fits" : ""));
      tell_name(1, table_.specs[spec].name);
    }
    // What is reached from no wish is said all the same.
    for (const auto& [name, sayings] : sayings_) tell_name(0, name);
    return std::move(lines_);
  }

 private:
  void add(const Reason& reason) {
    auto& sayings = sayings_[table_.candidates[*reason.package].name];
    auto found = std::find_if(sayings.begin(), sayings.end(), [&](const Saying& saying) {
      return saying.kind == reason.kind && saying.spec == reason.spec;
    });
    if (found == sayings.end()) {
      sayings.push_back({reason.kind, reason.spec, {}, {}});
      found = std::prev(sayings.end());
    }
    found->packages.insert(*reason.package);
    if (reason.other.has_value()) found->others.insert(*reason.other);
  }

  void say(std::size_t depth, const std::string& sentence) {
    lines_.push_back(std::string(2 * depth, ' ') + sentence);
  }

  void tell_name(std::size_t depth, NameIndex name) {
    const auto sayings = sayings_.find(name);
    if (sayings == sayings_.end() || !told_.insert(name).second) return;
    std::vector<std::pair<std::string, const Saying*>> sorted;
    for (const Saying& saying : sayings->second) sorted.emplace_back(sentence(saying), &saying);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return std::tuple(a.second->kind, a.first) < std::tuple(b.second->kind, b.first);
    });
    for (const auto& [text, saying] : sorted) {
      say(depth, text);
      if (saying->spec.has_value()) tell_name(depth + 1, table_.specs[*saying->spec].name);
    }
  }

  std::string sentence(const Saying& saying) const {
    const std::vector<CandidateIndex> packages(saying.packages.begin(), saying.packages.end());
    const std::string who = words(saying.packages);
    const std::string_view what =
        saying.spec.has_value() ? std::string_view(table_.specs[*saying.spec].text) : "";
    switch (saying.kind) {
      case Kind::needs:
        return describe_demand(table_, packages, what, DemandKind::depends);
      case Kind::needs_nothing:
        return describe_demand(table_, packages, what, DemandKind::depends) +
               ", which cannot be installed";
      case Kind::forbids:
        return describe_demand(table_, packages, what, DemandKind::constrains) + ", not with " +
               words(saying.others);
      default:
        return fmt::format("only one of {} and {} can be there", who, words(saying.others));
    }
  }

  std::string words(const std::set<CandidateIndex>& candidates) const {
    return describe(table_, std::vector<CandidateIndex>(candidates.begin(), candidates.end()));
  }

  const Candidates& table_;
  std::map<SpecIndex, Kind> wanted_;
  std::map<NameIndex, std::vector<Saying>> sayings_;
  std::set<NameIndex> told_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> explain_reasons(const Candidates& table, std::span<const Reason> reasons) {
  return Teller(table, reasons).tell();
}

}  // namespace hpcenv::solve
