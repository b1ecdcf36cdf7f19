#include "image/transfer.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/parallel.hpp"

namespace hpcenv::image {

namespace {

/// As engines shorten digests.
std::string short_name(const Descriptor& blob) {
  constexpr std::size_t shown = 12;
  return std::string(hex_of_digest(blob.digest).substr(0, shown));
}

}  // namespace

std::vector<Descriptor> distinct_blobs(std::vector<Descriptor> blobs) {
  std::set<std::string> seen;
  std::erase_if(blobs, [&](const Descriptor& blob) { return !seen.insert(blob.digest).second; });
  std::ranges::stable_sort(blobs, std::greater<>(), &Descriptor::size);
  return blobs;
}

Transfer::Transfer(const std::vector<Descriptor>& blobs, base::Reporter& reporter)
    : blobs_(blobs), reporter_(reporter) {
  for (const Descriptor& blob : blobs) total_ += blob.size;
}

Result<> Transfer::tell(const Descriptor& blob, std::uint64_t& before, std::uint64_t done) {
  if (stopped_.load()) return fail(ErrorKind::io, "stopped because another blob failed");
  const std::lock_guard lock(mutex_);
  done_ = done_ + done - before;  // what is sent anew counts back
  before = done;
  reporter_.progress(done_, total_, base::Unit::bytes);
  reporter_.part(short_name(blob), done, blob.size, base::Unit::bytes);
  return {};
}

Result<> Transfer::run(std::size_t jobs, const Task& task) {
  return base::parallel_for(blobs_.size(), jobs, [&](std::size_t i) -> Result<> {
    const Descriptor& blob = blobs_[i];
    std::uint64_t before = 0;
    const Told told = [&](std::uint64_t done) { return tell(blob, before, done); };
    Result<> ended = told(0);
    if (ended.has_value()) ended = task(blob, told);
    if (ended.has_value()) ended = told(blob.size);
    if (!ended.has_value()) stopped_.store(true);
    reporter_.part_end(short_name(blob));
    return ended;
  });
}

}  // namespace hpcenv::image
