#include "ops/image_stage.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <unordered_set>
#include <utility>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"
#include "conda/platform.hpp"
#include "ops/activate.hpp"
#include "ops/known_scripts.hpp"
#include "prefix/bytecode.hpp"
#include "prefix/layout_names.hpp"
#include "shell/recorded_json.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view stage_prefix = "stage-";
constexpr std::string_view activation_folder = "etc/conda/activate.d/";
constexpr std::string_view variables_folder = "etc/conda/env_vars.d/";

bool is_link_script(std::string_view path) {
  return path.starts_with("bin/.") &&
         (path.ends_with("-post-link.sh") || path.ends_with("-pre-link.sh"));
}

/// What has to be run before the image's variables are known; nothing else asks for a stage.
struct Scripts {
  bool link = false;
  bool activation = false;
  bool variables = false;  ///< env_vars.d
};

Scripts scripts_of(const prefix::Layout& layout) {
  Scripts scripts;
  for (const prefix::PlannedPath& path : layout.paths) {
    if (is_link_script(path.target)) scripts.link = true;
    if (path.target.starts_with(activation_folder)) scripts.activation = true;
    if (path.target.starts_with(variables_folder)) scripts.variables = true;
  }
  return scripts;
}

bool continues_a_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

/// Replaces a path, not the beginning of a longer name ("/env" in "/env2").
/// `from` is not empty.
std::string with_path_replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result;
  while (true) {
    const std::size_t at = text.find(from);
    if (at == std::string_view::npos) break;
    const std::size_t end = at + from.size();
    const bool is_longer = end < text.size() && continues_a_name(text[end]);
    result += text.substr(0, at);
    result += is_longer ? from : to;
    text.remove_prefix(end);
  }
  return result += text;
}

/// Rules that were recorded in one prefix, for another: its path stands in values and in the names
/// of scripts.
Result<shell::Recorded> moved(const shell::Recorded& recorded, const std::string& from,
                              const std::string& to) {
  const std::string text = base::dump_json_line(shell::recorded_to_json(recorded));
  HPCENV_ASSIGN(const base::Json json,
                base::parse_json(with_path_replaced(text, from, to), "the activation's record"));
  return shell::recorded_from_json(json);
}

/// Names of the activation scripts of an environment, and of those that its packages bring.
std::vector<std::string> script_names(const fs::path& prefix) {
  std::vector<std::string> names;
  for (const std::string& script : activate_scripts(prefix)) {
    names.push_back(fs::path(script).filename().native());
  }
  return names;
}
std::vector<std::string> script_names(const prefix::Layout& layout) {
  std::vector<std::string> names;
  for (const prefix::PlannedPath& path : layout.paths) {
    if (path.target.starts_with(activation_folder) && path.target.ends_with(".sh")) {
      names.push_back(path.target.substr(activation_folder.size()));
    }
  }
  std::ranges::sort(names);
  return names;
}

/// What the environment's own record says, where it has these very scripts and none of them did
/// more than set variables.
std::optional<shell::Activation> activation_on_record(const StageRequest& request,
                                                      const Locations& locations,
                                                      const Seams& seams) {
  if (!request.environment) return std::nullopt;
  const fs::path& own = request.environment->prefix;
  const auto record = record_of(*request.environment, locations, seams.reader);
  const bool is_whole = record && record->acted.empty() && record->key.node.empty();
  if (!is_whole || script_names(own) != script_names(request.layout)) return std::nullopt;
  shell::Activation activation;
  activation.prefix = own.native();
  use_record(*record, ForNode::any, activation);
  return activation;
}

/// For the prefix in the image: `known` was recorded elsewhere.
Result<> take_activation(const StageRequest& request, const shell::Activation& known,
                         const std::vector<prefix::StateVariable>& variables, Stage& stage) {
  shell::ActivationInput input;
  input.prefix = request.prefix;
  input.environment_name = request.contents.name;
  for (const prefix::StateVariable& variable : variables) {
    input.variables.emplace_back(variable.name, variable.value);
  }
  HPCENV_ASSIGN(input.recorded, moved(known.recorded, known.prefix, request.prefix));
  stage.activation = shell::activation_of(input);
  for (const std::string& script : known.live_scripts) {
    stage.notes.push_back(
        fmt::format("what {} does depends on where it is run: it is not in the image's variables",
                    fs::path(script).filename().native()));
  }
  return {};
}

