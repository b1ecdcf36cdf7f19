#include <algorithm>
#include <numeric>
#include <utility>

#include "base/compress.hpp"
#include "index/index_file.hpp"
#include "index/index_format.hpp"

namespace hpcenv::index {

Result<IndexWriter> IndexWriter::create(const std::filesystem::path& path) {
  HPCENV_ASSIGN(base::Fd file, base::create_new(path, 0600));
  return IndexWriter(path, std::move(file));
}

std::uint32_t IndexWriter::id_of(std::string_view name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return known->second;
  const auto id = static_cast<std::uint32_t>(names_.size());
  ids_.emplace(names_.emplace_back(name), id);
  facts_.emplace_back();
  return id;
}

Result<> IndexWriter::add(const RepodataEntry& entry) {
  const std::uint32_t id = id_of(entry.name);
  const auto begin = static_cast<std::uint32_t>(block_.size());
  block_ += '"';
  block_ += entry.file_name;
  block_ += "\":";
  block_ += entry.object;
  block_ += '\n';
  const auto size = static_cast<std::uint32_t>(block_.size()) - begin;
  const auto block = static_cast<std::uint32_t>(blocks_.size());
  note_needed(id, entry.needed);
  std::vector<Run>& runs = facts_[id].runs;
  const bool follows = !runs.empty() && runs.back().block == block &&
                       runs.back().section == entry.section &&
                       runs.back().begin + runs.back().size == begin;
  if (follows) {
    runs.back().size += size;
  } else {
    runs.push_back({block, begin, size, entry.section});
  }
  return block_.size() < format::block_size ? Result<>() : flush_block();
}

/// Builds of one package mostly need the same names in the same places: those are not looked up.
void IndexWriter::note_needed(std::uint32_t user, const std::vector<std::string_view>& needed) {
  const std::size_t noted = last_user_ == user ? last_count_ : 0;
  last_user_ = user;
  last_count_ = needed.size();
  last_needed_.resize(std::max(last_needed_.size(), needed.size()));
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const std::uint32_t before = last_needed_[i];
    if (before < names_.size() && names_[before] == needed[i]) {
      if (i < noted) continue;
    } else {
      last_needed_[i] = id_of(needed[i]);
    }
    std::vector<std::uint32_t>& all = facts_[user].needed;
    if (std::ranges::find(all, last_needed_[i]) == all.end()) all.push_back(last_needed_[i]);
  }
}

Result<> IndexWriter::flush_block() {
  if (block_.empty()) return {};
  HPCENV_ASSIGN(const std::string packed, packer_.pack(block_));
  blocks_.push_back({file_size_, static_cast<std::uint32_t>(packed.size()),
                     static_cast<std::uint32_t>(block_.size()), checksum_of(packed)});
  HPCENV_TRY(base::write_all(file_.get(), packed, path_));
  file_size_ += packed.size();
  block_.clear();
  return {};
}

std::string IndexWriter::table() const {
  std::vector<std::uint32_t> order(names_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {}, [this](std::uint32_t id) { return std::string_view(names_[id]); });
  std::vector<std::uint32_t> rank(names_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;

  format::Output out;
  out.text(base_url_);
  out.number(static_cast<std::uint32_t>(removed_.size()));
  for (const std::string& file : removed_) out.text(file);
  out.number(static_cast<std::uint32_t>(blocks_.size()));
  for (const BlockPlace& block : blocks_) {
    out.number(block.packed_size);
    out.number(block.size);
    out.wide_number(block.checksum);
  }
  out.number(static_cast<std::uint32_t>(order.size()));
  for (const std::uint32_t id : order) {
    const NameFacts& facts = facts_[id];
    out.text(names_[id]);
    out.number(static_cast<std::uint32_t>(facts.runs.size()));
    for (const Run& run : facts.runs) {
      out.number(run.block);
      out.number(run.begin);
      out.number(run.size);
      out.number(static_cast<std::uint32_t>(run.section));
    }
    out.number(static_cast<std::uint32_t>(facts.needed.size()));
    for (const std::uint32_t needed : facts.needed) out.number(rank[needed]);
  }
  return out.take();
}

Result<std::uint64_t> IndexWriter::finish() {
  HPCENV_TRY(flush_block());
  const std::string whole = table();
  const std::string packed = base::zstd_compress(whole, format::table_level);
  format::Output tail;
  tail.wide_number(file_size_);
  tail.wide_number(packed.size());
  tail.wide_number(whole.size());
  tail.wide_number(checksum_of(packed));
  std::string end = packed + tail.take();
  end += format::magic;
  HPCENV_TRY(base::write_all(file_.get(), end, path_));
  return checksum_of(packed);
}

}  // namespace hpcenv::index
