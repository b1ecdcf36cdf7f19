#include "conda/install_order.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "base/text.hpp"

namespace hpcenv::conda {

namespace {

/// The name that a dependency begins with.
std::string_view name_in(std::string_view spec) {
  if (const std::size_t channel = spec.rfind("::"); channel != std::string_view::npos) {
    spec.remove_prefix(channel + 2);
  }
  spec = base::trim(spec);
  return spec.substr(0, spec.find_first_of(" \t=<>!~[("));
}

class Visit {
 public:
  explicit Visit(std::span<const PackageRecord* const> records)
      : records_(records), seen_(records.size(), false) {
    for (std::size_t i = 0; i < records.size(); ++i) by_name_.emplace(records[i]->name, i);
  }

  /// Depth first without recursion: how deep dependencies go is not ours to bound.
  void from(std::size_t start) {
    struct Step {
      std::size_t record;
      std::size_t next = 0;
    };
    if (seen_[start]) return;
    seen_[start] = true;
    std::vector<Step> path{{start}};
    while (!path.empty()) {
      Step& step = path.back();
      const std::vector<std::string>& depends = records_[step.record]->depends;
      if (step.next == depends.size()) {
        order_.push_back(step.record);
        path.pop_back();
        continue;
      }
      const auto found = by_name_.find(name_in(depends[step.next++]));
      if (found == by_name_.end() || seen_[found->second]) continue;
      seen_[found->second] = true;
      path.push_back({found->second});
    }
  }

  std::vector<std::size_t> take() { return std::move(order_); }

 private:
  std::span<const PackageRecord* const> records_;
  std::map<std::string_view, std::size_t> by_name_;
  std::vector<bool> seen_;
  std::vector<std::size_t> order_;
};

}  // namespace

std::vector<std::size_t> install_order(std::span<const PackageRecord* const> records) {
  std::vector<std::size_t> starts(records.size());
  std::iota(starts.begin(), starts.end(), std::size_t{0});
  std::ranges::sort(starts, {}, [&](std::size_t i) { return std::string_view(records[i]->name); });
  Visit visit(records);
  for (const std::size_t start : starts) visit.from(start);
  return visit.take();
}

}  // namespace hpcenv::conda