bool has_modules_to_compile(const StageRequest& request) {
  if (!request.python.has_value() || request.compiled_packages.empty()) return false;
  const std::vector<std::size_t> modules =
      prefix::modules_to_compile(request.layout, request.packages, *request.python);
  return std::ranges::any_of(modules, [&](std::size_t index) {
    return std::ranges::find(request.compiled_packages, request.layout.paths[index].package) !=
           request.compiled_packages.end();
  });
}

class Staging {
 public:
  Staging(const StageRequest& request, const Locations& locations, const Seams& seams, Stage& stage,
          fs::path prefix)
      : request_(request),
        locations_(locations),
        seams_(seams),
        stage_(stage),
        prefix_(std::move(prefix)) {}

  Result<> link() {
    prefix::Plan plan = request_.contents.plan;
    plan.prefix = prefix_;
    plan.unlink.clear();
    prefix::LinkOptions options = request_.link;
    options.bytecode = prefix::LinkOptions::Bytecode::leave;
    options.scripts = prefix::LinkOptions::Scripts::run;
    HPCENV_ASSIGN(
        const prefix::Prepared prepared,
        prefix::prepare_create(plan, request_.packages, options, seams_.runner, seams_.reporter));
    HPCENV_ASSIGN(const std::vector<std::string> messages,
                  prefix::commit_create(prepared, seams_.runner));
    stage_.notes.insert(stage_.notes.end(), messages.begin(), messages.end());
    return {};
  }

  /// As conda does: after the scripts, which may write what activation reads.
  Result<> activate() {
    HPCENV_ASSIGN(const std::vector<prefix::StateVariable> variables,
                  prefix::state_variables(prefix_));
    HPCENV_ASSIGN(const shell::Activation known, recorded_activation());
    return take_activation(request_, known, variables, stage_);
  }

  /// Before Python runs in it, so that what the scripts wrote is told from bytecode.
  Result<> collect_written() {
    std::unordered_set<std::string_view> owned;
    for (const prefix::PlannedPath& path : request_.layout.paths) owned.insert(path.target);
    std::error_code error;
    fs::recursive_directory_iterator walk(prefix_, error);
    for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
      const std::string relative = walk->path().lexically_relative(prefix_).native();
      if (relative == prefix::meta_folder || relative == prefix::own_folder) {
        walk.disable_recursion_pending();
        continue;
      }
      if (owned.contains(relative)) continue;
      HPCENV_TRY(add_written(walk->path(), relative));
    }
    if (!error) return {};
    return fail_errno(error.value(), fmt::format("cannot read {}", prefix_.native()));
  }

  Result<> compile() {
    prefix::BytecodeJob job;
    job.directory = prefix_;
    job.prefix = request_.prefix;
    job.python = *request_.python;
    job.form = prefix::BytecodeJob::Form::lasting;
    job.jobs = base::available_processors();
    std::vector<std::size_t> owners;
    for (const std::size_t index :
         prefix::modules_to_compile(request_.layout, request_.packages, *request_.python)) {
      const prefix::PlannedPath& path = request_.layout.paths[index];
      if (std::ranges::find(request_.compiled_packages, path.package) ==
          request_.compiled_packages.end()) {
        continue;
      }
      job.sources.push_back(path.target);
      job.groups.push_back(path.package);
    }
    if (job.sources.empty()) return {};
    seams_.reporter.step("Compiling Python files");
    HPCENV_ASSIGN(const prefix::Bytecode made, prefix::compile_bytecode(job, seams_.runner));
    if (!made.problem.empty()) {
      stage_.is_complete = false;
      stage_.notes.push_back(fmt::format(
          "Python files are not compiled in the image, programs start slower: {}", made.problem));
    }
    for (std::size_t i = 0; i < made.files.size(); ++i) {
      if (made.files[i].empty()) continue;
      stage_.bytecode.push_back({job.groups[i], prefix_ / made.files[i], made.files[i]});
    }
    return {};
  }

 private:
  Result<shell::Activation> recorded_activation() {
    if (auto known = activation_on_record(request_, locations_, seams_)) return std::move(*known);
    const LocalSeams local{seams_.reader, seams_.runner, seams_.reporter, seams_.clock};
    HPCENV_ASSIGN(KnownActivation known, known_activation({prefix_, request_.contents.name},
                                                          ForNode::any, locations_, local));
    return std::move(known.activation);
  }

  Result<> add_written(const fs::path& file, const std::string& relative) {
    struct stat status{};
    if (lstat(file.c_str(), &status) != 0) {
      return fail_errno(errno, fmt::format("cannot examine {}", file.native()));
    }
    if (S_ISDIR(status.st_mode) || file.extension() == ".pyc") return {};
    image::LayerEntry entry;
    entry.path = request_.prefix.substr(1) + "/" + relative;
    entry.modified = image::undated;
    if (S_ISLNK(status.st_mode)) {
      entry.kind = image::LayerEntry::Kind::symlink;
      entry.mode = 0777;
      std::error_code error;
      entry.text = base::replace_all(fs::read_symlink(file, error).native(), prefix_.native(),
                                     request_.prefix);
    } else if (S_ISREG(status.st_mode)) {
      HPCENV_TRY(describe_written(file, status, entry));
    } else {
      stage_.notes.push_back(fmt::format("{} is left out: it is no file", relative));
      return {};
    }
    stage_.written.push_back(std::move(entry));
    return {};
  }

  /// The stage's path in it becomes the image's, as in files of packages.
  Result<> describe_written(const fs::path& file, const struct stat& status,
                            image::LayerEntry& entry) const {
    entry.source = file;
    entry.mode = (status.st_mode & S_IXUSR) != 0 ? 0755 : 0644;
    entry.size = static_cast<std::uint64_t>(status.st_size);
    HPCENV_ASSIGN(const std::string bytes, base::read_file(file));
    if (bytes.find(prefix_.native()) == std::string::npos) return {};
    const bool is_binary = bytes.find('\0') != std::string::npos;
    entry.patch = image::Patch{is_binary ? conda::FileMode::binary : conda::FileMode::text,
                               prefix_.native(), request_.prefix};
    if (!is_binary || request_.prefix.size() <= prefix_.native().size()) return {};
    return fail(ErrorKind::refused,
                "a link script wrote {}, a binary file with its path in it, which is shorter than "
                "{}",
                file.native(), request_.prefix);
  }

  const StageRequest& request_;
  const Locations& locations_;
  const Seams& seams_;
  Stage& stage_;
  fs::path prefix_;
};

