#include "solve/spec_table.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::solve {

namespace {

constexpr std::size_t first_slots = 4096;

/// Eight bytes at a time; texts are short and the table is thrown away after a request.
std::uint32_t hash_of(std::string_view text) {
  constexpr std::uint64_t factor = 0x9E3779B97F4A7C15U;
  std::uint64_t hash = text.size() * factor;
  while (!text.empty()) {
    std::uint64_t chunk = 0;
    const std::size_t size = std::min(text.size(), sizeof chunk);
    std::memcpy(&chunk, text.data(), size);
    hash = (hash ^ chunk) * factor;
    hash ^= hash >> 32U;
    text.remove_prefix(size);
  }
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

SpecTable::SpecTable() : slots_(first_slots) {}

SpecTable::Slot& SpecTable::slot_of(std::string_view text, std::uint32_t hash) {
  std::size_t place = hash & (slots_.size() - 1);
  while (slots_[place].entry != 0 &&
         (slots_[place].hash != hash || entries_[slots_[place].entry - 1].text != text)) {
    place = (place + 1) & (slots_.size() - 1);
  }
  return slots_[place];
}

void SpecTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.entry != 0) slot_of(entries_[slot.entry - 1].text, slot.hash) = slot;
  }
}

ParsedSpec* SpecTable::find(std::string_view text) {
  const std::uint32_t hash = hash_of(text);
  Slot* slot = &slot_of(text, hash);
  if (slot->entry == 0) {
    if (entries_.size() * 2 >= slots_.size()) {
      grow();
      slot = &slot_of(text, hash);
    }
    Entry& entry = entries_.emplace_back();
    entry.text = text;
    auto spec = conda::MatchSpec::parse(text);
    if (spec.has_value() && spec->name.is_exact()) {
      entry.parsed.emplace(base::trim(text), std::move(spec).value());
    }
    *slot = {hash, static_cast<std::uint32_t>(entries_.size())};
  }
  Entry& entry = entries_[slot->entry - 1];
  return entry.parsed.has_value() ? &*entry.parsed : nullptr;
}

}  // namespace hpcenv::solve
