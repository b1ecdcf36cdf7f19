#include "solve/relax.hpp"

#include <algorithm>

namespace hpcenv::solve {

namespace {

constexpr std::size_t wish_limit = 12;  ///< that are tried
constexpr std::size_t hint_limit = 3;

}  // namespace

std::vector<std::string> relaxed_hints(const SolveRequest& request) {
  std::vector<std::string> hints;
  SolveRequest relaxed = request;
  for (std::size_t i = 0; i < std::min(request.specs.size(), wish_limit); ++i) {
    const conda::MatchSpec& wish = request.specs[i];
    const bool is_free = wish.version.accepts_all() && wish.build.accepts_all();
    if (is_free || !wish.name.is_exact() || wish.name.text().starts_with("__")) continue;
    relaxed.specs[i].version = conda::VersionSpec();
    relaxed.specs[i].build = conda::TextPattern();
    const auto outcome = solve(relaxed);
    relaxed.specs[i] = wish;
    const auto* solution = outcome.has_value() ? std::get_if<Solution>(&*outcome) : nullptr;
    if (solution == nullptr) continue;
    const auto chosen = std::find_if(
        solution->packages.begin(), solution->packages.end(),
        [&](const conda::PackageRecord& record) { return record.name == wish.name.text(); });
    if (chosen == solution->packages.end()) continue;
    // A CPU build in place of one for GPUs has to be seen.
    const std::string build = wish.build.accepts_all() ? "" : " " + chosen->build;
    hints.push_back(fmt::format("it fits with any {0} in place of '{1}': that is {0} {2}{3} then",
                                chosen->name, wish.text, chosen->version, build));
    if (hints.size() == hint_limit) break;
  }
  return hints;
}

}  // namespace hpcenv::solve
