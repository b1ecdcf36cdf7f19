// solver_corpus FOLDER EVERY [both]: solves every EVERY-th strict oracle of the corpus and
// judges each solution: every depends and constrains holds, and the direct packages are not older
// than those of the lock. With `both` libsolv solves the same alone, and verdicts and direct
// versions are compared.
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/version.hpp"
#include "solver/case.hpp"

namespace hpcenv::solve_test {
namespace {

namespace fs = std::filesystem;

/// More direct packages older than in the locks than this, over all cases, is worse than it was
/// (facts/solving.md: 8).
constexpr std::size_t older_limit = 8;

double cpu_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

using Records = std::vector<conda::PackageRecord>;

/// Records of the corpus, each file read once.
class Corpus {
 public:
  explicit Corpus(fs::path root) : root_(std::move(root)) {}

  Result<const Records*> records(const std::string& channel, const std::string& subdir,
                                 bool partial) {
    const std::string key = fmt::format("{}{}/{}", partial ? "partial/" : "", channel, subdir);
    if (const auto found = records_.find(key); found != records_.end()) return &found->second;
    Records& records = records_[key];
    const fs::path file = root_ / (key + ".txt");
    if (!fs::exists(file)) return &records;
    HPCENV_ASSIGN(const std::string text, base::read_file(file));
    for (const std::string_view line : base::split_lines(text)) {
      HPCENV_ASSIGN(records.emplace_back(), parse_line(line));
      records.back().subdir = subdir;
      records.back().channel = "https://conda.anaconda.org/" + channel;
    }
    return &records;
  }

 private:
  /// As corpus.py writes it. JSON of this size would take a minute in a sanitizer build.
  static Result<conda::PackageRecord> parse_line(std::string_view line) {
    const auto fields = base::split(line, '\t');
    if (fields.size() != 10) return fail(ErrorKind::refused, "'{}' is no record", line);
    conda::PackageRecord record;
    record.file_name = fields[0];
    record.name = fields[1];
    record.version = fields[2];
    record.build = fields[3];
    record.build_number = std::stoll(std::string(fields[4]));
    if (!fields[5].empty()) {
      record.noarch = fields[5] == "python" ? conda::Noarch::python : conda::Noarch::generic;
    }
    if (fields[6] != "0") record.timestamp = std::stoll(std::string(fields[6]));
    record.track_features = fields[7];
    for (const auto& [field, list] :
         {std::pair(fields[8], &record.depends), std::pair(fields[9], &record.constrains)}) {
      if (field.empty()) continue;
      for (const std::string_view spec : base::split(field, '\x1f')) list->emplace_back(spec);
    }
    return record;
  }

  fs::path root_;
  std::map<std::string, Records> records_;
};

struct Oracle {
  std::string id;
  index::ChannelIndex index;
  solve::SolveRequest request;
  std::map<std::string, std::string> expected;  ///< version of each name
  /// What the lock holds, found in the corpus.
  Records locked;
};

class OracleReader {
 public:
  OracleReader(Corpus& corpus, const base::Json& document, bool partial)
      : corpus_(corpus), document_(document), partial_(partial) {}

  Result<Oracle> read() {
    oracle_.id = base::string_or(document_, "id");
    HPCENV_TRY(read_request());
    HPCENV_TRY(read_records());
    keep_closure();
    return std::move(oracle_);
  }

 private:
  Result<> read_request() {
    for (const auto& text : base::strings_or_empty(document_, "specs")) {
      HPCENV_ASSIGN(oracle_.request.specs.emplace_back(), conda::MatchSpec::parse(text));
    }
    oracle_.request.channel_alias = conda::default_channel_alias;
    for (const auto& text : base::strings_or_empty(document_, "virtual_packages")) {
      const auto parts = base::split(text, '=');
      conda::PackageRecord record;
      record.name = parts[0];
      record.version = parts.size() > 1 ? parts[1] : "0";
      record.build = parts.size() > 2 ? parts[2] : "0";
      oracle_.request.virtual_packages.push_back(std::move(record));
    }
    for (const auto& file : base::strings_or_empty(document_, "expected")) {
      expected_files_.insert(file);
      const std::string name = file.substr(file.rfind('/') + 1);
      expected_names_.insert(name);
      const auto dist = conda::parse_dist_name(name);
      if (dist.has_value()) oracle_.expected[dist->name] = dist->version;
    }
    return {};
  }

  Result<> read_records() {
    const auto cut = std::max(base::integer_or(document_, "date_ts") * 1000,
                              base::integer_or(document_, "max_timestamp"));
    const std::string subdir = base::string_or(document_, "subdir");
    for (const auto& name : base::strings_or_empty(document_, "channels")) {
      HPCENV_ASSIGN(auto channel,
                    conda::parse_channel(name, conda::default_channel_alias, "/", "/"));
      oracle_.index.channels.push_back(std::move(channel));
      for (const std::string& folder : {subdir, std::string("noarch")}) {
        HPCENV_TRY(add_records(name, folder, cut, false));
        if (partial_) HPCENV_TRY(add_records(name, folder, cut, true));
      }
    }
    return {};
  }

