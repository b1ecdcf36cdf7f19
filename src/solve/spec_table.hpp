// The distinct texts of specs that records hold, each parsed once.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "conda/match_spec.hpp"

namespace hpcenv::solve {

struct ParsedSpec {
  std::string_view text;  ///< of the record where it was met first
  conda::MatchSpec spec;
  std::optional<std::uint32_t> name{};   ///< NameIndex, once something depends on it
  std::optional<std::uint32_t> index{};  ///< SpecIndex, once it is matched
};

/// Open addressing: a request asks for tens of thousands of texts, nearly all of them again.
class SpecTable {
 public:
  SpecTable();
  /// nullptr where it cannot be read or names no single package. `text` has to outlive the table;
  /// what is returned lives as long as the table.
  ParsedSpec* find(std::string_view text);

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t entry = 0;  ///< its place plus one; 0: free
  };
  struct Entry {
    std::string_view text;
    std::optional<ParsedSpec> parsed;
  };
  /// Where a text is, or the free slot where it belongs.
  Slot& slot_of(std::string_view text, std::uint32_t hash);
  void grow();

  std::vector<Slot> slots_;
  std::deque<Entry> entries_;
};

}  // namespace hpcenv::solve
