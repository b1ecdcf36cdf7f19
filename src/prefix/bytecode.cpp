#include "prefix/bytecode.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <unordered_set>

#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

/// Reads triples (piece, where a source lies, where it will lie) that end with NUL; answers with
/// the tag that stands in the names of bytecode files. Dated bytecode, as the sources are never
/// written again. What does not compile (templates, Python 2) is left out, a full disk is not.
/// Lasting bytecode: what marshal writes depends on strings that the process knows already, so each
/// piece begins in a copy of the same process.
constexpr std::string_view driver = R"(
import errno, itertools, os, py_compile, sys
lasting = sys.argv[1] == "lasting"
words = sys.stdin.buffer.read().split(b"\0")
modes = getattr(py_compile, "PycInvalidationMode", None)
mode = modes and (modes.UNCHECKED_HASH if lasting else modes.TIMESTAMP)
options = {} if mode is None else {"invalidation_mode": mode}
def compile_all(files):
    for _, source, final in files:
        try:
            py_compile.compile(os.fsdecode(source), dfile=os.fsdecode(final), doraise=True, **options)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return 28
        except Exception:
            pass
    return 0
status = 0
for _, files in itertools.groupby(zip(words[0::3], words[1::3], words[2::3]), lambda file: file[0]):
    child = os.fork() if lasting else 0
    if child:
        status = status or os.waitpid(child, 0)[1] >> 8
        continue
    code = compile_all(files)
    if lasting:
        os._exit(code)
    status = status or code
if status == 28:
    sys.exit(28)
sys.stdout.write(sys.implementation.cache_tag)
)";

constexpr int no_space_code = 28;
/// Starting python costs as much as compiling about this many files.
constexpr std::size_t smallest_batch = 50;
constexpr std::chrono::minutes batch_deadline{30};
/// Sources, at most. A constant: it decides the bytes.
constexpr std::size_t longest_piece = 64;

/// Per source, in which piece of its group it is compiled; pieces have running numbers.
std::vector<std::size_t> pieces_of(const BytecodeJob& job) {
  std::vector<std::size_t> pieces(job.sources.size(), 0);
  std::size_t length = 1;
  for (std::size_t i = 1; i < job.groups.size(); ++i) {
    const bool goes_on = job.groups[i] == job.groups[i - 1] && length < longest_piece;
    length = goes_on ? length + 1 : 1;
    pieces[i] = pieces[i - 1] + (goes_on ? 0 : 1);
  }
  return pieces;
}

struct Batch {
  std::size_t begin;
  std::size_t end;
};

/// As many as `count`, of about as many sources each; those of `lasting` bytecode end where a piece
/// does.
std::vector<Batch> batches_of(const BytecodeJob& job, const std::vector<std::size_t>& pieces,
                              std::size_t count) {
  std::vector<Batch> batches;
  std::size_t begin = 0;
  for (std::size_t batch = 1; batch <= count; ++batch) {
    std::size_t end = pieces.size() * batch / count;
    const auto is_inside = [&] {
      return end > 0 && end < pieces.size() && pieces[end] == pieces[end - 1];
    };
    while (!job.groups.empty() && is_inside()) ++end;
    if (end > begin) batches.push_back({begin, end});
    begin = std::max(begin, end);
  }
  return batches;
}

std::string batch_input(const BytecodeJob& job, const std::vector<std::size_t>& pieces,
                        const Batch& batch) {
  std::string input;
  for (std::size_t i = batch.begin; i < batch.end; ++i) {
    input += fmt::format("{}", pieces[i]);
    input += '\0';
    input += (job.directory / job.sources[i]).native();
    input += '\0';
    input += (job.prefix / job.sources[i]).native();
    input += '\0';
  }
  return input;
}

base::ProcessRequest batch_request(const BytecodeJob& job, std::string input) {
  base::ProcessRequest request;
  const std::filesystem::path& home = job.python_home.empty() ? job.directory : job.python_home;
  const bool lasting = job.form == BytecodeJob::Form::lasting;
  // Nothing of the user's and no .pth file of the packages is run. -I would hide the hash seed.
  request.argv = {(home / job.python.program).native(),
                  lasting ? "-s" : "-I",
                  "-S",
                  "-B",
                  "-W",
                  "ignore",
                  "-c",
                  std::string(driver),
                  lasting ? "lasting" : "dated"};
  if (lasting) request.environment.set("PYTHONHASHSEED", "0");
  request.environment.set("PATH", "/usr/bin:/bin");
  request.environment.set("LC_ALL", "C.UTF-8");
  if (!job.library_path.empty()) request.environment.set("LD_LIBRARY_PATH", job.library_path);
  request.directory = job.directory;
  request.input = std::move(input);
  request.deadline = batch_deadline;
  return request;
}

