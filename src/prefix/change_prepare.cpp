#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>

#include "base/clock.hpp"
#include "base/fault.hpp"
#include "base/fs.hpp"
#include "prefix/change.hpp"
#include "prefix/change_draft.hpp"
#include "prefix/change_steps.hpp"
#include "prefix/change_trial.hpp"
#include "prefix/clobbers.hpp"
#include "prefix/layout_names.hpp"
#include "prefix/link_scripts.hpp"
#include "prefix/noarch_python.hpp"
#include "prefix/prepare.hpp"
#include "prefix/records.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

namespace {

namespace fs = std::filesystem;

/// "2026-11-26-041530"
std::string date_of(std::int64_t now) {
  std::string text = base::utc_text(now);
  std::erase(text, ':');
  std::ranges::replace(text, ' ', '-');
  return text;
}

Result<PrefixState> state_of(const fs::path& prefix) {
  if (is_environment(prefix)) return read_state(prefix);
  PrefixState state;
  state.prefix = prefix;
  HPCENV_ASSIGN(state.fingerprint, fingerprint(prefix));
  return state;
}

std::string text_or_empty(const fs::path& file) {
  return base::read_file(file).value_or(std::string());
}

class Preparation {
 public:
  Preparation(InnerChange& change, const Plan& plan,
              const std::vector<conda::UnpackedPackage>& packages, const PrefixState& state)
      : change_(change),
        work_(change.work),
        plan_(plan),
        packages_(packages),
        owners_(state, plan),
        now_(change.options.now != 0 ? change.options.now : base::SystemClock().now()) {}

  Result<> run(base::ProcessRunner& runner, base::Reporter& reporter) {
    HPCENV_ASSIGN(const std::optional<PythonFacts> installed, installed_python());
    HPCENV_ASSIGN(Blueprint blueprint,
                  draw_blueprint(plan_, packages_, change_.options, work_.prefix, installed));
    if (blueprint.python_home.empty()) blueprint.library_path = library_path();
    clobbers_ = settle_clobbers(blueprint, owners_);
    HPCENV_TRY(make_directory(work_.fresh()));
    HPCENV_TRY(make_directory(work_.trash()));
    HPCENV_ASSIGN(std::vector<conda::PrefixRecord> records, fill(blueprint, runner, reporter));
    HPCENV_TRY(prepare_moves(clobbers_, work_));
    HPCENV_TRY(write_metadata(records, blueprint.jobs));
    HPCENV_ASSIGN(ChangeDraft draft, draft_change(work_, owners_, clobbers_));
    change_.record = std::move(draft.record);
    change_.report.kept = std::move(draft.kept);
    change_.record.date = date_of(now_);
    change_.record.scripts = std::move(first_scripts_);
    HPCENV_TRY(add_metadata_steps());
    HPCENV_TRY(make_kept_directories());
    HPCENV_TRY(copy_unlinkable(change_.record, work_));
    HPCENV_TRY(try_directories(change_.record, work_));
    return write_ballast(change_.record, work_);
  }

 private:
  static Result<> make_directory(const fs::path& path) {
    base::fault_point("change.mkdir");
    if (mkdir(path.c_str(), 0777) == 0) return {};
    return fail_errno(errno, fmt::format("cannot make directory {}", path.native()));
  }

  Result<std::optional<PythonFacts>> installed_python() const {
    std::vector<conda::PackageRecord> records;
    for (const conda::PrefixRecord* package : owners_.staying()) {
      if (package->record.name == "python") records.push_back(package->record);
    }
    return python_facts(records);
  }

  /// The new python is run where it lies, before the rest of its libraries is beside it: its own
  /// come first, those that stay in the prefix next.
  std::string library_path() const {
    return fmt::format("{}:{}", (work_.fresh() / "lib").native(), (work_.prefix / "lib").native());
  }

  Result<std::vector<conda::PrefixRecord>> fill(const Blueprint& blueprint,
                                                base::ProcessRunner& runner,
                                                base::Reporter& reporter) {
    Prepared tree;
    tree.directory = work_.fresh();
    tree.prefix = work_.prefix;
    tree.messages = blueprint.layout.messages;
    tree.messages.insert(tree.messages.end(), clobbers_.messages.begin(), clobbers_.messages.end());
    HPCENV_ASSIGN(tree.scripts,
                  post_link_scripts(blueprint.layout, packages_, work_.prefix, change_.options));
    HPCENV_TRY(collect_first_scripts(blueprint));
    HPCENV_ASSIGN(std::vector<conda::PrefixRecord> records,
                  fill_directory(blueprint, tree, runner, reporter));
    for (std::size_t i = 0; i < tree.scripts.size(); ++i) {
      HPCENV_TRY(base::write_file(work_.fresh() / pending_script_file(work_.token, i),
                                  tree.scripts[i].text));
    }
    change_.report.files = tree.files;
    change_.report.bytes = tree.bytes;
    change_.report.messages = std::move(tree.messages);
    return records;
  }

