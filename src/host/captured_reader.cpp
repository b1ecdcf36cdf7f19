#include "host/captured_reader.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/json.hpp"
#include "host/probe_end.hpp"
#include "host/storage_facts.hpp"

namespace hpcenv::host {

namespace {

using base::Json;

const Json& member(const Json& object, const char* key) {
  static const Json nothing = Json::object();
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

bool flag(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_boolean() && value.get<bool>();
}

class CapturedReader final : public HostReader {
 public:
  CapturedReader(std::filesystem::path root, Json host)
      : root_(std::move(root)), host_(std::move(host)) {
    for (const auto& [name, value] : member(host_, "environment").items()) {
      environment_.set(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }

  std::optional<std::string> read_text(const std::string& path) const override {
    if (is_in("unreadable", path)) return std::nullopt;
    Result<std::string> text = base::read_file(place_of(path));
    if (!text) return std::nullopt;
    return *std::move(text);
  }

  std::vector<std::string> list(const std::string& path) const override {
    std::set<std::string> names;
    if (const auto files = base::list_directory(place_of(path))) {
      names.insert(files->begin(), files->end());
    }
    const std::string folder = path == "/" ? path : path + "/";
    const auto add = [&](const std::string& file) {
      if (!file.starts_with(folder)) return;
      const std::string name = file.substr(folder.size());
      names.insert(name.substr(0, name.find('/')));
    };
    for (const char* table : {"links", "libraries"}) {
      for (const auto& [file, known] : member(host_, table).items()) add(file);
    }
    for (const std::string& file : base::strings_or_empty(host_, "present")) add(file);
    return {names.begin(), names.end()};
  }

  bool exists(const std::string& path) const override {
    if (is_in("missing", path)) return false;
    return member(host_, "links").contains(path) || member(host_, "libraries").contains(path) ||
           member(host_, "file_systems").contains(path) || is_in("present", path) ||
           base::path_exists(place_of(path));
  }

  std::optional<std::string> real_path(const std::string& path) const override {
    if (!exists(path)) return std::nullopt;
    return base::string_or(member(host_, "links"), path, path);
  }

  std::string openable(const std::string& path) const override { return place_of(path); }
  std::optional<LibraryFacts> library(const std::string& path) const override {
    const Json& known = member(host_, "libraries");
    const auto found = known.find(path);
    return found == known.end() ? read_library(place_of(path)) : library_from_json(*found);
  }

  std::optional<int> open_error(const std::string& path) const override {
    const Json& known = member(host_, "open_errors");
    const auto found = known.find(path);
    if (found == known.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<int>();
  }

  const base::Environment& environment() const override { return environment_; }
  std::optional<std::int64_t> taken_at() const override {
    const Json& time = member(host_, "taken_at");
    if (!time.is_number_integer()) return std::nullopt;
    return time.get<std::int64_t>();
  }
  std::string hostname() const override { return base::string_or(host_, "hostname"); }
  std::string kernel_release() const override { return base::string_or(host_, "kernel"); }
  std::string machine() const override { return base::string_or(host_, "machine"); }
  bool is_root() const override { return flag(host_, "is_root"); }

  std::optional<base::FileSystemFacts> file_system(const std::string& path) const override {
    const auto mount = mount_of(path);
    return mount ? std::optional(mount->facts) : std::nullopt;
  }

  std::vector<std::optional<MountFacts>> places(const std::vector<std::string>& paths,
                                                Trial /*trial*/) const override {
    std::vector<std::optional<MountFacts>> known;
    known.reserve(paths.size());
    for (const std::string& path : paths) known.push_back(mount_of(path));
    return known;
  }

  LibcudaAnswer ask_libcuda(const LibcudaQuestion& question) const override {
    const std::string_view stage = name_of(question.stage);
    const bool as_set = question.visible == LibcudaQuestion::VisibleDevices::as_set;
    const Json* like_it = nullptr;
    for (const Json& row : member(host_, "answers")) {
      const bool same = base::string_or(row, "library") == question.library &&
                        base::string_or(row, "stage") == stage && flag(row, "as_set") == as_set;
      if (!same) continue;
      if (base::strings_or_empty(row, "dropped") == question.dropped) return answer_of(row);
      if (like_it == nullptr) like_it = &row;
    }
    // By hand nobody writes down what was taken out of LD_LIBRARY_PATH.
    if (like_it != nullptr) return answer_of(*like_it);
    LibcudaAnswer none;
    none.detail = "this was not asked when the machine was captured";
    return none;
  }

 private:
  std::string place_of(const std::string& path) const { return root_.native() + path; }

  bool is_in(const char* list, const std::string& path) const {
    const Json& paths = member(host_, list);
    return paths.is_array() && std::ranges::find(paths, Json(path)) != paths.end();
  }

  /// As the nearest folder is that the capture knows.
  std::optional<MountFacts> mount_of(const std::string& path) const {
    const Json& known = member(host_, "file_systems");
    for (std::filesystem::path folder = path;; folder = folder.parent_path()) {
      const auto found = known.find(folder.native());
      if (found != known.end()) {
        MountFacts mount = mount_from_json(*found);
        mount.path = path;
        const bool is_below = folder != path && !mount.missing;
        if (is_below || mount.existing.empty()) mount.existing = path;
        return mount;
      }
      if (folder == folder.parent_path()) return std::nullopt;
    }
  }

  static LibcudaAnswer answer_of(const Json& row) {
    LibcudaAnswer answer;
    std::string lines;
    for (const Json& line : member(row, "lines")) lines += base::dump_json_line(line) + "\n";
    read_probe_lines(lines, answer);
    answer.end = probe_end_from(base::string_or(row, "end"));
    if (row.contains("detail")) answer.detail = base::string_or(row, "detail");
    return answer;
  }

  std::filesystem::path root_;
  Json host_;
  base::Environment environment_;
};

using ProcessEnd = base::ProcessResult::End;

ProcessEnd process_end(const std::string& name) {
  if (name == "timed_out") return ProcessEnd::timed_out;
  return name == "signalled" ? ProcessEnd::signalled : ProcessEnd::exited;
}

class CapturedPrograms final : public base::ProcessRunner {
 public:
  explicit CapturedPrograms(Json host) : host_(std::move(host)) {}

  Result<base::ProcessResult> run(const base::ProcessRequest& request) override {
    for (const Json& row : member(host_, "programs")) {
      if (!is_question(base::strings_or_empty(row, "argv"), request.argv)) continue;
      base::ProcessResult result;
      result.end = process_end(base::string_or(row, "end"));
      result.code = static_cast<int>(base::integer_or(row, "code"));
      result.output = base::string_or(row, "output");
      result.errors = base::string_or(row, "errors");
      return result;
    }
    return fail(ErrorKind::not_found, "{}: not asked when the machine was captured",
                request.argv.front());
  }

 private:
  static bool is_question(const std::vector<std::string>& known,
                          const std::vector<std::string>& asked) {
    return std::ranges::equal(known, asked, [](const std::string& one, const std::string& other) {
      return one == "*" || one == other;
    });
  }

  Json host_;
};

Result<Json> read_host(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "host.json";
  HPCENV_ASSIGN(const std::string text, base::read_file(file));
  HPCENV_ASSIGN(Json host, base::parse_json(text, file.native()));
  for (const char* key : {"hostname", "kernel", "machine"}) {
    HPCENV_TRY(base::require_string(host, key, file.native()));
  }
  return host;
}

}  // namespace

Result<std::unique_ptr<HostReader>> open_captured_host(const std::filesystem::path& folder) {
  HPCENV_ASSIGN(Json host, read_host(folder));
  std::unique_ptr<HostReader> reader =
      std::make_unique<CapturedReader>(folder / "root", std::move(host));
  return reader;
}

Result<std::unique_ptr<base::ProcessRunner>> open_captured_programs(
    const std::filesystem::path& folder) {
  HPCENV_ASSIGN(Json host, read_host(folder));
  std::unique_ptr<base::ProcessRunner> runner = std::make_unique<CapturedPrograms>(std::move(host));
  return runner;
}

}  // namespace hpcenv::host
