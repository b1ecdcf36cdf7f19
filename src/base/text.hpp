// Small functions on text; ASCII only, no locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::base {

std::vector<std::string_view> split(std::string_view text, char separator);
/// Splits at runs of blanks; no empty pieces.
std::vector<std::string_view> split_words(std::string_view text);
std::vector<std::string_view> split_lines(std::string_view text);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string join(const std::vector<std::string>& pieces, std::string_view separator);
std::string replace_all(std::string text, std::string_view from, std::string_view to);
/// Decimal, whole text, no sign; nothing else is a number.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);
/// `*` stands for any run of characters; anchored at both ends; case-sensitive.
bool glob_match(std::string_view pattern, std::string_view text);
/// Levenshtein distance, for "did you mean".
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The best of `known` within a third of the word's length, nearest first, at most `limit`.
std::vector<std::string> nearest_words(std::string_view word, const std::vector<std::string>& known,
                                       std::size_t limit);
/// 1536 -> "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace hpcenv::base
