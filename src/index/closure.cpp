#include "index/closure.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "conda/text_pattern.hpp"

namespace hpcenv::index {

namespace {

class Walk {
 public:
  explicit Walk(std::span<const IndexReader* const> sources) : sources_(sources) {
    runs_.resize(sources.size());
  }

  Result<> add_root(std::string_view root) {
    HPCENV_ASSIGN(const conda::TextPattern pattern, conda::TextPattern::parse(root));
    if (pattern.is_exact()) {
      reach(root);
      return {};
    }
    for (const IndexReader* source : sources_) {
      for (IndexReader::Id id = 0; id < source->name_count(); ++id) {
        if (pattern.matches(source->name(id))) reach(source->name(id));
      }
    }
    return {};
  }

  void follow(IndexRequest::Reach how_far) {
    while (!open_.empty()) {
      const std::string_view name = open_.back();
      open_.pop_back();
      for (std::size_t i = 0; i < sources_.size(); ++i) visit(i, name, how_far);
    }
  }

  std::vector<WantedBlock> take() {
    std::vector<WantedBlock> blocks;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      std::ranges::sort(runs_[i], {},
                        [](const Run& run) { return std::tuple(run.block, run.begin); });
      for (const Run& run : runs_[i]) {
        const bool same =
            !blocks.empty() && blocks.back().source == i && blocks.back().block == run.block;
        if (!same) blocks.push_back({i, run.block, {}});
        blocks.back().runs.push_back(run);
      }
    }
    return blocks;
  }

 private:
  void reach(std::string_view name) {
    if (seen_.insert(name).second) open_.push_back(name);
  }

  void visit(std::size_t source, std::string_view name, IndexRequest::Reach how_far) {
    const IndexReader& reader = *sources_[source];
    const auto id = reader.find(name);
    if (!id.has_value()) return;
    const std::span<const Run> runs = reader.runs(*id);
    runs_[source].insert(runs_[source].end(), runs.begin(), runs.end());
    if (how_far == IndexRequest::Reach::roots_only) return;
    for (const IndexReader::Id needed : reader.needed(*id)) reach(reader.name(needed));
  }

  std::span<const IndexReader* const> sources_;
  std::unordered_set<std::string_view> seen_;  ///< views of the readers' and the roots' texts
  std::vector<std::string_view> open_;
  std::vector<std::vector<Run>> runs_;  ///< by source
};

}  // namespace

Result<std::vector<WantedBlock>> wanted_blocks(std::span<const IndexReader* const> sources,
                                               std::span<const std::string> roots,
                                               IndexRequest::Reach reach) {
  Walk walk(sources);
  for (const std::string& root : roots) HPCENV_TRY(walk.add_root(root));
  walk.follow(reach);
  return walk.take();
}

std::vector<std::string> all_names(std::span<const IndexReader* const> sources) {
  std::vector<std::string_view> found;
  for (const IndexReader* source : sources) {
    for (IndexReader::Id id = 0; id < source->name_count(); ++id) {
      if (!source->runs(id).empty()) found.push_back(source->name(id));
    }
  }
  std::ranges::sort(found);
  const auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  return {found.begin(), found.end()};
}

}  // namespace hpcenv::index
