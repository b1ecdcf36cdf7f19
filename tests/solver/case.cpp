#include "solver/case.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::solve_test {

namespace {

class CaseReader {
 public:
  Result<Case> read(std::string_view text) {
    for (const std::string_view raw : base::split_lines(text)) {
      const std::string_view line = base::trim(raw);
      if (line.empty() || line.starts_with('#')) continue;
      if (line.starts_with('[')) {
        HPCENV_TRY(open_section(line));
      } else {
        HPCENV_TRY(read_line(line, raw));
      }
    }
    for (const auto& entry : case_.index.records) names_.insert(entry.record.name);
    case_.index.all_names.assign(names_.begin(), names_.end());
    return std::move(case_);
  }

 private:
  Result<> open_section(std::string_view line) {
    const auto words = base::split_words(line.substr(1, line.size() - 2));
    section_ = words.at(0);
    if (section_ == "channel") {
      conda::Channel channel{std::string(words.at(1)),
                             "https://example.org/" + std::string(words[1])};
      case_.index.channels.push_back(channel);
    } else if (!is_input(section_)) {
      case_.expected[section_];
    }
    return {};
  }

  static bool is_input(std::string_view section) {
    constexpr std::array inputs = {"installed", "machine", "ask",      "prefer", "keep",
                                   "pin",       "hold",    "disallow", "update", "settings"};
    return std::find(inputs.begin(), inputs.end(), section) != inputs.end();
  }

  /// `raw`: with the blanks around it.
  Result<> read_line(std::string_view line, std::string_view raw) {
    if (section_ == "channel" || section_ == "installed") {
      return raw.starts_with(' ') ? add_field(line) : add_record(line);
    }
    if (std::vector<conda::MatchSpec>* specs = specs_of_section()) {
      HPCENV_ASSIGN(specs->emplace_back(), conda::MatchSpec::parse(line));
      return {};
    }
    if (section_ == "machine" && raw.starts_with(' ')) return add_source(line);
    if (section_ == "machine") {
      machine_part_ = line.substr(0, line.find(' '));
      // Of one that is missing only the source is told.
      if (line.ends_with(" missing")) return {};
      HPCENV_ASSIGN(case_.request.virtual_packages.emplace_back(), record_of(line));
      return {};
    }
    if (section_ == "update") {
      case_.request.update.emplace_back(line);
      return {};
    }
    if (section_ == "settings") return read_setting(line);
    case_.expected[section_].emplace_back(raw.substr(0, raw.find_last_not_of(" \r") + 1));
    return {};
  }

  std::vector<conda::MatchSpec>* specs_of_section() {
    if (section_ == "ask") return &case_.request.specs;
    if (section_ == "prefer") return &case_.request.preferences;
    if (section_ == "keep") return &case_.request.kept;
    if (section_ == "pin") return &case_.request.pins;
    if (section_ == "hold") return &case_.request.held;
    if (section_ == "disallow") return &case_.request.disallowed;
    return nullptr;
  }

  /// Where a value of the machine comes from: `set by VARIABLE`, `VARIABLE is empty`, or any words.
  Result<> add_source(std::string_view line) {
    solve::Machine::Source& source = case_.request.machine.sources[machine_part_];
    source.text = line;
    if (line.starts_with("set by ")) source.variable = line.substr(7);
    if (line.ends_with(" is empty")) source.variable = line.substr(0, line.find(' '));
    return {};
  }

  Result<> read_setting(std::string_view line) {
    if (line.starts_with("target ")) {
      case_.request.machine.kind = solve::Machine::Kind::target;
      case_.request.machine.name = line;
      return {};
    }
    if (line.starts_with("machine ")) {
      case_.request.machine.name = line.substr(8);
      return {};
    }
    if (line == "priority flexible") {
      case_.request.priority = solve::ChannelPriority::flexible;
    } else if (line == "priority disabled") {
      case_.request.priority = solve::ChannelPriority::disabled;
    } else if (line.starts_with("exclude newer ")) {
      case_.request.exclude_newer = std::stoll(std::string(line.substr(14)));
    } else if (line == "update all") {
      case_.request.update_all = true;
    } else if (line == "only dive") {
      case_.only_dive = true;
    } else {
      return fail(ErrorKind::refused, "'{}' is no setting of a case", line);
    }
    return {};
  }

  static Result<conda::PackageRecord> record_of(std::string_view line) {
    const auto words = base::split_words(line);
    if (words.size() != 3) {
      return fail(ErrorKind::refused, "'{}' is not of the form name version build", line);
    }
    conda::PackageRecord record;
    record.name = words[0];
    record.version = words[1];
    record.build = words[2];
    return record;
  }

  Result<> add_record(std::string_view line) {
    HPCENV_ASSIGN(conda::PackageRecord record, record_of(line));
    record.subdir = "linux-64";
    record.file_name = record.dist_name() + ".conda";
    const bool installed = section_ == "installed";
    if (installed && case_.index.channels.empty()) {
      return fail(ErrorKind::refused, "[installed] stands below the channels");
    }
    // What is installed came from the first channel, if it does not say otherwise.
    const conda::Channel& channel =
        installed ? case_.index.channels.front() : case_.index.channels.back();
    record.channel = channel.base_url;
    record.url = channel.url_of(record.subdir, record.file_name);
    if (installed) {
      case_.request.installed.push_back(std::move(record));
    } else {
      case_.index.records.push_back({std::move(record), case_.index.channels.size() - 1});
    }
    return {};
  }

