// Several blobs on their way at once: what comes and goes is counted together, and the first
// failure ends them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/reporter.hpp"
#include "base/result.hpp"
#include "image/oci.hpp"

namespace hpcenv::image {

/// Each digest once, the largest first: what takes longest must not start last.
std::vector<Descriptor> distinct_blobs(std::vector<Descriptor> blobs);

class Transfer {
 public:
  Transfer(const std::vector<Descriptor>& blobs, base::Reporter& reporter);

  /// One blob; `told` takes how much of it is through, and gives the failure of another.
  using Told = std::function<Result<>(std::uint64_t done)>;
  using Task = std::function<Result<>(const Descriptor& blob, const Told& told)>;
  Result<> run(std::size_t jobs, const Task& task);

 private:
  Result<> tell(const Descriptor& blob, std::uint64_t& before, std::uint64_t done);

  const std::vector<Descriptor>& blobs_;
  base::Reporter& reporter_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace hpcenv::image