  /// What has to run before the first step.
  Result<> collect_first_scripts(const Blueprint& blueprint) {
    if (change_.options.scripts == LinkOptions::Scripts::leave) return {};
    std::vector<LinkScript> scripts;
    for (const conda::PrefixRecord* package : owners_.leaving()) {
      const conda::PackageRecord& record = package->record;
      LinkScript script{"pre-unlink", record.name,         record.version,
                        record.build, record.build_number, {}};
      const auto owner = owners_.find(script.path());
      if (owner.has_value() && base::path_exists(work_.prefix / script.path())) {
        scripts.push_back(std::move(script));
      }
    }
    for (LinkScript& script : scripts_in(blueprint.layout, packages_, "pre-link")) {
      scripts.push_back(std::move(script));
    }
    HPCENV_TRY(require_bash(scripts, {}, work_.prefix, change_.options.environment));
    for (const LinkScript& script : scripts) first_scripts_.push_back(link_script_text(script));
    return {};
  }

  Result<> write_metadata(const std::vector<conda::PrefixRecord>& records, std::size_t jobs) {
    MetaTexts texts;
    texts.history = text_or_empty(work_.prefix / history_file);
    if (!texts.history.empty() && !texts.history.ends_with('\n')) texts.history += '\n';
    texts.history += history_block(plan_, now_, change_.options.tool);
    texts.state = state_text(text_or_empty(work_.prefix / state_file), plan_.variables);
    for (const auto& [package, renamed] : clobbers_.renamed) {
      HPCENV_ASSIGN(texts.others[package->record.dist_name() + ".json"],
                    renamed_record(*package, renamed, work_.prefix));
    }
    return write_conda_meta(work_.fresh(), records, texts, jobs);
  }

  /// Records of packages that left, records of new ones, state; the history by itself.
  Result<> add_metadata_steps() {
    HPCENV_ASSIGN(const MetaFingerprint fresh, fingerprint(work_.fresh()));
    std::map<std::string, std::string> after = lines_of(plan_.based_on.text);
    change_.record.meta_before = plan_.based_on.text;
    for (const auto& [name, line] : lines_of(fresh.text)) after[name] = line;
    for (const conda::PrefixRecord* package : owners_.leaving()) {
      const std::string name = package->record.dist_name() + ".json";
      if (base::path_exists(work_.fresh() / meta_folder / name)) continue;
      after.erase(name);
      add(Phase::metadata, Step::Kind::trash, fmt::format("{}/{}", meta_folder, name));
    }
    HPCENV_ASSIGN(const std::vector<std::string> names,
                  base::list_directory(work_.fresh() / meta_folder));
    for (const std::string& name : names) {
      const std::string path = fmt::format("{}/{}", meta_folder, name);
      const bool replaces = base::path_exists(work_.prefix / path);
      add(path == history_file ? Phase::history : Phase::metadata,
          replaces ? Step::Kind::replace : Step::Kind::place, path);
    }
    for (const auto& [name, line] : after) change_.record.meta_after += line;
    return {};
  }

  static std::map<std::string, std::string> lines_of(std::string_view fingerprint) {
    std::map<std::string, std::string> lines;
    while (!fingerprint.empty()) {
      const std::string_view line = fingerprint.substr(0, fingerprint.find('\n') + 1);
      lines.emplace(line.substr(0, line.rfind('/')), line);
      fingerprint.remove_prefix(line.size());
    }
    return lines;
  }

  void add(Phase phase, Step::Kind kind, const std::string& path) {
    std::uint32_t number = 1;
    for (const std::vector<Step>& steps : change_.record.phases) {
      number += static_cast<std::uint32_t>(steps.size());
    }
    change_.record.steps(phase).push_back({kind, number, path});
  }

  Result<> make_kept_directories() {
    for (const Step& step : change_.record.steps(Phase::keeps)) {
      const fs::path place = kept_place(work_, change_.record, step.path);
      HPCENV_TRY(make_below(work_, place.parent_path()));
    }
    return {};
  }

  InnerChange& change_;
  const Workplace& work_;
  const Plan& plan_;
  const std::vector<conda::UnpackedPackage>& packages_;
  Owners owners_;
  std::int64_t now_;
  std::vector<std::string> first_scripts_;
  ClobberPlan clobbers_;
};

}  // namespace

Result<> prepare_inside(InnerChange& change, const Plan& plan,
                        const std::vector<conda::UnpackedPackage>& packages,
                        base::ProcessRunner& runner, base::Reporter& reporter) {
  HPCENV_ASSIGN(const PrefixState state, state_of(change.work.prefix));
  return Preparation(change, plan, packages, state).run(runner, reporter);
}

}  // namespace hpcenv::prefix