  Result<> add_field(std::string_view line) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view key = line.substr(0, blank);
    const std::string value(base::trim(line.substr(blank)));
    conda::PackageRecord& record = section_ == "installed" ? case_.request.installed.back()
                                                           : case_.index.records.back().record;
    if (key == "depends") {
      record.depends.push_back(value);
    } else if (key == "constrains") {
      record.constrains.push_back(value);
    } else if (key == "number") {
      record.build_number = std::stoll(value);
    } else if (key == "time") {
      record.timestamp = std::stoll(value);
    } else if (key == "from") {
      record.channel = value;
    } else if (key == "file") {
      record.file_name = value;
    } else if (key == "sha256") {
      record.sha256 = value;
    } else if (key == "features") {
      record.track_features = value;
    } else if (key == "noarch") {
      record.noarch = value == "python" ? conda::Noarch::python : conda::Noarch::generic;
      record.subdir = "noarch";
    } else {
      return fail(ErrorKind::refused, "'{}' is no field of a case", key);
    }
    return {};
  }

  Case case_;
  std::string section_;
  std::string machine_part_;  ///< of the line of [machine] read last
  std::set<std::string> names_;
};

using Records = std::vector<const conda::PackageRecord*>;

/// The one package that has the spec's name, if any.
const conda::PackageRecord* named(const Records& records, const conda::MatchSpec& spec) {
  const auto found = std::find_if(records.begin(), records.end(), [&](const auto* record) {
    return spec.name.matches(record->name);
  });
  return found == records.end() ? nullptr : *found;
}

void check_spec(const Records& records, const std::string& text, std::string_view who, bool needed,
                std::vector<std::string>& faults) {
  const auto spec = conda::MatchSpec::parse(text);
  if (!spec.has_value()) {
    if (needed) faults.push_back(fmt::format("{}: '{}' cannot be read", who, text));
    return;
  }
  const conda::PackageRecord* record = named(records, *spec);
  if (record == nullptr) {
    if (needed) faults.push_back(fmt::format("{}: '{}' is missing", who, text));
  } else if (!spec->matches(*record)) {
    faults.push_back(fmt::format("{}: '{}' is not met by {}", who, text, record->dist_name()));
  }
}

/// A spec asked for earlier holds, if none of the new ones is about the same name.
void check_kept(const solve::SolveRequest& request, const Records& records,
                const conda::MatchSpec& spec, std::vector<std::string>& faults) {
  const bool replaced = std::any_of(
      request.specs.begin(), request.specs.end(),
      [&](const conda::MatchSpec& asked) { return asked.name.matches(spec.name.text()); });
  if (!replaced) check_spec(records, spec.text, "kept", true, faults);
}

enum class Limit : std::uint8_t { pin, disallowed };

void check_limits(const std::vector<conda::PackageRecord>& packages, const conda::MatchSpec& spec,
                  Limit limit, std::vector<std::string>& faults) {
  for (const auto& record : packages) {
    if (spec.name.matches(record.name) && spec.matches(record) == (limit == Limit::disallowed)) {
      faults.push_back(fmt::format("limit '{}' is not kept by {}", spec.text, record.dist_name()));
    }
  }
}

}  // namespace

Result<Case> read_case(const std::filesystem::path& path) {
  HPCENV_ASSIGN(const std::string text, base::read_file(path));
  HPCENV_ASSIGN(Case result, CaseReader().read(text));
  result.name = path.stem().string();
  return result;
}

std::vector<std::string> faults_of(const solve::SolveRequest& request,
                                   const std::vector<conda::PackageRecord>& packages) {
  std::vector<std::string> faults;
  Records records;
  std::set<std::string> names;
  for (const auto& record : packages) {
    records.push_back(&record);
    if (!names.insert(record.name).second) faults.push_back(record.name + " is there twice");
    if (record.is_virtual()) faults.push_back(record.name + " is no package");
  }
  for (const auto& record : request.virtual_packages) records.push_back(&record);
  for (const auto& record : packages) {
    for (const auto& text : record.depends) {
      check_spec(records, text, record.dist_name(), true, faults);
    }
    for (const auto& text : record.constrains) {
      check_spec(records, text, record.dist_name(), false, faults);
    }
  }
  for (const auto& spec : request.specs) check_spec(records, spec.text, "request", true, faults);
  for (const auto& spec : request.kept) check_kept(request, records, spec, faults);
  for (const auto& spec : request.pins) check_limits(packages, spec, Limit::pin, faults);
  for (const auto& spec : request.held) check_limits(packages, spec, Limit::pin, faults);
  for (const auto& spec : request.disallowed) {
    check_limits(packages, spec, Limit::disallowed, faults);
  }
  return faults;
}

}  // namespace hpcenv::solve_test
