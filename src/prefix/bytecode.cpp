#include "prefix/bytecode.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "base/fs.hpp"
#include "base/parallel.hpp"
#include "base/text.hpp"

namespace hpcenv::prefix {

namespace {

/// Reads pairs of names (where a source lies, where it will lie) that end with NUL; answers with
/// the tag that stands in the names of bytecode files. Time-stamped bytecode, as the sources are
/// never written again. What does not compile (templates, Python 2) is left out, a full disk is
/// not.
constexpr std::string_view driver = R"(
import errno, os, py_compile, sys
names = sys.stdin.buffer.read().split(b"\0")
mode = py_compile.PycInvalidationMode.TIMESTAMP if hasattr(py_compile, "PycInvalidationMode") else None
options = {} if mode is None else {"invalidation_mode": mode}
for source, final in zip(names[0::2], names[1::2]):
    try:
        py_compile.compile(os.fsdecode(source), dfile=os.fsdecode(final), doraise=True, **options)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(28)
    except Exception:
        pass
sys.stdout.write(sys.implementation.cache_tag)
)";

constexpr int no_space_code = 28;
/// Starting python costs as much as compiling about this many files.
constexpr std::size_t smallest_batch = 50;
constexpr std::chrono::minutes batch_deadline{30};

std::string batch_input(const BytecodeJob& job, std::size_t begin, std::size_t end) {
  std::string input;
  for (std::size_t i = begin; i < end; ++i) {
    input += (job.directory / job.sources[i]).native();
    input += '\0';
    input += (job.prefix / job.sources[i]).native();
    input += '\0';
  }
  return input;
}

base::ProcessRequest batch_request(const BytecodeJob& job, std::size_t begin, std::size_t end) {
  base::ProcessRequest request;
  // -I and -S: nothing of the user's and no .pth file of the packages is run.
  const std::filesystem::path& home = job.python_home.empty() ? job.directory : job.python_home;
  request.argv = {(home / job.python.program).native(),
                  "-I",
                  "-S",
                  "-B",
                  "-W",
                  "ignore",
                  "-c",
                  std::string(driver)};
  request.environment.set("PATH", "/usr/bin:/bin");
  request.environment.set("LC_ALL", "C.UTF-8");
  if (!job.library_path.empty()) request.environment.set("LD_LIBRARY_PATH", job.library_path);
  request.directory = job.directory;
  request.input = batch_input(job, begin, end);
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

}  // namespace

Result<Bytecode> compile_bytecode(const BytecodeJob& job, base::ProcessRunner& runner) {
  Bytecode bytecode;
  bytecode.files.resize(job.sources.size());
  const std::size_t count = job.sources.size();
  if (count == 0) return bytecode;
  const std::size_t most = (count + smallest_batch - 1) / smallest_batch;
  const std::size_t batches = std::clamp<std::size_t>(job.jobs, 1, most);
  std::vector<Answer> answers(batches);
  HPCENV_TRY(base::parallel_for(batches, batches, [&](std::size_t batch) -> Result<> {
    const base::ProcessRequest request =
        batch_request(job, count * batch / batches, count * (batch + 1) / batches);
    HPCENV_ASSIGN(answers[batch], run_batch(request, runner));
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
