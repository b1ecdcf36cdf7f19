#include "image/challenge.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace hpcenv::image {

namespace {

/// Reads a header from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  /// Blanks, and commas between what is listed.
  void skip_separators() { skip(" \t,"); }
  void skip_blanks() { skip(" \t"); }
  bool take(char letter) {
    if (!rest_.starts_with(letter)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string token() {
    const std::size_t end = std::min(rest_.find_first_of(" \t,=\""), rest_.size());
    std::string word(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return word;
  }
  std::string value() {
    if (!take('"')) return token();
    std::string text;
    while (!rest_.empty() && !take('"')) {
      take('\\');
      if (rest_.empty()) break;
      text += rest_.front();
      rest_.remove_prefix(1);
    }
    return text;
  }

 private:
  void skip(std::string_view letters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(letters), rest_.size()));
  }
  std::string_view rest_;
};

}  // namespace

std::string Challenge::parameter(std::string_view name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Reader reader(header);
  for (reader.skip_separators(); !reader.at_end(); reader.skip_separators()) {
    const std::string word = base::to_lower(reader.token());
    if (word.empty()) break;
    reader.skip_blanks();
    if (!reader.take('=')) {
      challenges.push_back({word, {}});  // a scheme stands without `=`
      continue;
    }
    if (challenges.empty()) break;
    reader.skip_blanks();
    challenges.back().parameters[word] = reader.value();
  }
  return challenges;
}

}  // namespace hpcenv::image
