// solver_corpus FOLDER EVERY [both]: solves every EVERY-th strict oracle of the corpus and judges
// each solution: every depends and constrains holds, the direct packages are not older than those
// of the lock, and the lock itself is accepted. With `both` libsolv solves the same alone, and the
// same with changes: without a GPU, with random older versions, other priorities, and as updates of
// what the lock holds. Verdicts have to be equal, and nowhere may all that differs be older.
// Differences are listed in FOLDER/differences.txt.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "conda/version.hpp"
#include "solver/oracle.hpp"

namespace hpcenv::solve_test {
namespace {

namespace fs = std::filesystem;

/// More direct packages older than in the locks than this, over all cases, is worse than it was
/// (facts/solving.md: 8).
constexpr std::size_t older_limit = 8;
enum class Ways : std::uint8_t { dive, both };

constexpr int random_requests = 3;  ///< of each oracle

double cpu_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Verdict {
  bool solved = false;
  std::map<std::string, conda::PackageRecord> packages;
  std::vector<std::string> faults;
  std::vector<std::string> conflict;
  double milliseconds = 0;
};

Verdict judge(solve::SolveRequest request, const index::ChannelIndex& index, solve::Method method) {
  request.index = &index;
  request.method = method;
  Verdict verdict;
  const double before = cpu_milliseconds();
  const auto outcome = solve::solve(request);
  verdict.milliseconds = cpu_milliseconds() - before;
  if (!outcome.has_value()) {
    verdict.faults.push_back(outcome.error().message);
  } else if (const auto* conflict = std::get_if<solve::Conflict>(&*outcome)) {
    verdict.conflict = conflict->lines;
  } else {
    const auto& packages = std::get<solve::Solution>(*outcome).packages;
    verdict.solved = true;
    verdict.faults = faults_of(request, packages);
    for (const auto& record : packages) verdict.packages[record.name] = record;
  }
  return verdict;
}

/// < 0: `a` is older than `b`.
int compare(const std::string& a, const std::string& b) {
  const auto order = conda::Version::parse(a).value() <=> conda::Version::parse(b).value();
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

/// A request made from an oracle's.
struct Variant {
  std::string name;
  solve::SolveRequest request;
  std::vector<std::string> direct;  ///< names that shall be new
};

std::vector<std::string> direct_names(const solve::SolveRequest& request) {
  std::vector<std::string> names;
  for (const auto& spec : request.specs) {
    if (!spec.name.text().starts_with("__")) names.push_back(spec.name.text());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

conda::MatchSpec spec_of(const std::string& text) { return conda::MatchSpec::parse(text).value(); }

class Variants {
 public:
  Variants(const Oracle& oracle, std::size_t number) : oracle_(oracle), random_(number) {}

  std::vector<Variant> make() {
    add_other_machine();
    for (int i = 0; i < random_requests; ++i) add_random();
    if (oracle_.index.channels.size() > 1) {
      add("flexible", oracle_.request).priority = solve::ChannelPriority::flexible;
      add("disabled", oracle_.request).priority = solve::ChannelPriority::disabled;
    }
    if (!oracle_.locked.empty() && !direct_names(oracle_.request).empty()) add_updates();
    return std::move(variants_);
  }

 private:
  solve::SolveRequest& add(const std::string& name, solve::SolveRequest request) {
    std::vector<std::string> direct = direct_names(request);
    variants_.push_back({name, std::move(request), std::move(direct)});
    return variants_.back().request;
  }

  void add_other_machine() {
    auto& machine = add("without a GPU", oracle_.request).virtual_packages;
    std::erase_if(machine, [](const auto& record) { return record.name.starts_with("__cuda"); });
    for (auto& record : add("with an old glibc", oracle_.request).virtual_packages) {
      if (record.name == "__glibc") record.version = "2.12";
    }
  }

  /// Two packages in versions that happen to be there.
  void add_random() {
    solve::SolveRequest request = oracle_.request;
    for (int i = 0; i < 2 && !oracle_.index.records.empty(); ++i) {
      const auto& record = oracle_.index.records[random_() % oracle_.index.records.size()].record;
      request.specs.push_back(spec_of(record.name + "==" + record.version));
    }
    add("with random versions", std::move(request));
  }

  void add_updates() {
    solve::SolveRequest request = oracle_.request;
    request.installed = oracle_.locked;
    request.kept = std::move(request.specs);
    request.specs.clear();
    const auto names = direct_names(oracle_.request);
    const std::string& name = names[random_() % names.size()];
    request.update = {name};
    add("update of " + name, request);
    variants_.back().direct = {name};
    request.update.clear();
    add("update of all", request).update_all = true;
    // Nothing is asked for by name: all of it shall be new.
    variants_.back().direct.clear();
    for (const auto& record : oracle_.locked) variants_.back().direct.push_back(record.name);
    // The same package as a new one.
    std::erase_if(request.installed, [&](const auto& record) { return record.name == name; });
    for (const auto& spec : request.kept) {
      if (spec.name.text() == name) request.specs.push_back(spec);
    }
    add("install of " + name, request);
  }

  const Oracle& oracle_;
  std::minstd_rand random_;
  std::vector<Variant> variants_;
};

struct Totals {
  std::size_t cases = 0;
  std::size_t bad = 0;
  std::size_t newer = 0;
  std::size_t older = 0;
  std::size_t compared = 0;
  std::size_t impossible = 0;
  std::size_t only_older = 0;
  std::size_t changed = 0;
  std::size_t search_changed = 0;
  std::vector<double> milliseconds;
  std::vector<double> search_milliseconds;
  std::vector<std::string> differences;

  static void print(const char* title, std::vector<double> times) {
    if (times.empty()) return;
    std::sort(times.begin(), times.end());
    const auto at = [&](double part) {
      return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
    };
    fmt::print("{}: CPU ms median {:.1f}, p95 {:.1f}, p99 {:.1f}, max {:.1f}\n", title, at(0.5),
               at(0.95), at(0.99), times.back());
  }
};

void compare_with_lock(const Oracle& oracle, const Verdict& verdict, Totals& totals) {
  for (const std::string& name : direct_names(oracle.request)) {
    const auto expected = oracle.expected.find(name);
    const auto found = verdict.packages.find(name);
    if (expected == oracle.expected.end() || found == verdict.packages.end()) continue;
    const int order = compare(found->second.version, expected->second);
    totals.newer += order > 0 ? 1 : 0;
    totals.older += order < 0 ? 1 : 0;
    if (order < 0) {
      fmt::print("older: {}: {} {} for {}\n", oracle.id, name, found->second.version,
                 expected->second);
    }
  }
}

/// How many of the installed packages are not there any more as they are.
std::size_t changes(const Records& installed, const Verdict& verdict) {
  return static_cast<std::size_t>(
      std::count_if(installed.begin(), installed.end(), [&](const auto& record) {
        const auto found = verdict.packages.find(record.name);
        return found == verdict.packages.end() || found->second.file_name != record.file_name ||
               found->second.subdir != record.subdir;
      }));
}

void compare_versions(const std::string& title, const Variant& variant, const Verdict& dive,
                      const Verdict& search, Totals& totals) {
  int newer = 0;
  int older = 0;
  for (const std::string& name : variant.direct) {
    const auto mine = dive.packages.find(name);
    const auto theirs = search.packages.find(name);
    if (mine == dive.packages.end() || theirs == search.packages.end()) continue;
    const int order = compare(mine->second.version, theirs->second.version);
    newer += order > 0 ? 1 : 0;
    older += order < 0 ? 1 : 0;
    if (order != 0) {
      totals.differences.push_back(fmt::format("{}: {} {} by dive, {} by libsolv", title, name,
                                               mine->second.version, theirs->second.version));
    }
  }
  if (older > 0 && newer == 0) {
    ++totals.only_older;
    totals.differences.back() += " (ONLY OLDER)";
    fmt::print("only older: {}\n", totals.differences.back());
  }
}

void bad(const std::string& title, std::string_view what, const std::vector<std::string>& lines,
         Totals& totals) {
  ++totals.bad;
  fmt::print("BAD: {}: {}\n  {}\n", title, what, base::join(lines, "\n  "));
}

/// "No" is explained in few lines that begin with the user's words.
bool is_explained(const std::vector<std::string>& lines) {
  return !lines.empty() && lines.size() <= 12 && lines.front().starts_with("you asked for ");
}

void compare_both(const Oracle& oracle, const Variant& variant, const Verdict& dive,
                  Totals& totals) {
  const std::string title =
      variant.name.empty() ? oracle.id : fmt::format("{}, {}", oracle.id, variant.name);
  const Verdict search = judge(variant.request, oracle.index, solve::Method::search);
  ++totals.compared;
  totals.search_milliseconds.push_back(search.milliseconds);
  if (!dive.faults.empty()) bad(title, "the dive's solution is none", dive.faults, totals);
  if (!search.faults.empty()) bad(title, "libsolv's solution is none", search.faults, totals);
  if (search.solved != dive.solved) bad(title, "verdicts differ", dive.conflict, totals);
  if (!dive.solved) {
    ++totals.impossible;
    if (!is_explained(dive.conflict)) bad(title, "badly explained", dive.conflict, totals);
    return;
  }
  if (!search.solved) return;
  compare_versions(title, variant, dive, search, totals);
  if (variant.name.starts_with("update of all")) return;
  totals.changed += changes(variant.request.installed, dive);
  totals.search_changed += changes(variant.request.installed, search);
}

/// The lock itself, given as exact pins, has to be accepted.
bool accepts_lock(const Oracle& oracle) {
  index::ChannelIndex index;
  index.channels = oracle.index.channels;
  solve::SolveRequest request = oracle.request;
  request.priority = solve::ChannelPriority::flexible;
  request.specs.clear();
  for (const auto& record : oracle.locked) {
    index.records.push_back({record, 0});
    index.all_names.push_back(record.name);
    request.specs.push_back(
        spec_of(fmt::format("{}=={}={}", record.name, record.version, record.build)));
  }
  std::sort(index.all_names.begin(), index.all_names.end());
  const Verdict verdict = judge(request, index, solve::Method::dive);
  for (const auto& fault : verdict.faults) fmt::print("lock: {}: {}\n", oracle.id, fault);
  return verdict.solved && verdict.faults.empty() &&
         verdict.packages.size() == oracle.locked.size();
}

void run_case(const Oracle& oracle, Ways ways, Totals& totals) {
  const Verdict verdict = judge(oracle.request, oracle.index, solve::Method::dive);
  ++totals.cases;
  totals.milliseconds.push_back(verdict.milliseconds);
  if (!verdict.solved) bad(oracle.id, "no solution is found", verdict.conflict, totals);
  if (!verdict.faults.empty()) bad(oracle.id, "that is no solution", verdict.faults, totals);
  compare_with_lock(oracle, verdict, totals);
  if (!accepts_lock(oracle)) bad(oracle.id, "the lock itself is not accepted", {}, totals);
  if (ways == Ways::dive) return;
  compare_both(oracle, {"", oracle.request, direct_names(oracle.request)}, verdict, totals);
  for (const Variant& variant : Variants(oracle, totals.cases).make()) {
    compare_both(oracle, variant, judge(variant.request, oracle.index, solve::Method::dive),
                 totals);
  }
}

void report(const fs::path& root, const Totals& totals) {
  Totals::print("dive", totals.milliseconds);
  fmt::print("{} cases, {} bad; direct packages: {} newer than the lock, {} older\n", totals.cases,
             totals.bad, totals.newer, totals.older);
  if (totals.compared == 0) return;
  Totals::print("libsolv alone", totals.search_milliseconds);
  fmt::print(
      "{} requests both ways, {} impossible; {} packages differ; only older ones than libsolv's: "
      "{}; installed packages changed: {} by dive, {} by libsolv\n",
      totals.compared, totals.impossible, totals.differences.size(), totals.only_older,
      totals.changed, totals.search_changed);
  std::ofstream file(root / "differences.txt");
  for (const std::string& line : totals.differences) file << line << '\n';
  fmt::print("differences: {}\n", (root / "differences.txt").string());
}

Result<bool> run(const fs::path& root, std::size_t every, Ways ways) {
  Corpus corpus(root / "records");
  HPCENV_ASSIGN(const std::vector<OracleFile> files, list_oracles(root, every));
  Totals totals;
  for (const OracleFile& file : files) {
    HPCENV_ASSIGN(const Oracle oracle, read_oracle_file(corpus, file));
    run_case(oracle, ways, totals);
  }
  report(root, totals);
  return totals.cases > 0 && totals.bad == 0 && totals.older <= older_limit &&
         totals.only_older == 0;
}

}  // namespace
}  // namespace hpcenv::solve_test

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 2) {
    std::fputs("usage: solver_corpus FOLDER EVERY [both]\n", stderr);
    return 2;
  }
  const auto every = hpcenv::base::parse_unsigned(words[1]).value_or(1);
  const bool both = words.size() > 2 && words[2] == "both";
  const auto good = hpcenv::solve_test::run(
      words[0], std::max<std::size_t>(every, 1),
      both ? hpcenv::solve_test::Ways::both : hpcenv::solve_test::Ways::dive);
  if (!good.has_value()) {
    std::fprintf(stderr, "%s\n", good.error().message.c_str());
    return 1;
  }
  return *good ? 0 : 1;
}