struct Answer {
  std::string tag;
  std::string problem;
};

bool is_interrupt(const Error& error) {
  return error.kind == ErrorKind::interrupted || error.kind == ErrorKind::terminated;
}

Result<Answer> run_batch(const base::ProcessRequest& request, base::ProcessRunner& runner) {
  Result<base::ProcessResult> ran = runner.run(request);
  if (!ran.has_value()) {
    if (is_interrupt(ran.error())) return Failure(std::move(ran).error());
    return Answer{"", ran.error().message};
  }
  if (ran->succeeded()) return Answer{std::string(base::trim(ran->output)), ""};
  if (ran->end == base::ProcessResult::End::exited && ran->code == no_space_code) {
    return fail(ErrorKind::no_space, "no space is left for bytecode in {}",
                request.directory.native());
  }
  const std::vector<std::string_view> lines = base::split_lines(base::trim(ran->errors));
  return Answer{"", lines.empty() ? fmt::format("{} was stopped", request.argv.front())
                                  : std::string(lines.back())};
}

/// "a/b.py" -> "a/__pycache__/b.TAG.pyc"
std::string bytecode_path(std::string_view source, std::string_view tag) {
  const std::size_t slash = source.rfind('/');
  const std::size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  constexpr std::string_view ending = ".py";
  return fmt::format("{}__pycache__/{}.{}.pyc", source.substr(0, name),
                     source.substr(name, source.size() - name - ending.size()), tag);
}

/// "a/__pycache__/b.cpython-311.pyc" and "a/b.py" both give "a/b".
std::string module_of(std::string_view path) {
  std::string module(path);
  constexpr std::string_view folder = "__pycache__/";
  const std::size_t at = module.rfind(folder);
  if (at != std::string::npos) module.erase(at, folder.size());
  const std::size_t name = module.rfind('/') + 1;
  return module.substr(0, module.find('.', name));
}

}  // namespace

std::vector<std::size_t> modules_to_compile(const Layout& layout,
                                            const std::vector<conda::UnpackedPackage>& packages,
                                            const PythonFacts& python) {
  std::unordered_set<std::string> compiled;
  for (const PlannedPath& path : layout.paths) {
    if (path.target.ends_with(".pyc")) compiled.insert(module_of(path.target));
  }
  const std::string folder = python.site_packages + "/";
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < layout.paths.size(); ++i) {
    const PlannedPath& path = layout.paths[i];
    if (!path.target.ends_with(".py")) continue;
    const bool is_noarch = packages[path.package].record.noarch == conda::Noarch::python;
    const bool has_bytecode = compiled.contains(module_of(path.target));
    const bool is_new = is_noarch && path.target.starts_with(folder) && !has_bytecode;
    if (is_new || (path.is_patched() && has_bytecode)) indices.push_back(i);
  }
  return indices;
}

Result<Bytecode> compile_bytecode(const BytecodeJob& job, base::ProcessRunner& runner) {
  Bytecode bytecode;
  bytecode.files.resize(job.sources.size());
  const std::size_t count = job.sources.size();
  if (count == 0) return bytecode;
  const std::size_t most = (count + smallest_batch - 1) / smallest_batch;
  const std::vector<std::size_t> pieces = pieces_of(job);
  const std::vector<Batch> batches =
      batches_of(job, pieces, std::clamp<std::size_t>(job.jobs, 1, most));
  std::vector<Answer> answers(batches.size());
  HPCENV_TRY(base::parallel_for(batches.size(), batches.size(), [&](std::size_t i) -> Result<> {
    const base::ProcessRequest request = batch_request(job, batch_input(job, pieces, batches[i]));
    HPCENV_ASSIGN(answers[i], run_batch(request, runner));
    return {};
  }));
  std::string tag;
  for (const Answer& answer : answers) {
    if (!answer.tag.empty()) tag = answer.tag;
    if (!answer.problem.empty()) bytecode.problem = answer.problem;
  }
  if (tag.empty()) return bytecode;
  for (std::size_t i = 0; i < count; ++i) {
    std::string file = bytecode_path(job.sources[i], tag);
    if (base::path_exists(job.directory / file)) bytecode.files[i] = std::move(file);
  }
  return bytecode;
}

}  // namespace hpcenv::prefix
