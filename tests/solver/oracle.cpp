#include "solver/oracle.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::solve_test {
namespace {

namespace fs = std::filesystem;

/// As corpus.py writes it. JSON of this size would take a minute in a sanitizer build.
Result<conda::PackageRecord> parse_line(std::string_view line) {
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

}  // namespace

Result<const Records*> Corpus::records(const std::string& channel, const std::string& subdir,
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

Result<Oracle> read_oracle(Corpus& corpus, const base::Json& document, bool partial) {
  return OracleReader(corpus, document, partial).read();
}

Result<std::vector<OracleFile>> list_oracles(const fs::path& folder, std::size_t every) {
  HPCENV_ASSIGN(const std::string text, base::read_file(folder / "cases/index.json"));
  HPCENV_ASSIGN(const base::Json list, base::parse_json(text, "index.json"));
  std::vector<OracleFile> files;
  std::size_t number = 0;
  for (const base::Json& entry : list) {
    if (!entry.value("oracle", false) || number++ % every != 0) continue;
    files.push_back(
        {folder / "cases" / base::string_or(entry, "file"), entry.value("needs_partial", false)});
  }
  return files;
}

Result<Oracle> read_oracle_file(Corpus& corpus, const OracleFile& entry) {
  HPCENV_ASSIGN(const std::string text, base::read_file(entry.file));
  HPCENV_ASSIGN(const base::Json document, base::parse_json(text, entry.file.string()));
  HPCENV_ASSIGN(Oracle oracle, read_oracle(corpus, document, entry.partial));
  oracle.file = entry.file;
  return oracle;
}

}  // namespace hpcenv::solve_test
