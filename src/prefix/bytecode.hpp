// Bytecode of a prefix that lies aside, compiled by its own python with the final names written in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/result.hpp"
#include "prefix/noarch_python.hpp"

namespace hpcenv::prefix {

struct BytecodeJob {
  std::filesystem::path directory;   ///< the tree aside
  std::filesystem::path prefix;      ///< where it will lie
  PythonFacts python;                ///< its program is run in `directory`
  std::vector<std::string> sources;  ///< relative paths of .py files
  std::size_t jobs = 1;
  std::filesystem::path python_home;  ///< where python lies, if not in `directory`
  std::string library_path;           ///< for LD_LIBRARY_PATH of python, or empty
};

struct Bytecode {
  std::vector<std::string> files;  ///< per source, relative; empty where it could not be compiled
  std::string problem;  ///< why nothing was compiled at all, as a sentence; empty where it was
};

/// Compiles in as many batches as jobs. A source that is no valid Python and a python that cannot
/// be run are no failures; only an interrupt and a full disk are.
Result<Bytecode> compile_bytecode(const BytecodeJob& job, base::ProcessRunner& runner);

}  // namespace hpcenv::prefix
