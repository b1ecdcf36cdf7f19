// A reporter that keeps the warnings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/reporter.hpp"

namespace hpcenv::test {

class Warnings final : public base::Reporter {
 public:
  void step(std::string_view) override {}
  void progress(std::uint64_t, std::uint64_t, base::Unit) override {}
  void warning(std::string_view text) override { texts.emplace_back(text); }
  void detail(std::string_view) override {}
  std::vector<std::string> texts;
};

}  // namespace hpcenv::test
