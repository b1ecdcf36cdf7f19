#include "host/recording_reader.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "base/fault.hpp"
#include "base/hex.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "host/json_members.hpp"
#include "host/node_profile.hpp"
#include "host/probe_end.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

struct HostRecorder::Notes {
  std::map<std::string, std::string> texts;                   ///< by path
  std::set<std::string> present;                              ///< paths that are there
  std::map<std::string, base::FileSystemFacts> file_systems;  ///< by path
  std::map<std::string, std::optional<MountFacts>> places;    ///< by path, as they were tried
  Json host = Json::object();                                 ///< what host.json holds
  std::mutex mutex;                                           ///< of all of them
};

namespace {

Json to_json(int number) { return number; }
Json to_json(const LibraryFacts& facts) { return library_to_json(facts); }

Json row_of(const LibcudaQuestion& question, const LibcudaAnswer& answer) {
  Json row = {{"library", question.library},
              {"stage", name_of(question.stage)},
              {"as_set", question.visible == LibcudaQuestion::VisibleDevices::as_set},
              {"end", name_of(answer.end)},
              {"detail", answer.detail},
              {"lines", Json::array()}};
  if (!question.dropped.empty()) row["dropped"] = question.dropped;
  for (std::size_t at = 0; at < answer.lines.size();) {
    const std::size_t end = std::min(answer.lines.find('\n', at), answer.lines.size());
    const auto line = base::parse_json(answer.lines.substr(at, end - at), "a line of the helper");
    if (line && line->is_object()) row["lines"].push_back(*line);
    at = end + 1;
  }
  return row;
}

const char* name_of(base::ProcessResult::End end) {
  switch (end) {
    case base::ProcessResult::End::exited:
      return "exited";
    case base::ProcessResult::End::signalled:
      return "signalled";
    case base::ProcessResult::End::timed_out:
      break;
  }
  return "timed_out";
}

std::string kept_output(const std::vector<std::string>& argv, const std::string& output) {
  if (base::join(argv, " ") != "scontrol show config") return output;
  std::string kept;
  for (const std::string_view line : base::split_lines(output)) {
    if (line.starts_with("SelectType")) kept += fmt::format("{}\n", line);
  }
  return kept;
}

Json row_of(const std::vector<std::string>& argv, const base::ProcessResult& result) {
  return {{"argv", argv},
          {"end", name_of(result.end)},
          {"code", result.code},
          {"output", kept_output(argv, result.output)},
          {"errors", result.errors}};
}

void add_once(Json& list, const Json& value) {
  if (!list.is_array()) list = Json::array();
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

bool is_folder_of(const std::map<std::string, std::string>& files, const std::string& path) {
  const std::string folder = path + "/";
  const auto first = files.lower_bound(folder);
  return first != files.end() && first->first.starts_with(folder);
}

/// Where a capture keeps a path. What the kernel shows has names of its own, which a host may
/// share.
std::string place_of(const std::string& path, const Masking& masking) {
  const bool is_kernels =
      path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
  return "root" + (is_kernels ? path : masking.text(path));
}

}  // namespace

/// One line a question: ask, note, hand on.
class HostRecorder::Reader final : public HostReader {
 public:
  Reader(const HostReader& real, Notes& notes)
      : real_(real), notes_(notes), environment_(real.environment()) {}

  void set_variable(const std::string& name, const std::string& value) {
    environment_.set(name, value);
  }

  std::optional<std::string> read_text(const std::string& path) const override {
    const std::scoped_lock lock(notes_.mutex);
    // Asked twice, the machine may have moved on; the capture has one answer, and so has this.
    if (const auto known = notes_.texts.find(path); known != notes_.texts.end()) {
      return known->second;
    }
    auto text = real_.read_text(path);
    if (text) {
      notes_.texts[path] = *text;
    } else if (real_.exists(path)) {
      notes_.present.insert(path);
      add_once(notes_.host["unreadable"], path);
    }
    return text;
  }

  std::vector<std::string> list(const std::string& path) const override {
    auto names = real_.list(path);
    const std::scoped_lock lock(notes_.mutex);
    for (const std::string& name : names) {
      const std::string entry = fmt::format("{}/{}", path == "/" ? "" : path, name);
      notes_.present.insert(entry);
      if (!real_.exists(entry)) add_once(notes_.host["missing"], entry);
    }
    return names;
  }

