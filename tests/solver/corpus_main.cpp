// solver_corpus FOLDER EVERY [VARIANTS]: solves every EVERY-th strict oracle of the corpus and
// judges each solution: every depends and constrains holds, the direct packages are not older than
// those of the lock but for the places that older_than_lock.txt lists, and the lock itself is
// accepted. With VARIANTS libsolv solves the same alone, and of every VARIANTS-th of these cases
// the same with changes: without a GPU, with random older versions, other priorities, and as
// updates of what the lock holds. Verdicts have to be equal, and nowhere may all that differs be
// older. Differences are listed in FOLDER/differences.txt, all that was chosen in
// FOLDER/solutions.txt, for another judge.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "conda/version.hpp"
#include "solver/oracle.hpp"

namespace hpcenv::solve_test {
namespace {

namespace fs = std::filesystem;

/// Over all cases: direct packages older than in the locks, at most, and newer ones, at least.
constexpr std::size_t older_limit = 10;
constexpr std::size_t newer_least = 1640;

constexpr int random_requests = 3;  ///< of each oracle
constexpr const char* without_gpu = "without a GPU";

/// What is run: every `every`-th oracle; of every `variants`-th of them, changes too (0: one way
/// only, no changes).
struct Scope {
  std::size_t every = 1;
  std::size_t variants = 0;
};

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

  /// Without its GPU, if the oracle has one.
  std::vector<Variant> make_without_gpu() {
    auto& machine = add(without_gpu, oracle_.request).virtual_packages;
    const auto gone = std::erase_if(
        machine, [](const auto& record) { return record.name.starts_with("__cuda"); });
    if (gone == 0) variants_.pop_back();
    return std::move(variants_);
  }