  Result<> add_records(const std::string& channel, const std::string& subdir, std::int64_t cut,
                       bool partial) {
    HPCENV_ASSIGN(const Records* records, corpus_.records(channel, subdir, partial));
    for (const auto& record : *records) {
      if (expected_names_.contains(record.file_name) &&
          expected_files_.contains(fmt::format("{}/{}/{}", channel, subdir, record.file_name))) {
        oracle_.locked.push_back(record);
      }
      if (record.timestamp.value_or(0) > cut) continue;
      by_name_[record.name].push_back({&record, oracle_.index.channels.size() - 1});
    }
    return {};
  }

  struct Entry {
    const conda::PackageRecord* record;
    std::size_t channel;
  };

  static std::string name_of(const std::string& text) {
    std::string name = base::to_lower(text.substr(0, text.find_first_of(" =<>!~[")));
    if (const auto colons = name.rfind("::"); colons != std::string::npos)
      name.erase(0, colons + 2);
    return name;
  }

  void keep_closure() {
    std::vector<std::string> queue;
    std::set<std::string> seen;
    queue.reserve(oracle_.request.specs.size());
    for (const auto& spec : oracle_.request.specs) queue.push_back(spec.name.text());
    while (!queue.empty()) {
      const std::string name = std::move(queue.back());
      queue.pop_back();
      if (!seen.insert(name).second) continue;
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) continue;
      oracle_.index.all_names.push_back(name);
      add_without_twins(found->second, queue);
    }
    std::sort(oracle_.index.all_names.begin(), oracle_.index.all_names.end());
  }

  /// Leaves a `.tar.bz2` out whose `.conda` is there too.
  void add_without_twins(const std::vector<Entry>& entries, std::vector<std::string>& queue) {
    for (const Entry& entry : entries) {
      const std::string twin = entry.record->dist_name() + ".conda";
      const bool old = entry.record->file_name.ends_with(".tar.bz2");
      if (old && std::any_of(entries.begin(), entries.end(), [&](const Entry& other) {
            return other.channel == entry.channel && other.record->subdir == entry.record->subdir &&
                   other.record->file_name == twin;
          })) {
        continue;
      }
      oracle_.index.records.push_back({*entry.record, entry.channel});
      for (const auto& depends : entry.record->depends) queue.push_back(name_of(depends));
    }
  }

