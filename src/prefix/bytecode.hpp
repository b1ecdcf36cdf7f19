// Bytecode of a prefix that lies aside, compiled by its own python with the final names written in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/result.hpp"
#include "prefix/layout.hpp"
#include "prefix/noarch_python.hpp"

namespace hpcenv::prefix {

/// Indices of the paths that get bytecode: modules of noarch packages, as conda's tools compile
/// them, and patched modules whose package brings bytecode, which is stale then: python would write
/// it again at the first import, and the records would not be true any more.
std::vector<std::size_t> modules_to_compile(const Layout& layout,
                                            const std::vector<conda::UnpackedPackage>& packages,
                                            const PythonFacts& python);

struct BytecodeJob {
  std::filesystem::path directory;   ///< the tree aside
  std::filesystem::path prefix;      ///< where it will lie
  PythonFacts python;                ///< its program is run in `directory`
  std::vector<std::string> sources;  ///< relative paths of .py files
  std::size_t jobs = 1;
  std::filesystem::path python_home;  ///< where python lies, if not in `directory`
  std::string library_path;           ///< for LD_LIBRARY_PATH of python, or empty
  /// `dated`: valid while the source has its time and size. `lasting`: python never looks at the
  /// source (unchecked hash; dated before 3.7), and the bytes do not depend on the machine or on
  /// what else is compiled: sources of one package (`groups`) share processes of their own.
  enum class Form { dated, lasting };
  Form form = Form::dated;
  std::vector<std::size_t> groups;  ///< per source, for `lasting`: equal numbers stand together
};

struct Bytecode {
  std::vector<std::string> files;  ///< per source, relative; empty where it could not be compiled
  std::string problem;  ///< why nothing was compiled at all, as a sentence; empty where it was
};

/// Compiles in as many batches as jobs. A source that is no valid Python and a python that cannot
/// be run are no failures; only an interrupt and a full disk are.
Result<Bytecode> compile_bytecode(const BytecodeJob& job, base::ProcessRunner& runner);

}  // namespace hpcenv::prefix
