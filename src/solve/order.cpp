#include "solve/order.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace hpcenv::solve {

namespace {

enum class Visit : std::uint8_t { not_yet, open, done };

/// Depth first without recursion: chains of dependencies are as long as a channel makes them.
class Sorter {
 public:
  Sorter(const Candidates& table, std::span<const CandidateIndex> chosen)
      : table_(table), chosen_(table.names.size()), visits_(table.names.size()) {
    for (const CandidateIndex candidate : chosen) {
      chosen_[table.candidates[candidate].name] = candidate;
    }
  }

  void visit(NameIndex root) {
    open(root);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      if (frame.next == frame.needs.size()) {
        order_.push_back(*chosen_[frame.name]);
        visits_[frame.name] = Visit::done;
        stack_.pop_back();
      } else {
        open(frame.needs[frame.next++]);
      }
    }
  }

  std::vector<CandidateIndex> take() { return std::move(order_); }

 private:
  struct Frame {
    NameIndex name = 0;
    std::vector<NameIndex> needs;
    std::size_t next = 0;
  };

  void open(NameIndex name) {
    if (!chosen_[name].has_value() || visits_[name] != Visit::not_yet) return;
    visits_[name] = Visit::open;
    stack_.push_back({name, needs_of(*chosen_[name]), 0});
  }

  std::vector<NameIndex> needs_of(CandidateIndex index) const {
    const Candidate& candidate = table_.candidates[index];
    const bool is_python = candidate.record->name == "python";
    std::vector<NameIndex> needs;
    for (const Demand& demand : candidate.demands) {
      if (demand.kind != DemandKind::depends || !chosen_[demand.name].has_value()) continue;
      // python can depend on pip, which can only be linked where python is.
      const auto& needed = table_.record(*chosen_[demand.name]);
      if (is_python && needed.noarch == conda::Noarch::python) continue;
      needs.push_back(demand.name);
    }
    sort_by_text(needs);
    return needs;
  }

  void sort_by_text(std::vector<NameIndex>& names) const {
    std::sort(names.begin(), names.end(), [this](NameIndex a, NameIndex b) {
      return table_.names[a].text < table_.names[b].text;
    });
  }

  const Candidates& table_;
  std::vector<std::optional<CandidateIndex>> chosen_;  ///< of each name
  std::vector<Visit> visits_;
  std::vector<Frame> stack_;
  std::vector<CandidateIndex> order_;
};

}  // namespace

std::vector<CandidateIndex> link_order(const Candidates& table,
                                       std::span<const CandidateIndex> chosen) {
  std::vector<CandidateIndex> sorted(chosen.begin(), chosen.end());
  const auto key = [&](CandidateIndex candidate) {
    const std::string& name = table.record(candidate).name;
    return std::pair(name != "python", std::string_view(name));
  };
  std::sort(sorted.begin(), sorted.end(),
            [&](CandidateIndex a, CandidateIndex b) { return key(a) < key(b); });
  Sorter sorter(table, chosen);
  for (const CandidateIndex candidate : sorted) sorter.visit(table.candidates[candidate].name);
  return sorter.take();
}

}  // namespace hpcenv::solve