  Corpus& corpus_;
  const base::Json& document_;
  bool partial_;
  Oracle oracle_;
  std::set<std::string> expected_files_;
  std::unordered_set<std::string> expected_names_;
  std::unordered_map<std::string_view, std::vector<Entry>> by_name_;
};

struct Verdict {
  bool solved = false;
  std::map<std::string, std::string> versions;
  std::vector<std::string> faults;
  double milliseconds = 0;
};

Verdict judge(const Oracle& oracle, solve::Method method) {
  solve::SolveRequest request = oracle.request;
  request.index = &oracle.index;
  request.method = method;
  Verdict verdict;
  const double before = cpu_milliseconds();
  const auto outcome = solve::solve(request);
  verdict.milliseconds = cpu_milliseconds() - before;
  if (!outcome.has_value()) {
    verdict.faults.push_back(outcome.error().message);
  } else if (const auto* conflict = std::get_if<solve::Conflict>(&*outcome)) {
    verdict.faults = conflict->lines;
  } else {
    const auto& packages = std::get<solve::Solution>(*outcome).packages;
    verdict.solved = true;
    verdict.faults = faults_of(request, packages);
    for (const auto& record : packages) verdict.versions[record.name] = record.version;
  }
  return verdict;
}

/// < 0: `a` is older than `b`.
int compare(const std::string& a, const std::string& b) {
  const auto order = conda::Version::parse(a).value() <=> conda::Version::parse(b).value();
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

struct Totals {
  std::size_t cases = 0;
  std::size_t bad = 0;
  std::size_t newer = 0;
  std::size_t older = 0;
  std::size_t only_older = 0;
  std::vector<double> milliseconds;
  std::vector<double> search_milliseconds;

  void print(const char* title, std::vector<double> times) const {
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
  std::set<std::string> seen;
  for (const auto& spec : oracle.request.specs) {
    const std::string& name = spec.name.text();
    const auto expected = oracle.expected.find(name);
    const auto found = verdict.versions.find(name);
    if (expected == oracle.expected.end() || found == verdict.versions.end()) continue;
    if (!seen.insert(name).second) continue;
    const int order = compare(found->second, expected->second);
    totals.newer += order > 0 ? 1 : 0;
    totals.older += order < 0 ? 1 : 0;
    if (order < 0) {
      fmt::print("older: {}: {} {} for {}\n", oracle.id, name, found->second, expected->second);
    }
  }
}

void compare_with_search(const Oracle& oracle, const Verdict& verdict, Totals& totals) {
  const Verdict other = judge(oracle, solve::Method::search);
  totals.search_milliseconds.push_back(other.milliseconds);
  if (other.solved != verdict.solved || (other.solved && !other.faults.empty())) {
    ++totals.bad;
    fmt::print("BAD: {}: libsolv says otherwise\n", oracle.id);
    return;
  }
  int newer = 0;
  int older = 0;
  for (const auto& spec : oracle.request.specs) {
    const auto mine = verdict.versions.find(spec.name.text());
    const auto theirs = other.versions.find(spec.name.text());
    if (mine == verdict.versions.end() || theirs == other.versions.end()) continue;
    const int order = compare(mine->second, theirs->second);
    newer += order > 0 ? 1 : 0;
    older += order < 0 ? 1 : 0;
    if (order != 0) {
      fmt::print("differs: {}: {} {} by dive, {} by libsolv\n", oracle.id, mine->first,
                 mine->second, theirs->second);
    }
  }
  if (older > 0 && newer == 0) ++totals.only_older;
}

/// The lock itself, given as exact pins, has to be accepted.
bool accepts_lock(const Oracle& oracle) {
  Oracle pinned;
  pinned.index.channels = oracle.index.channels;
  pinned.request = oracle.request;
  pinned.request.priority = solve::ChannelPriority::flexible;
  pinned.request.specs.clear();
  for (const auto& record : oracle.locked) {
    pinned.index.records.push_back({record, 0});
    pinned.index.all_names.push_back(record.name);
    pinned.request.specs.push_back(
        conda::MatchSpec::parse(fmt::format("{}=={}={}", record.name, record.version, record.build))
            .value());
  }
  std::sort(pinned.index.all_names.begin(), pinned.index.all_names.end());
  const Verdict verdict = judge(pinned, solve::Method::dive);
  for (const auto& fault : verdict.faults) fmt::print("lock: {}: {}\n", oracle.id, fault);
  return verdict.solved && verdict.faults.empty() &&
         verdict.versions.size() == oracle.locked.size();
}

Result<> run_case(Corpus& corpus, const base::Json& entry, const fs::path& folder, bool both,
                  Totals& totals) {
  const fs::path file = folder / base::string_or(entry, "file");
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(const base::Json document, base::parse_json(text, file.string()));
  const bool partial = entry.value("needs_partial", false);
  HPCENV_ASSIGN(const Oracle oracle, OracleReader(corpus, document, partial).read());
  const Verdict verdict = judge(oracle, solve::Method::dive);
  ++totals.cases;
  totals.milliseconds.push_back(verdict.milliseconds);
  if (!verdict.solved || !verdict.faults.empty()) {
    ++totals.bad;
    fmt::print("BAD: {}:\n  {}\n", oracle.id, base::join(verdict.faults, "\n  "));
  }
  compare_with_lock(oracle, verdict, totals);
  if (!accepts_lock(oracle)) {
    ++totals.bad;
    fmt::print("BAD: {}: the lock itself is not accepted\n", oracle.id);
  }
  if (both) compare_with_search(oracle, verdict, totals);
  return {};
}

Result<bool> run(const fs::path& root, std::size_t every, bool both) {
  Corpus corpus(root / "records");
  const fs::path folder = root / "cases";
  HPCENV_ASSIGN(const std::string text, base::read_file(folder / "index.json"));
  HPCENV_ASSIGN(const base::Json list, base::parse_json(text, "index.json"));
  Totals totals;
  std::size_t number = 0;
  for (const base::Json& entry : list) {
    if (!entry.value("oracle", false) || number++ % every != 0) continue;
    HPCENV_TRY(run_case(corpus, entry, folder, both, totals));
  }
  totals.print("dive", totals.milliseconds);
  totals.print("libsolv alone", totals.search_milliseconds);
  fmt::print(
      "{} cases, {} bad; direct packages: {} newer than the lock, {} older; only older ones than "
      "libsolv: {}\n",
      totals.cases, totals.bad, totals.newer, totals.older, totals.only_older);
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
  const auto good = hpcenv::solve_test::run(words[0], std::max<std::size_t>(every, 1),
                                            words.size() > 2 && words[2] == "both");
  if (!good.has_value()) {
    std::fprintf(stderr, "%s\n", good.error().message.c_str());
    return 1;
  }
  return *good ? 0 : 1;
}