  bool exists(const std::string& path) const override {
    const bool is_there = real_.exists(path);
    const std::scoped_lock lock(notes_.mutex);
    if (is_there) notes_.present.insert(path);
    return is_there;
  }

  std::optional<std::string> real_path(const std::string& path) const override {
    auto real = real_.real_path(path);
    const std::scoped_lock lock(notes_.mutex);
    if (real) notes_.present.insert(path);
    if (real && *real != path) notes_.host["links"][path] = *real;
    return real;
  }

  std::string openable(const std::string& path) const override {
    static_cast<void>(library(path));
    return real_.openable(path);
  }
  std::optional<LibraryFacts> library(const std::string& path) const override {
    return noted("libraries", path, real_.library(path));
  }
  std::optional<base::FileSystemFacts> file_system(const std::string& path) const override {
    {
      const std::scoped_lock lock(notes_.mutex);
      const auto place = notes_.places.find(path);
      if (place != notes_.places.end() && place->second) return place->second->facts;
      const auto known = notes_.file_systems.find(path);
      if (known != notes_.file_systems.end()) return known->second;
    }
    auto facts = real_.file_system(path);
    if (!facts) return facts;
    const std::scoped_lock lock(notes_.mutex);
    return notes_.file_systems.try_emplace(path, *facts).first->second;
  }
  std::vector<std::optional<MountFacts>> places(const std::vector<std::string>& paths,
                                                Trial trial) const override {
    const std::scoped_lock lock(notes_.mutex);
    std::vector<std::string> asked;
    std::ranges::copy_if(paths, std::back_inserter(asked),
                         [&](const std::string& path) { return !notes_.places.contains(path); });
    const auto found = real_.places(asked, trial);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto known = notes_.file_systems.find(asked[i]);
      auto& place = notes_.places[asked[i]] = found[i];
      if (place && known != notes_.file_systems.end()) place->facts = known->second;
    }
    std::vector<std::optional<MountFacts>> all;
    all.reserve(paths.size());
    for (const std::string& path : paths) all.push_back(notes_.places[path]);
    return all;
  }
  std::optional<int> open_error(const std::string& path) const override {
    return noted("open_errors", path, real_.open_error(path));
  }

  LibcudaAnswer ask_libcuda(const LibcudaQuestion& question) const override {
    LibcudaAnswer answer = real_.ask_libcuda(question);
    const std::scoped_lock lock(notes_.mutex);
    add_once(notes_.host["answers"], row_of(question, answer));
    return answer;
  }

  const base::Environment& environment() const override { return environment_; }
  std::string hostname() const override { return real_.hostname(); }
  std::string kernel_release() const override { return real_.kernel_release(); }
  std::string machine() const override { return real_.machine(); }
  bool is_root() const override { return real_.is_root(); }
  std::optional<std::int64_t> taken_at() const override { return real_.taken_at(); }

 private:
  template <class T>
  std::optional<T> noted(const char* table, const std::string& path,
                         std::optional<T> answer) const {
    if (!answer) return answer;
    const std::scoped_lock lock(notes_.mutex);
    notes_.host[table][path] = to_json(*answer);
    return answer;
  }

  const HostReader& real_;
  Notes& notes_;
  base::Environment environment_;
};

class HostRecorder::Runner final : public base::ProcessRunner {
 public:
  Runner(base::ProcessRunner& real, Notes& notes) : real_(real), notes_(notes) {}

  Result<base::ProcessResult> run(const base::ProcessRequest& request) override {
    auto result = real_.run(request);
    if (!result) return result;
    const std::scoped_lock lock(notes_.mutex);
    add_once(notes_.host["programs"], row_of(request.argv, *result));
    return result;
  }

 private:
  base::ProcessRunner& real_;
  Notes& notes_;
};

HostRecorder::HostRecorder(const HostReader& real, base::ProcessRunner& programs)
    : notes_(std::make_unique<Notes>()),
      reader_(std::make_unique<Reader>(real, *notes_)),
      runner_(std::make_unique<Runner>(programs, *notes_)) {}

HostRecorder::~HostRecorder() = default;

const HostReader& HostRecorder::reader() const { return *reader_; }

