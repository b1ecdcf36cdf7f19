#include "solve/search.hpp"

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "solve/reasons.hpp"
#include "solve/solv.hpp"

namespace hpcenv::solve {

namespace {

class Searcher {
 public:
  Searcher(const Candidates& table, std::span<const CandidateIndex> available)
      : table_(table), packages_(table.candidates.size()), available_(table.names.size()) {
    for (const CandidateIndex candidate : available) {
      const NameIndex name = table.candidates[candidate].name;
      if (table.is_virtual(name)) continue;
      const std::uint32_t position = candidate - table.names[name].first_candidate;
      const SolvPackage package = solv_.add_package(std::string(table.names[name].text), position);
      packages_[candidate] = package;
      available_[name].push_back(candidate);
      candidates_.emplace(static_cast<int>(package), candidate);
    }
    for (const auto& [package, candidate] : candidates_)
      add_demands(SolvPackage{package}, candidate);
  }

  SearchOutcome run() {
    std::vector<SolvList> wanted;
    for (const SpecIndex root : table_.roots) {
      if (!table_.is_virtual(table_.specs[root].name)) wanted.push_back(list(root, Side::accepted));
    }
    auto answer = solv_.solve(wanted, soft_wishes());
    if (auto* reasons = std::get_if<std::vector<SolvReason>>(&answer)) return sentences(*reasons);
    std::vector<CandidateIndex> chosen;
    for (const SolvPackage package : std::get<std::vector<SolvPackage>>(answer)) {
      chosen.push_back(candidates_.at(static_cast<int>(package)));
    }
    return chosen;
  }

  bool takes_all() {
    std::vector<SolvList> wanted;
    for (const SpecIndex root : table_.roots) {
      if (!table_.is_virtual(table_.specs[root].name)) wanted.push_back(list(root, Side::accepted));
    }
    for (const auto& [package, candidate] : candidates_) {
      const SolvPackage one{package};
      wanted.push_back(solv_.add_list(std::span(&one, 1)));
    }
    return std::holds_alternative<std::vector<SolvPackage>>(solv_.solve(wanted, {}));
  }

 private:
  enum class Side : std::uint8_t { accepted, refused };

  void add_demands(SolvPackage package, CandidateIndex candidate) {
    for (const Demand& demand : table_.candidates[candidate].demands) {
      // The machine's part was settled before: what lives agrees with it.
      if (table_.is_virtual(demand.name)) continue;
      if (demand.kind == DemandKind::depends) {
        solv_.add_need(package, list(demand.spec, Side::accepted));
      } else {
        solv_.add_ban(package, list(demand.spec, Side::refused));
      }
    }
  }

  /// Where packages are installed: direct names newest, then what can stay. Of soft wishes that
  /// cannot be met together libsolv gives up the last.
  std::vector<SolvList> soft_wishes() {
    std::vector<SolvList> wishes;
    const auto add = [&](const std::vector<SolvPackage>& members) {
      if (!members.empty()) wishes.push_back(solv_.add_list(members));
    };
    if (table_.stays.empty() && table_.update.empty()) return wishes;
    for (const NameIndex name : table_.direct) add(newest(name));
    for (const NameIndex name : table_.update) add(all_of(name));
    for (const CandidateIndex candidate : table_.stays) {
      if (packages_[candidate].has_value()) add({*packages_[candidate]});
    }
    for (const NameIndex name : table_.leaves) add(all_of(name));
    return wishes;
  }

  std::vector<SolvPackage> all_of(NameIndex name) const {
    std::vector<SolvPackage> members;
    for (const CandidateIndex candidate : available_[name]) {
      members.push_back(*packages_[candidate]);
    }
    return members;
  }

  /// Those of the most preferred version.
  std::vector<SolvPackage> newest(NameIndex name) const {
    std::vector<SolvPackage> members = all_of(name);
    const auto rank = [&](SolvPackage package) {
      return table_.candidates[candidates_.at(static_cast<int>(package))].version_rank;
    };
    std::erase_if(members, [&, best = members.empty() ? 0 : rank(members.front())](
                               SolvPackage package) { return rank(package) != best; });
    return members;
  }

  /// The packages of the spec's name that it accepts, or all others of that name.
  SolvList list(SpecIndex spec, Side side) {
    const auto [place, added] = lists_.try_emplace({spec, side});
    if (!added) return place->second;
    const AcceptedSet& set = table_.sets[table_.specs[spec].set];
    const Name& name = table_.names[set.name];
    std::vector<SolvPackage> members;
    for (const CandidateIndex candidate : available_[set.name]) {
      const std::uint32_t bit = candidate - name.first_candidate;
      const bool accepted = (set.words[bit / word_bits] >> (bit % word_bits) & 1U) != 0;
      if (accepted == (side == Side::accepted)) members.push_back(*packages_[candidate]);
    }
    place->second = solv_.add_list(members);
    specs_.emplace(static_cast<int>(place->second), spec);
    return place->second;
  }

  std::vector<std::string> sentences(const std::vector<SolvReason>& reasons) const {
    std::vector<Reason> told;
    told.reserve(reasons.size());
    for (const SolvReason& reason : reasons) {
      told.push_back({reason.kind, found(candidates_, static_cast<int>(reason.package)),
                      found(candidates_, static_cast<int>(reason.other)),
                      found(specs_, static_cast<int>(reason.list))});
    }
    return explain_reasons(table_, told);
  }

  template <class Map>
  static std::optional<std::uint32_t> found(const Map& map, int key) {
    const auto place = map.find(key);
    return place == map.end() ? std::nullopt : std::optional(place->second);
  }

  const Candidates& table_;
  Solv solv_;
  std::vector<std::optional<SolvPackage>> packages_;    ///< of each candidate
  std::vector<std::vector<CandidateIndex>> available_;  ///< of each name
  std::map<int, CandidateIndex> candidates_;            ///< of each package
  std::map<std::pair<SpecIndex, Side>, SolvList> lists_;
  std::unordered_map<int, SpecIndex> specs_;  ///< of each list
};

}  // namespace

SearchOutcome search(const Candidates& table, std::span<const CandidateIndex> available) {
  return Searcher(table, available).run();
}

bool confirm(const Candidates& table, std::span<const CandidateIndex> proposal) {
  return Searcher(table, proposal).takes_all();
}

}  // namespace hpcenv::solve
