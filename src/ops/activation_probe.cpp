#include "ops/activation_probe.hpp"

#include <algorithm>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "base/write_protection.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

// $1: folder for answers, $2: env, $3: "look" or "", $4: "prompt" or "". Scripts see no arguments.
// Options, directory and IFS are given back after each, as where they are sourced live.
constexpr std::string_view driver = R"bash(
hpcenv_out=$1 hpcenv_env=$2 hpcenv_look=$3 hpcenv_prompt=$4
shift 4
hpcenv_scripts=("$@") hpcenv_n=0 hpcenv_directory=$PWD hpcenv_ifs=$IFS
set --
set +euf +o pipefail
[[ ! $hpcenv_prompt ]] || PS1='$ '
hpcenv_snapshot='
  { declare -F; alias -p; shopt -p; set +o; umask; ulimit -a; trap -p; complete -p; } \
    >"$hpcenv_out/$hpcenv_n.shell" 2>&1
  jobs -p >"$hpcenv_out/$hpcenv_n.jobs"
  "$hpcenv_env" -0 >"$hpcenv_out/$hpcenv_n.env"'
"$hpcenv_env" -0 >"$hpcenv_out/before.env"
[[ ! $hpcenv_look ]] || eval "$hpcenv_snapshot"
for hpcenv_script in "${hpcenv_scripts[@]}"; do
  hpcenv_n=$((hpcenv_n + 1))
  echo "$hpcenv_n" >"$hpcenv_out/reached"
  if [[ $hpcenv_look ]]; then
    exec {BASH_XTRACEFD}>"$hpcenv_out/$hpcenv_n.trace"
    set -x
    source "$hpcenv_script" </dev/null >"$hpcenv_out/$hpcenv_n.out" 2>"$hpcenv_out/$hpcenv_n.err"
    hpcenv_code=$?
    { set +x; } 2>/dev/null
    echo "$hpcenv_code" >"$hpcenv_out/$hpcenv_n.code"
    eval "$hpcenv_snapshot"
  else
    source "$hpcenv_script" </dev/null >/dev/null 2>&1
  fi
  set +euf +o pipefail
  IFS=$hpcenv_ifs
  cd -- "$hpcenv_directory"
done
"$hpcenv_env" -0 >"$hpcenv_out/after.env"
echo done >"$hpcenv_out/done"
)bash";

constexpr std::size_t longest_answer = std::size_t{1} << 20U;

std::string answer(const fs::path& folder, const std::string& name) {
  auto text = base::read_file(folder / name);
  if (!text) return "";
  if (text->size() > longest_answer) text->resize(longest_answer);
  return *std::move(text);
}

// What this shell needs itself, and a script cannot have meant.
bool is_drivers(std::string_view name) {
  return name == "_" || name == "SHLVL" || name == "PWD" || name == "OLDPWD" ||
         name == "BASH_XTRACEFD" || name.starts_with("hpcenv_");
}

base::Environment environment_in(const std::string& block) {
  base::Environment environment;
  for (const std::string_view entry : base::split(block, '\0')) {
    const std::size_t equal = entry.find('=');
    if (equal == 0 || equal == std::string_view::npos) continue;
    if (is_drivers(entry.substr(0, equal))) continue;
    environment.set(std::string(entry.substr(0, equal)), std::string(entry.substr(equal + 1)));
  }
  return environment;
}

std::size_t number_in(const std::string& text) {
  return base::parse_unsigned(base::trim(text)).value_or(0);
}

ScriptLook look_of(const fs::path& answers, std::size_t index) {
  const std::string n = std::to_string(index + 1);
  ScriptLook look;
  look.code = static_cast<int>(number_in(answer(answers, n + ".code")));
  look.output = answer(answers, n + ".out");
  look.errors = answer(answers, n + ".err");
  look.trace = answer(answers, n + ".trace");
  look.shell_after = answer(answers, n + ".shell");
  look.jobs = answer(answers, n + ".jobs");
  look.after = environment_in(answer(answers, n + ".env"));
  return look;
}

base::ProcessRequest process_of(const ProbeRequest& request, const fs::path& answers) {
  const bool closely = request.look == ProbeRequest::Look::closely;
  const bool prompt = request.prompt == ProbeRequest::Prompt::set;
  base::ProcessRequest process;
  process.argv = {request.bash,
                  "--noprofile",
                  "--norc",
                  "-c",
                  std::string(driver),
                  "hpcenv-probe",
                  answers.string(),
                  fs::exists("/usr/bin/env") ? "/usr/bin/env" : "/bin/env",
                  closely ? "look" : "",
                  prompt ? "prompt" : ""};
  process.argv.insert(process.argv.end(), request.scripts.begin(), request.scripts.end());
  process.environment = request.incoming;
  process.directory = request.directory;
  process.deadline = request.deadline;
  process.leftovers = base::ProcessRequest::Leftovers::killed;
  return process;
}

ProbeRun run_from(const fs::path& answers, const ProbeRequest& request,
                  const base::ProcessResult& result) {
  ProbeRun run;
  run.left_children = result.left_children;
  if (!base::path_exists(answers / "done")) {
    const bool hung = result.end == base::ProcessResult::End::timed_out;
    run.end = hung ? ProbeRun::End::hung : ProbeRun::End::exited;
    run.reached = std::max<std::size_t>(number_in(answer(answers, "reached")), 1) - 1;
  }
  run.before = environment_in(answer(answers, "before.env"));
  run.after = environment_in(answer(answers, "after.env"));
  run.shell_before = answer(answers, "0.shell");
  if (request.look == ProbeRequest::Look::closely) {
    for (std::size_t i = 0; i < request.scripts.size(); ++i) {
      run.looks.push_back(look_of(answers, i));
    }
  }
  return run;
}

}  // namespace

Result<ProbeGround> ProbeGround::make(const base::Environment& environment) {
  std::vector<std::string> places{"/tmp", "/dev/shm"};
  if (const auto wanted = environment.get("TMPDIR")) places.insert(places.begin(), *wanted);
  Error error;
  for (const std::string& place : places) {
    auto made = base::make_private_directory(place, "hpcenv-activation-");
    if (made) return ProbeGround(*std::move(made));
    error = made.error();
  }
  return Failure(std::move(error));
}

ProbeGround::ProbeGround(ProbeGround&& other) noexcept : path_(std::move(other.path_)) {
  other.path_.clear();
}

ProbeGround::~ProbeGround() {
  if (!path_.empty()) static_cast<void>(base::remove_tree(path_));
}

Result<fs::path> ProbeGround::fresh(const std::string& name) const {
  fs::path folder = path_ / name;
  HPCENV_TRY(base::remove_tree(folder));
  HPCENV_TRY(base::make_directories(folder));
  return folder;
}

Result<ProbeRun> run_probe(const ProbeRequest& request, const ProbeGround& ground,
                           base::ProcessRunner& runner) {
  HPCENV_ASSIGN(const fs::path answers, ground.fresh("answers"));
  base::ProcessRequest process = process_of(request, answers);
  std::optional<base::Fd> protection;
  if (request.writes == ProbeRequest::Writes::refused) {
    protection = base::write_protection({ground.path()});
    if (protection) process.protection = protection->get();
  }
  HPCENV_ASSIGN(const base::ProcessResult result, runner.run(process));
  ProbeRun run = run_from(answers, request, result);
  run.was_protected = protection.has_value();
  return run;
}

}  // namespace hpcenv::ops