  std::vector<Variant> make_others() {
    add_old_glibc();
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

  void add_old_glibc() {
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
    // Nothing is asked for by name: all that was asked for once shall be new, or stands for itself.
    variants_.back().direct = names;
    for (const std::string& leaf : leaves()) variants_.back().direct.push_back(leaf);
    // The same package as a new one.
    std::erase_if(request.installed, [&](const auto& record) { return record.name == name; });
    for (const auto& spec : request.kept) {
      if (spec.name.text() == name) request.specs.push_back(spec);
    }
    add("install of " + name, request);
  }

  /// Locked packages that no other one depends on.
  std::vector<std::string> leaves() const {
    std::set<std::string> needed;
    for (const auto& record : oracle_.locked) {
      for (const auto& depends : record.depends) needed.insert(spec_of(depends).name.text());
    }
    std::vector<std::string> found;
    for (const auto& record : oracle_.locked) {
      if (!needed.contains(record.name)) found.push_back(record.name);
    }
    return found;
  }

  const Oracle& oracle_;
  std::minstd_rand random_;
  std::vector<Variant> variants_;
};

/// "case name": direct packages that may be older than in the lock.
using Places = std::set<std::string>;

struct Totals {
  std::size_t cases = 0;
  std::size_t bad = 0;
  std::size_t newer = 0;
  Places older;
  std::size_t compared = 0;
  std::size_t impossible = 0;
  std::size_t only_older = 0;
  std::size_t changed = 0;
  std::size_t search_changed = 0;
  std::size_t without_gpu_impossible = 0;  ///< of cases with a GPU, when it is taken away
  std::size_t without_gpu_on_cpu = 0;
  std::vector<double> milliseconds;
  std::vector<double> search_milliseconds;
  std::vector<std::string> differences;
  std::vector<std::string> solutions;

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

/// What the version of the lock costs: what becomes older of the rest that was asked for.
std::string price_of(const Oracle& oracle, const std::string& name, const std::string& version,
                     const Verdict& taken) {
  solve::SolveRequest request = oracle.request;
  request.specs.push_back(spec_of(name + ">=" + version));
  const Verdict other = judge(request, oracle.index, solve::Method::dive);
  if (!other.solved) return "there is no solution with it";
  std::vector<std::string> lost;
  for (const std::string& direct : direct_names(oracle.request)) {
    const auto mine = taken.packages.find(direct);
    const auto theirs = other.packages.find(direct);
    if (mine == taken.packages.end() || theirs == other.packages.end()) continue;
    if (compare(theirs->second.version, mine->second.version) >= 0) continue;
    lost.push_back(
        fmt::format("{} {} for {}", direct, theirs->second.version, mine->second.version));
  }
  return "costs " + (lost.empty() ? "nothing" : base::join(lost, ", "));
}

void compare_with_lock(const Oracle& oracle, const Verdict& verdict, Totals& totals) {
  for (const std::string& name : direct_names(oracle.request)) {
    const auto expected = oracle.expected.find(name);
    const auto found = verdict.packages.find(name);
    if (expected == oracle.expected.end() || found == verdict.packages.end()) continue;
    const int order = compare(found->second.version, expected->second);
    totals.newer += order > 0 ? 1 : 0;
    if (order < 0) {
      totals.older.insert(oracle.id + " " + name);
      fmt::print("older: {} {}: {} for {}, which {}\n", oracle.id, name, found->second.version,
                 expected->second, price_of(oracle, name, expected->second, verdict));
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

std::string version_in(const Verdict& verdict, const std::string& name) {
  const auto found = verdict.packages.find(name);
  return found == verdict.packages.end() ? "none" : found->second.version;
}

/// < 0: what the dive chose of a name is older than libsolv's, or given up for the rest.
int order_of(const Verdict& dive, const Verdict& search, const std::string& name) {
  const auto mine = dive.packages.find(name);
  const auto theirs = search.packages.find(name);
  if (mine == dive.packages.end()) return theirs == search.packages.end() ? 0 : -1;
  return theirs == search.packages.end() ? 1
                                         : compare(mine->second.version, theirs->second.version);
}

void compare_versions(const std::string& title, const Variant& variant, const Verdict& dive,
                      const Verdict& search, Totals& totals) {
  int newer = 0;
  int older = 0;
  for (const std::string& name : variant.direct) {
    const int order = order_of(dive, search, name);
    newer += order > 0 ? 1 : 0;
    older += order < 0 ? 1 : 0;
    if (order != 0) {
      totals.differences.push_back(fmt::format("{}: {} {} by dive, {} by libsolv", title, name,
                                               version_in(dive, name), version_in(search, name)));
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

/// "case<TAB>way<TAB>channel/subdir/file<TAB>...", for the judge that is not ours.
void keep_solution(const Oracle& oracle, std::string_view way, const Verdict& verdict,
                   Totals& totals) {
  if (!verdict.solved) return;
  std::string line = fmt::format("{}\t{}", oracle.file.filename().string(), way);
  for (const auto& [name, record] : verdict.packages) {
    const std::size_t alias = record.channel.find("conda.anaconda.org/");
    line += fmt::format("\t{}/{}/{}", record.channel.substr(alias + 19), record.subdir,
                        record.file_name);
  }
  totals.solutions.push_back(std::move(line));
}

/// Without a GPU a request fails, or what it gets needs none.
void count_without_gpu(const Variant& variant, const Verdict& verdict, Totals& totals) {
  if (variant.name != without_gpu) return;
  ++(verdict.solved ? totals.without_gpu_on_cpu : totals.without_gpu_impossible);
}

void compare_both(const Oracle& oracle, const Variant& variant, const Verdict& dive,
                  Totals& totals) {
  const std::string title =
      variant.name.empty() ? oracle.id : fmt::format("{}, {}", oracle.id, variant.name);
  const Verdict search = judge(variant.request, oracle.index, solve::Method::search);
  if (variant.name.empty()) keep_solution(oracle, "libsolv", search, totals);
  count_without_gpu(variant, dive, totals);
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
bool accepts_lock(const Oracle& oracle, solve::Method method) {
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
  const Verdict verdict = judge(request, index, method);
  for (const auto& fault : verdict.faults) fmt::print("lock: {}: {}\n", oracle.id, fault);
  return verdict.solved && verdict.faults.empty() &&
         verdict.packages.size() == oracle.locked.size();
}

void run_case(const Oracle& oracle, const Scope& scope, Totals& totals) {
  const Verdict verdict = judge(oracle.request, oracle.index, solve::Method::dive);
  ++totals.cases;
  totals.milliseconds.push_back(verdict.milliseconds);
  if (!verdict.solved) bad(oracle.id, "no solution is found", verdict.conflict, totals);
  if (!verdict.faults.empty()) bad(oracle.id, "that is no solution", verdict.faults, totals);
  keep_solution(oracle, "dive", verdict, totals);
  compare_with_lock(oracle, verdict, totals);
  if (!accepts_lock(oracle, solve::Method::dive)) {
    bad(oracle.id, "the lock itself is not accepted", {}, totals);
  }
  if (scope.variants == 0) return;
  if (!accepts_lock(oracle, solve::Method::search)) {
    bad(oracle.id, "the lock itself is not accepted by libsolv alone", {}, totals);
  }
  compare_both(oracle, {"", oracle.request, direct_names(oracle.request)}, verdict, totals);
  Variants maker(oracle, totals.cases);
  std::vector<Variant> variants = maker.make_without_gpu();
  if (totals.cases % scope.variants == 0) {
    for (Variant& variant : maker.make_others()) variants.push_back(std::move(variant));
  }
  for (const Variant& variant : variants) {
    compare_both(oracle, variant, judge(variant.request, oracle.index, solve::Method::dive),
                 totals);
  }
}

Result<> write_lines(const fs::path& file, const std::vector<std::string>& lines) {
  std::ofstream stream(file);
  for (const std::string& line : lines) stream << line << '\n';
  if (!stream.flush()) return fail(ErrorKind::io, "cannot write {}", file.string());
  return {};
}

/// The places where a direct package may be older than in the lock: lines "case name: reason".
Result<Places> read_places(const fs::path& file) {
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  Places places;
  for (const std::string_view line : base::split_lines(text)) {
    const std::size_t colon = line.find(": ");
    if (line.empty() || line.starts_with('#')) continue;
    if (colon == std::string_view::npos) {
      return fail(ErrorKind::refused, "{}: '{}' gives no reason", file.string(), line);
    }
    places.emplace(line.substr(0, colon));
  }
  return places;
}

/// What is older than in a lock is listed; over all cases all that is listed is found, and little.
Result<> check_ages(const Scope& scope, Totals& totals) {
  HPCENV_ASSIGN(const Places listed,
                read_places(fs::path(HPCENV_SOURCE_DIR) / "tests/solver/older_than_lock.txt"));
  for (const std::string& place : totals.older) {
    if (!listed.contains(place)) bad(place, "older than in the lock, and not listed", {}, totals);
  }
  if (scope.every != 1) return {};
  for (const std::string& place : listed) {
    if (!totals.older.contains(place)) bad(place, "listed, but not older any more", {}, totals);
  }
  if (totals.older.size() > older_limit) bad("all", "too much is older", {}, totals);
  if (totals.newer < newer_least) bad("all", "too little is newer", {}, totals);
  return {};
}

void report(const Totals& totals) {
  Totals::print("dive", totals.milliseconds);
  fmt::print("{} cases, {} bad; direct packages: {} newer than the lock, {} older\n", totals.cases,
             totals.bad, totals.newer, totals.older.size());
  if (totals.compared == 0) return;
  Totals::print("libsolv alone", totals.search_milliseconds);
  fmt::print(
      "{} requests both ways, {} impossible; {} packages differ; only older ones than libsolv's: "
      "{}; installed packages changed: {} by dive, {} by libsolv\n",
      totals.compared, totals.impossible, totals.differences.size(), totals.only_older,
      totals.changed, totals.search_changed);
  fmt::print("GPU cases without their GPU: {} impossible, {} solved with nothing that needs one\n",
             totals.without_gpu_impossible, totals.without_gpu_on_cpu);
}

Result<bool> run(const fs::path& root, const Scope& scope) {
  Corpus corpus(root / "records");
  HPCENV_ASSIGN(const std::vector<OracleFile> files, list_oracles(root, scope.every));
  Totals totals;
  for (const OracleFile& file : files) {
    HPCENV_ASSIGN(const Oracle oracle, read_oracle_file(corpus, file));
    run_case(oracle, scope, totals);
  }
  HPCENV_TRY(check_ages(scope, totals));
  if (scope.variants != 0 && totals.without_gpu_impossible + totals.without_gpu_on_cpu == 0) {
    bad("all", "no case has a GPU", {}, totals);
  }
  report(totals);
  HPCENV_TRY(write_lines(root / "solutions.txt", totals.solutions));
  if (scope.variants != 0) HPCENV_TRY(write_lines(root / "differences.txt", totals.differences));
  return totals.cases > 0 && totals.bad == 0 && totals.only_older == 0;
}

}  // namespace
}  // namespace hpcenv::solve_test

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 2) {
    std::fputs("usage: solver_corpus FOLDER EVERY [VARIANTS]\n", stderr);
    return 2;
  }
  const auto number = [&](std::size_t word, std::size_t otherwise) {
    return word < words.size() ? hpcenv::base::parse_unsigned(words[word]).value_or(otherwise)
                               : otherwise;
  };
  const hpcenv::solve_test::Scope scope{std::max<std::size_t>(number(1, 1), 1), number(2, 0)};
  const auto good = hpcenv::solve_test::run(words[0], scope);
  if (!good.has_value()) {
    std::fprintf(stderr, "%s\n", good.error().message.c_str());
    return 1;
  }
  return *good ? 0 : 1;
}
