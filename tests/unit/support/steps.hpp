// A reporter that keeps what it is told, steps and warnings; from any thread.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.hpp"

namespace hpcenv::test {

class Steps final : public base::Reporter {
 public:
  void step(std::string_view what) override {
    const std::lock_guard lock(mutex_);
    texts_.emplace_back(what);
  }
  void progress(std::uint64_t, std::uint64_t, base::Unit) override {}
  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    texts_.emplace_back(text);
    warnings_.emplace_back(text);
  }
  void detail(std::string_view) override {}

  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return texts_.size();
  }
  std::string text(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return texts_.at(index);
  }
  std::vector<std::string> warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> texts_;
  std::vector<std::string> warnings_;
};

}  // namespace hpcenv::test
