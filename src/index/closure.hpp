// Which records a request can reach: names followed over `depends`, through all subdirs of all
// channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "index/channel_index.hpp"
#include "index/index_file.hpp"

namespace hpcenv::index {

/// Parts of one block that hold wanted records, in their order.
struct WantedBlock {
  std::size_t source = 0;
  std::uint32_t block = 0;
  std::vector<Run> runs;
};

/// By source, then as the records lie in the file. A root with `*`, or a regex `^...$`, stands for
/// all names that match; kind bad_spec for a regex that cannot be read.
Result<std::vector<WantedBlock>> wanted_blocks(std::span<const IndexReader* const> sources,
                                               std::span<const std::string> roots,
                                               IndexRequest::Reach reach);

/// Names of records (not of what is only needed), sorted, each once.
std::vector<std::string> all_names(std::span<const IndexReader* const> sources);

}  // namespace hpcenv::index
