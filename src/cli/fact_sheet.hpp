// Facts below headings, as lines of text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output.hpp"

namespace hpcenv::cli {

/// One heading and what stands below it.
class FactSheet {
 public:
  explicit FactSheet(std::string heading) : heading_(std::move(heading)) {}

  /// An empty name goes on with the one before.
  void add(std::string name, std::string text) {
    rows_.push_back({std::move(name), std::move(text)});
  }
  /// Nothing where the text is empty.
  void add_known(std::string name, std::string text);

  /// Names padded to the widest one, texts broken at blanks below their beginning; the heading
  /// alone where there are no facts.
  std::string text(std::size_t columns, const Output& output) const;

 private:
  struct Row {
    std::string name;
    std::string text;
  };
  std::string heading_;
  std::vector<Row> rows_;
};

}  // namespace hpcenv::cli
