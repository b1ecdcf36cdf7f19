#include "ops/known_scripts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fs.hpp"
#include "base/hash.hpp"
#include "base/hex.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "ops/activation_recorder.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/own_folder.hpp"
#include "prefix/prefix_lock.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

/// A neighbour that records is done sooner.
constexpr std::chrono::seconds patience_for_others{30};
/// Of one file: a cluster has few kinds of node.
constexpr std::size_t most_records = 8;

std::string change_of(const fs::path& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return "missing";
  return fmt::format("{} {}.{:09}", S_ISDIR(status.st_mode) ? 0 : status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

// A record that came, went or was renamed shows in the folder's time, what a command did in the
// history; the environment's own variables are what scripts find.
std::string meta_of(const shell::Activation& activation) {
  const fs::path prefix = activation.prefix;
  std::string text = change_of(prefix / prefix::meta_folder) + "\n" +
                     change_of(prefix / prefix::history_file) + "\n";
  for (const shell::Operation& operation : activation.operations) {
    text += fmt::format("{} {}={}\n", static_cast<int>(operation.kind), operation.name,
                        operation.value);
  }
  return base::hash_text(base::HashKind::sha256, text);
}

std::string node_of(const host::HostReader& reader) {
  const std::string text = reader.read_text("/proc/cpuinfo").value_or("");
  std::string facts = reader.machine();
  for (const std::string_view key : {"vendor_id", "flags", "Features"}) {
    for (const std::string_view line : base::split_lines(text)) {
      if (!line.starts_with(key)) continue;
      facts += std::string(line) + "\n";
      break;
    }
  }
  return base::hash_text(base::HashKind::sha256, facts);
}

class Books {
 public:
  Books(const shell::Activation& activation, const std::vector<std::string>& scripts,
        const Locations& locations, const host::HostReader& reader)
      : reader_(reader),
        key_{activation.prefix, meta_of(activation), scripts, ""},
        in_prefix_(record_in_prefix(activation.prefix)),
        in_cache_(record_in_cache(locations, activation.prefix)) {}

  const RecordKey& key() const { return key_; }
  /// Reading what the processor can do takes a while on nodes with many.
  void learn_node() {
    if (key_.node.empty()) key_.node = node_of(reader_);
  }
  const fs::path& in_prefix() const { return in_prefix_; }
  const fs::path& in_cache() const { return in_cache_; }

  std::optional<ActivationRecord> found_in(const fs::path& file) {
    RecordsRead read = read_records(file, key_.prefix);
    if (!read.trouble.empty()) trouble_ = std::move(read.trouble);
    for (ActivationRecord& record : read.records) {
      if (!record.key.node.empty()) learn_node();
      if (still_holds(record, key_)) return std::move(record);
    }
    return std::nullopt;
  }
  std::optional<ActivationRecord> found() {
    auto record = found_in(in_prefix_);
    return record ? record : found_in(in_cache_);
  }
  const std::string& trouble() const { return trouble_; }

  /// Beside those of other kinds of node that are as good; what has outlived itself goes.
  Result<> add(const fs::path& file, const ActivationRecord& record) const {
    std::vector<ActivationRecord> records{record};
    for (ActivationRecord& other : read_records(file, key_.prefix).records) {
      const bool same_state = other.key.meta == key_.meta && other.key.scripts == key_.scripts;
      const bool other_node = !other.key.node.empty() && other.key.node != record.key.node;
      const bool other_places = other.outside != record.outside;
      if (same_state && (other_node || other_places) && records.size() < most_records) {
        records.push_back(std::move(other));
      }
    }
    return write_records(file, records);
  }

  /// For which state scripts have acted, and which did.
  void add_acted(RecordingRequest& request) const {
    for (const ActivationRecord& record : read_records(in_prefix_, key_.prefix).records) {
      if (record.acted_for != key_.meta) continue;
      request.acted_for = record.acted_for;
      request.acted = record.acted;
    }
  }

 private:
  const host::HostReader& reader_;
  RecordKey key_;
  fs::path in_prefix_;
  fs::path in_cache_;
  std::string trouble_;
};

bool is_stop(const Error& error) {
  return error.kind == ErrorKind::interrupted || error.kind == ErrorKind::terminated;
}

void name_refused(const ActivationRecord& record, base::Reporter& reporter) {
  for (const ScriptVerdict& verdict : record.scripts) {
    if (verdict.kind != ScriptClass::refused) continue;
    reporter.warning(
        fmt::format("the activation script {} is never run: it {}", verdict.path, verdict.reason));
  }
}

// What keeps scripts from being recorded keeps nobody out: they are sourced then.
Result<std::optional<ActivationRecord>> record_or_nothing(const RecordingRequest& request,
                                                          const LocalSeams& seams) {
  auto record = record_scripts(request, seams.runner, seams.reporter);
  if (record) return std::optional<ActivationRecord>(*std::move(record));
  if (is_stop(record.error())) return Failure(record.error());
  seams.reporter.detail("activation scripts are not recorded: " + record.error().message);
  return std::optional<ActivationRecord>();
}

// Holding the lock: scripts may act, and all later entries find the record.
Result<std::optional<ActivationRecord>> record_inside(Books& books, RecordingRequest request,
                                                      const LocalSeams& seams) {
  prefix::LockRequest wanted;
  wanted.purpose = "record activation";
  wanted.wait = patience_for_others;
  auto lock = prefix::PrefixLock::acquire_inside(books.key().prefix, wanted, seams.reporter);
  if (!lock) {
    if (is_stop(lock.error())) return Failure(lock.error());
    return std::optional<ActivationRecord>();
  }
  if ((*lock)->took_over()) return std::optional<ActivationRecord>();
  if (auto found = books.found_in(books.in_prefix())) return found;
  books.add_acted(request);
  request.acting = RecordingRequest::Acting::once;
  HPCENV_ASSIGN(auto record, record_or_nothing(request, seams));
  if (!record) return record;
  if (const auto written = books.add(books.in_prefix(), *record); !written) {
    seams.reporter.detail("not kept: " + written.error().message);
  }
  return record;
}

Result<std::optional<ActivationRecord>> record_aside(Books& books, const RecordingRequest& request,
                                                     const LocalSeams& seams) {
  HPCENV_ASSIGN(auto record, record_or_nothing(request, seams));
  if (!record) return record;
  auto kept = base::make_directories(books.in_cache().parent_path());
  if (kept) kept = books.add(books.in_cache(), *record);
  if (!kept) seams.reporter.detail("not kept: " + kept.error().message);
  return record;
}

bool can_be_written(const fs::path& prefix) {
  const auto is_open = [](const fs::path& folder) {
    return faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  };
  return is_open(prefix) && is_open(prefix / prefix::meta_folder);
}

// JSON holds the paths: those that are no text would never be found again.
bool can_be_recorded(const RecordKey& key) {
  return base::is_utf8(key.prefix) && std::ranges::all_of(key.scripts, [](const std::string& path) {
           return base::is_utf8(path);
         });
}

}  // namespace

std::vector<std::string> activate_scripts(const fs::path& prefix) {
  const fs::path directory = prefix / "etc" / "conda" / "activate.d";
  std::vector<std::string> scripts;
  const auto names = base::list_directory(directory);
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    if (name.ends_with(".sh")) scripts.push_back((directory / name).string());
  }
  return scripts;
}