/// What killed builds left more than a day ago.
void sweep(const fs::path& folder, std::int64_t now) {
  constexpr std::int64_t day = 86'400;
  const auto names = base::list_directory(folder);
  if (!names) return;
  for (const std::string& name : *names) {
    struct stat status{};
    if (!name.starts_with(stage_prefix) || lstat((folder / name).c_str(), &status) != 0) continue;
    if (now - status.st_mtim.tv_sec > day) static_cast<void>(base::remove_tree(folder / name));
  }
}

}  // namespace

Stage::Stage(Stage&& other) noexcept { *this = std::move(other); }

Stage& Stage::operator=(Stage&& other) noexcept {
  bytecode = std::move(other.bytecode);
  written = std::move(other.written);
  activation = std::move(other.activation);
  notes = std::move(other.notes);
  is_complete = other.is_complete;
  std::swap(folder_, other.folder_);
  return *this;
}

Stage::~Stage() {
  if (!folder_.empty()) static_cast<void>(base::remove_tree(folder_));
}

Result<Stage> make_stage(const StageRequest& request, const Locations& locations,
                         const Seams& seams) {
  Stage stage;
  const Scripts scripts = scripts_of(request.layout);
  const bool compiles = has_modules_to_compile(request);
  shell::Activation known;
  known.prefix = request.prefix;
  bool is_known = !scripts.activation;
  if (const auto recorded = activation_on_record(request, locations, seams)) {
    known = *recorded;
    is_known = true;
  }
  HPCENV_TRY(take_activation(request, known, request.contents.plan.variables, stage));
  if (is_known && !compiles && !scripts.link && !scripts.variables) return stage;
  if (request.contents.subdir != conda::native_subdir()) {
    stage.notes.push_back(fmt::format(
        "programs for {} do not run here: Python files are not compiled, and scripts of packages "
        "are not run",
        request.contents.subdir));
    return stage;
  }
  stage.notes.clear();
  HPCENV_TRY(base::make_directories(locations.root / "images"));
  sweep(locations.root / "images", seams.clock.now());
  HPCENV_ASSIGN(stage.folder_,
                base::make_private_directory(locations.root / "images", stage_prefix));
  Staging staging(request, locations, seams, stage, stage.folder_ / request.contents.name);
  seams.reporter.step("Preparing");
  HPCENV_TRY(staging.link());
  HPCENV_TRY(staging.activate());
  HPCENV_TRY(staging.collect_written());
  if (compiles) HPCENV_TRY(staging.compile());
  return stage;
}

}  // namespace hpcenv::ops