base::ProcessRunner& HostRecorder::runner() { return *runner_; }

void HostRecorder::set_variable(const std::string& name, const std::string& value) {
  reader_->set_variable(name, value);
}

std::string HostRecorder::packed() const {
  Json all = {{"texts", Json::object()},
              {"present", notes_->present},
              {"host", notes_->host},
              {"file_systems", Json::object()}};
  for (const auto& [path, facts] : notes_->file_systems) {
    all["file_systems"][path] = file_system_to_json(facts);
  }
  for (const auto& [path, text] : notes_->texts) all["texts"][path] = base::hex_of(text);
  return base::dump_json_line(all);
}

void HostRecorder::add(std::string_view packed) {
  const auto all = base::parse_json(packed, "what was noted apart");
  if (!all) return;
  const Json texts = object_in(*all, "texts");
  for (const auto& [path, hex] : texts.items()) {
    notes_->texts[path] = base::bytes_of(hex.get<std::string>());
  }
  for (const std::string& path : base::strings_or_empty(*all, "present")) {
    notes_->present.insert(path);
  }
  const Json file_systems = object_in(*all, "file_systems");
  for (const auto& [path, facts] : file_systems.items()) {
    notes_->file_systems.try_emplace(path, file_system_from_json(facts));
  }
  const Json host = object_in(*all, "host");
  for (const auto& [table, rows] : host.items()) {
    if (rows.is_object()) {
      notes_->host[table].update(rows);
      continue;
    }
    for (const Json& row : rows) add_once(notes_->host[table], row);
  }
}

CaptureFiles HostRecorder::files(const Masking& masking, std::int64_t taken_at) const {
  Json host = {{"hostname", reader_->hostname()},
               {"kernel", reader_->kernel_release()},
               {"machine", reader_->machine()},
               {"is_root", reader_->is_root()},
               {"taken_at", taken_at},
               {"environment", Json::object()}};
  const base::Environment allowed = allowed_environment(reader_->environment());
  for (const auto& [name, value] : allowed.all()) host["environment"][name] = value;
  host.update(notes_->host);
  for (const auto& [path, facts] : notes_->file_systems) {
    host["file_systems"][path] = file_system_to_json(facts);
  }
  for (const auto& [path, mount] : notes_->places) {
    if (mount) host["file_systems"][path] = mount_to_json(*mount);
    // Where the path is not there yet, its parent answered.
    if (!mount || mount->missing) add_once(host["missing"], path);
  }
  CaptureFiles files;
  for (const auto& [path, text] : notes_->texts) {
    files[place_of(path, masking)] = masking.text(text);
  }
  const Json links = object_in(host, "links");
  const Json libraries = object_in(host, "libraries");
  for (const std::string& path : notes_->present) {
    const std::string place = place_of(path, masking);
    const bool is_told = links.contains(path) || libraries.contains(path) ||
                         files.contains(place) || is_folder_of(files, place);
    if (!is_told) host["present"].push_back(path);
  }
  files["host.json"] = base::dump_json(masking.json(host));
  return files;
}

Result<> require_free_folder(const std::filesystem::path& folder) {
  const auto listed = base::list_directory(folder);
  const bool is_free = listed.has_value() ? listed->empty() : !base::path_exists(folder);
  if (is_free) return {};
  return fail_hint(ErrorKind::refused, fmt::format("{} is there already", folder.string()),
                   "name a folder that does not exist, or an empty one");
}

Result<> write_capture(const CaptureFiles& files, const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  HPCENV_ASSIGN(const fs::path place, base::resolve_path(folder));
  HPCENV_TRY(require_free_folder(place));
  HPCENV_TRY(base::make_directories(place.parent_path()));
  HPCENV_ASSIGN(const fs::path aside,
                base::make_private_directory(place.parent_path(), ".hpcenv-capture-"));
  const auto written = [&]() -> Result<> {
    for (const auto& [name, text] : files) {
      HPCENV_TRY(base::make_directories((aside / name).parent_path()));
      HPCENV_TRY(base::write_file(aside / name, text));
    }
    base::fault_point("capture.rename");
    return base::rename_path(aside, place);
  }();
  if (!written) static_cast<void>(base::remove_tree(aside));
  return written;
}

}  // namespace hpcenv::host
