// The corpus of real records and its oracles: requests of which a solution is known.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "solver/case.hpp"

namespace hpcenv::solve_test {

using Records = std::vector<conda::PackageRecord>;

/// Records as corpus.py wrote them, each file read once.
class Corpus {
 public:
  explicit Corpus(std::filesystem::path root) : root_(std::move(root)) {}

  /// Empty where the corpus has no such channel; what is returned lives as long as this.
  Result<const Records*> records(const std::string& channel, const std::string& subdir,
                                 bool partial);

 private:
  std::filesystem::path root_;
  std::map<std::string, Records> records_;
};

/// One request with all records that it can reach. Not to be moved once `request` has the address
/// of `index`.
struct Oracle {
  std::string id;
  std::filesystem::path file;  ///< that it was read from
  index::ChannelIndex index;
  solve::SolveRequest request;
  std::map<std::string, std::string> expected;  ///< version of each name
  /// What the lock holds, found in the corpus.
  Records locked;
};

/// What one of the corpus's case files asks for.
Result<Oracle> read_oracle(Corpus& corpus, const base::Json& document, bool partial);

/// The strict oracles in FOLDER/cases, every `every`-th of them.
struct OracleFile {
  std::filesystem::path file;
  bool partial = false;
};
Result<std::vector<OracleFile>> list_oracles(const std::filesystem::path& folder,
                                             std::size_t every);
Result<Oracle> read_oracle_file(Corpus& corpus, const OracleFile& entry);

}  // namespace hpcenv::solve_test