fs::path record_in_prefix(const fs::path& prefix) { return prefix / prefix::activation_file; }

fs::path record_in_cache(const Locations& locations, const std::string& prefix) {
  constexpr std::size_t enough = 32;
  const std::string name =
      base::hash_text(base::HashKind::sha256, prefix).substr(0, enough) + ".json";
  return locations.root / "activation" / name;
}

std::optional<ActivationRecord> scripts_on_record(const shell::Activation& activation,
                                                  const std::vector<std::string>& scripts,
                                                  const Locations& locations,
                                                  const host::HostReader& reader) {
  return Books(activation, scripts, locations, reader).found();
}

Result<std::optional<ActivationRecord>> known_scripts(const shell::Activation& activation,
                                                      const std::vector<std::string>& scripts,
                                                      const Locations& locations,
                                                      const LocalSeams& seams) {
  Books books(activation, scripts, locations, seams.reader);
  if (auto found = books.found()) return found;
  const base::Environment& environment = seams.reader.environment();
  const auto bash = base::find_program("bash", environment);
  if (!bash || !can_be_recorded(books.key())) return std::optional<ActivationRecord>();
  if (!books.trouble().empty()) {
    seams.reporter.warning(books.trouble() + ": the activation scripts are recorded anew");
  }
  seams.reporter.step("Recording what activation scripts do");
  books.learn_node();
  RecordingRequest request;
  request.key = books.key();
  request.activation = activation;
  request.bash = bash->string();
  request.environment = environment;
  request.now = seams.clock.now();
  std::optional<ActivationRecord> record;
  if (can_be_written(books.key().prefix)) {
    HPCENV_ASSIGN(record, record_inside(books, request, seams));
  }
  if (!record) {
    HPCENV_ASSIGN(record, record_aside(books, request, seams));
  }
  if (record) name_refused(*record, seams.reporter);
  return record;
}

}  // namespace hpcenv::ops
