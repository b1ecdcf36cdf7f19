#include "ops/activation_recorder.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "ops/activation_probe.hpp"
#include "ops/activation_trials.hpp"
#include "shell/derive.hpp"
#include "shell/effect.hpp"

namespace hpcenv::ops {
namespace {

using shell::Derived;
using shell::Observation;

constexpr std::chrono::milliseconds acting_deadline{60'000};
constexpr std::size_t most_paths = 500;
/// After which no new search for rules begins.
constexpr std::chrono::seconds patience{10};

bool is_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

std::string text_of(const std::string& path) { return base::read_file(path).value_or(""); }

class Recorder {
 public:
  Recorder(const RecordingRequest& request, const ProbeGround& ground, base::ProcessRunner& runner,
           base::Reporter& reporter)
      : request_(request),
        ground_(ground),
        runner_(runner),
        reporter_(reporter),
        trials_(request.activation, request.bash, ground, runner) {}

  Result<ActivationRecord> record() {
    HPCENV_TRY(trials_.prepare());
    HPCENV_TRY(look_at_all());
    HPCENV_TRY(let_act());
    for (bool settled = false; !settled;) {
      HPCENV_TRY(find_rules());
      HPCENV_ASSIGN(settled, order_is_free());
    }
    return finished();
  }

 private:
  // ---- looking ----

  std::vector<std::string> not_refused() const {
    std::vector<std::string> scripts;
    for (const std::string& script : request_.key.scripts) {
      if (!verdicts_.contains(script)) scripts.push_back(script);
    }
    return scripts;
  }

  void refuse(const std::string& script, std::string reason) {
    verdicts_[script] = {script, ScriptClass::refused, std::move(reason), false};
  }

  // Runs them closely until all of them come back and none leaves a process.
  Result<> look_at_all() {
    for (const std::string& script : request_.key.scripts) {
      if (access(script.c_str(), R_OK) != 0) refuse(script, "cannot be read");
    }
    for (bool settled = false; !settled;) {
      looked_at_ = not_refused();
      if (looked_at_.empty()) return {};
      HPCENV_ASSIGN(look_, trials_.look(looked_at_));
      if (look_.end == ProbeRun::End::complete) {
        HPCENV_ASSIGN(settled, leaves_nothing());
        continue;
      }
      const bool hung = look_.end == ProbeRun::End::hung;
      refuse(looked_at_.at(std::min(look_.reached, looked_at_.size() - 1)),
             hung ? "does not come back" : "ends the shell (exit)");
    }
    judge();
    return {};
  }

  // Whether no process is left behind, and programs can still be started; whoever is to blame is
  // refused. A process that its shell does not know any more is found one script at a time.
  Result<bool> leaves_nothing() {
    constexpr const char* reason = "leaves a process in the background";
    for (std::size_t i = 0; i < looked_at_.size(); ++i) {
      if (base::trim(look_.looks.at(i).jobs).empty()) continue;
      refuse(looked_at_[i], reason);
      return false;
    }
    for (std::size_t i = 0; i < looked_at_.size(); ++i) {
      if (!look_.looks.at(i).after.all().empty()) continue;
      refuse(looked_at_[i], "sets a value that is too long for any program to start with");
      return false;
    }
    if (!look_.left_children) return true;
    bool found = false;
    for (const std::string& script : looked_at_) {
      HPCENV_ASSIGN(const ProbeRun alone, trials_.look({script}));
      if (!alone.left_children) continue;
      refuse(script, reason);
      found = true;
    }
    return !found;
  }

  void judge() {
    for (std::size_t i = 0; i < looked_at_.size(); ++i) {
      const ScriptLook& look = look_.looks.at(i);
      const std::string& shell_before =
          i == 0 ? look_.shell_before : look_.looks.at(i - 1).shell_after;
      std::string text = text_of(looked_at_[i]);
      for (const std::string& file : sourced_files(look.trace)) {
        if (file != looked_at_[i]) text += text_of(file);
      }
      verdicts_[looked_at_[i]] = judge_script(looked_at_[i], text, look, shell_before);
      texts_[looked_at_[i]] = std::move(text);
    }
  }

  // ---- acting ----

  std::vector<std::string> of_class(std::initializer_list<ScriptClass> kinds) const {
    std::vector<std::string> scripts;
    for (const std::string& script : request_.key.scripts) {
      const auto found = verdicts_.find(script);
      if (found != verdicts_.end() && std::ranges::find(kinds, found->second.kind) != kinds.end()) {
        scripts.push_back(script);
      }
    }
    return scripts;
  }

  Result<> let_act() {
    const std::vector<std::string> acting = of_class({ScriptClass::acts});
    if (acting.empty()) return {};
    acted_ = request_.acted;
    acted_for_ = request_.acted_for;
    const bool done = request_.acted_for == request_.key.meta;
    if (request_.acting == RecordingRequest::Acting::once && !done) HPCENV_TRY(act(acting));
    if (look_.was_protected) return {};
    // Nothing would keep them from acting again at each trial.
    for (const std::string& script : acting) {
      if (!acted_run_) {
        verdicts_[script].kind = ScriptClass::live;
      }
      untried_.insert(script);
    }
    return {};
  }

  Result<> act(const std::vector<std::string>& acting) {
    reporter_.step("Running once, as they do more than set variables: " + script_names(acting));
    ProbeRequest run;
    run.bash = request_.bash;
    run.scripts = of_class({ScriptClass::recorded, ScriptClass::node, ScriptClass::acts});
    run.incoming = trials_.user_start(request_.environment);
    run.directory = request_.key.prefix;
    run.look = ProbeRequest::Look::closely;
    run.deadline = acting_deadline;
    run.writes = ProbeRequest::Writes::allowed;
    HPCENV_ASSIGN(const ProbeRun ran, run_probe(run, ground_, runner_));
    for (std::size_t i = 0; i < run.scripts.size(); ++i) {
      const std::string& script = run.scripts[i];
      if (std::ranges::find(acting, script) == acting.end()) continue;
      const ScriptLook& look = ran.looks.at(i);
      const bool reached = ran.end == ProbeRun::End::complete || i < ran.reached;
      acted_.push_back(script_name(script));
      const base::Environment& before = i == 0 ? ran.before : ran.looks.at(i - 1).after;
      for (const auto& [name, value] : shell::changes_between(before, look.after)) {
        acted_names_.insert(name);
      }
      if (reached && look.code == 0) continue;
      reporter_.warning(fmt::format("the activation script {} failed when it was run once: {}",
                                    script, reached ? first_words(look) : "it did not come back"));
    }
    acted_for_ = request_.key.meta;
    if (ran.end == ProbeRun::End::complete) acted_run_ = Observation{ran.before, ran.after};
    if (!look_.was_protected) return {};
    // What it made may change what the others find.
    HPCENV_ASSIGN(ProbeRun again, trials_.look(looked_at_));
    if (again.end == ProbeRun::End::complete) look_ = std::move(again);
    return {};
  }

  static std::string first_words(const ScriptLook& look) {
    const auto lines = base::split_lines(look.errors);
    return lines.empty() ? fmt::format("it ended with {}", look.code) : std::string(lines.front());
  }

  // ---- rules ----

  std::vector<std::string> tried() const {
    std::vector<std::string> scripts =
        of_class({ScriptClass::recorded, ScriptClass::node, ScriptClass::acts});
    std::erase_if(scripts, [&](const std::string& script) { return untried_.contains(script); });
    return scripts;
  }

  // Each round without an answer gives up at least one script.
  Result<> find_rules() {
    for (;;) {
      const std::vector<std::string> scripts = tried();
      derived_ = {};
      guards_.clear();
      if (scripts.empty()) break;
      if (std::chrono::steady_clock::now() > end_) {
        give_up({}, scripts, "is one of too many for what can be found out in a moment");
        continue;
      }
      HPCENV_ASSIGN(Finding found, trials_.find_rules(scripts, texts_));
      written_by_ = std::move(found.written_by);
      if (found.unexplained.empty()) {
        derived_ = std::move(found.derived);
        guards_ = std::move(found.guards);
        attribute();
        break;
      }
      give_up(found.unexplained, scripts, "");
    }
    take_what_acting_set();
    return {};
  }

  static std::string unforeseen(const std::vector<std::string>& names) {
    return "sets " + base::join(names, ", ") + " by what cannot be foreseen";
  }

  // Those that write one of the names, or all where nobody is known to. Without a reason: by what
  // cannot be foreseen.
  void give_up(const std::set<std::string>& names, const std::vector<std::string>& scripts,
               const std::string& reason) {
    const auto writes_of = [&](const std::string& script) {
      std::vector<std::string> own;
      const auto found = written_by_.find(script);
      if (found == written_by_.end()) return own;
      std::ranges::copy_if(found->second, std::back_inserter(own),
                           [&](const std::string& name) { return names.contains(name); });
      return own;
    };
    const std::vector<std::string> all(names.begin(), names.end());
    const bool known = std::ranges::any_of(
        scripts, [&](const std::string& script) { return !writes_of(script).empty(); });
    for (const std::string& script : scripts) {
      const std::vector<std::string> own = writes_of(script);
      if (known && own.empty()) continue;
      verdicts_[script].kind = ScriptClass::live;
      verdicts_[script].reason = reason.empty() ? unforeseen(known ? own : all) : reason;
    }
  }

  void attribute() {
    for (shell::Rule& rule : derived_.rules) {
      for (const auto& [script, names] : written_by_) {
        if (names.contains(rule.name)) rule.scripts.push_back(script_name(script));
      }
    }
  }

  // What was seen when the scripts really acted counts more than what they did while they could not
  // write.
  void take_what_acting_set() {
    if (!acted_run_ || of_class({ScriptClass::acts}).empty()) return;
    for (const std::string& name : shell::unexplained(derived_, *acted_run_)) {
      if (!acted_names_.contains(name)) continue;
      const auto value = acted_run_->after.get(name);
      shell::Outcome outcome{shell::Outcome::Kind::unset, {}};
      if (value) outcome = {shell::Outcome::Kind::set, {{shell::Piece::Kind::text, *value}}};
      std::erase_if(derived_.rules, [&](const shell::Rule& rule) { return rule.name == name; });
      derived_.rules.push_back({name, name, outcome, outcome, outcome, {}});
    }
    std::ranges::sort(derived_.rules, {}, &shell::Rule::name);
  }

  // Live scripts are sourced after what is recorded: a script whose effect depends on that has to
  // be live too.
  Result<bool> order_is_free() {
    const std::vector<std::string> live = of_class({ScriptClass::live});
    const std::vector<std::string> scripts = tried();
    if (live.empty() || scripts.empty() || live.front() > scripts.back()) return true;
    HPCENV_ASSIGN(const std::set<std::string> names,
                  trials_.order_matters_for(derived_, scripts, live));
    if (names.empty()) return true;
    give_up(names, scripts, "has to run in its place beside " + script_name(live.front()));
    return false;
  }

  // ---- the record ----

  bool looks_at_node() const { return !of_class({ScriptClass::node}).empty(); }

  ActivationRecord finished() const {
    ActivationRecord record;
    record.key = request_.key;
    if (!looks_at_node()) record.key.node.clear();
    record.made_at = request_.now;
    for (const std::string& script : request_.key.scripts) {
      record.scripts.push_back(verdicts_.at(script));
    }
    record.recorded.rules = derived_.rules;
    record.recorded.guards = guards_;
    record.recorded.scripts =
        of_class({ScriptClass::recorded, ScriptClass::node, ScriptClass::acts});
    record.acted = acted_;
    record.acted_for = acted_for_;
    add_paths(record);
    return record;
  }

  void add_paths(ActivationRecord& record) const {
    std::set<std::string> paths(request_.key.scripts.begin(), request_.key.scripts.end());
    for (const ScriptLook& look : look_.looks) {
      for (std::string& path : paths_in_trace(look.trace)) paths.insert(std::move(path));
    }
    for (const std::string& path : paths) {
      if (is_below(path, request_.key.prefix)) {
        record.files.push_back(path_fact(path));
      } else if (!belongs_to_every_node(path)) {
        record.outside.push_back(presence_fact(path));
      }
      if (record.files.size() + record.outside.size() >= most_paths) break;
    }
  }

  bool belongs_to_every_node(const std::string& path) const {
    for (const char* folder : {"/proc", "/sys", "/dev", "/usr/bin", "/bin", "/run"}) {
      if (is_below(path, folder)) return true;
    }
    return path == "/" || is_below(path, ground_.path().string()) ||
           path.find(trial_mark) != std::string::npos;
  }

  const RecordingRequest& request_;
  const ProbeGround& ground_;
  base::ProcessRunner& runner_;
  base::Reporter& reporter_;
  Trials trials_;
  std::map<std::string, ScriptVerdict> verdicts_;
  std::map<std::string, std::string> texts_;
  std::vector<std::string> looked_at_;
  ProbeRun look_;
  std::set<std::string> untried_;
  std::vector<std::string> acted_;
  std::string acted_for_;
  std::optional<Observation> acted_run_;
  std::set<std::string> acted_names_;  ///< that scripts changed while they acted
  std::map<std::string, std::set<std::string>> written_by_;  ///< script -> names
  Derived derived_;
  std::vector<shell::Guard> guards_;
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + patience;
};

}  // namespace

Result<ActivationRecord> record_scripts(const RecordingRequest& request,
                                        base::ProcessRunner& runner, base::Reporter& reporter) {
  HPCENV_ASSIGN(const ProbeGround ground, ProbeGround::make(request.environment));
  return Recorder(request, ground, runner, reporter).record();
}

}  // namespace hpcenv::ops
