#include "solve/consistency.hpp"

#include <algorithm>
#include <bit>

namespace hpcenv::solve {

namespace {

constexpr std::uint8_t sets_changed = 1;
constexpr std::uint8_t name_changed = 2;

/// The demands of a candidate about one name; they are sorted by name.
std::span<const Demand> demands_on(const Candidate& candidate, NameIndex name) {
  const auto all = candidate.demands;
  const auto first = std::lower_bound(all.begin(), all.end(), name,
                                      [](const Demand& d, NameIndex n) { return d.name < n; });
  auto last = first;
  while (last != all.end() && last->name == name) ++last;
  return {first, last};
}

}  // namespace

Consistency::Consistency(const Candidates& table)
    : table_(&table),
      words_(table.word_count),
      empty_(table.sets.size()),
      deaths_(table.candidates.size()),
      requirements_(table.names.size()),
      changed_(table.names.size()) {
  for (const Name& name : table.names) {
    for (std::uint32_t i = 0; i < name.candidate_count; ++i) {
      words_[name.first_word + i / word_bits] |= Word{1} << (i % word_bits);
    }
  }
}

bool Consistency::is_living(CandidateIndex candidate) const {
  const Name& name = table_->names[table_->candidates[candidate].name];
  const std::uint32_t bit = candidate - name.first_candidate;
  return (words_[name.first_word + bit / word_bits] >> (bit % word_bits) & 1U) != 0;
}

std::optional<CandidateIndex> Consistency::best(NameIndex index) const {
  const Name& name = table_->names[index];
  for (std::uint32_t i = 0; i < name.word_count; ++i) {
    const Word word = words_[name.first_word + i];
    if (word == 0) continue;
    return name.first_candidate + i * word_bits +
           static_cast<std::uint32_t>(std::countr_zero(word));
  }
  return std::nullopt;
}

std::uint32_t Consistency::living_count(NameIndex index) const {
  const Name& name = table_->names[index];
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < name.word_count; ++i) {
    count += static_cast<std::uint32_t>(std::popcount(words_[name.first_word + i]));
  }
  return count;
}

std::vector<CandidateIndex> Consistency::living(NameIndex index) const {
  const Name& name = table_->names[index];
  std::vector<CandidateIndex> found;
  for (std::uint32_t i = 0; i < name.word_count; ++i) {
    for (Word word = words_[name.first_word + i]; word != 0; word &= word - 1) {
      found.push_back(name.first_candidate + i * word_bits +
                      static_cast<std::uint32_t>(std::countr_zero(word)));
    }
  }
  return found;
}

bool Consistency::any_living(SetIndex index) const {
  const AcceptedSet& set = table_->sets[index];
  const Name& name = table_->names[set.name];
  for (std::uint32_t i = 0; i < name.word_count; ++i) {
    if ((words_[name.first_word + i] & set.words[i]) != 0) return true;
  }
  return false;
}

void Consistency::kill(CandidateIndex candidate, Death death) {
  if (!is_living(candidate)) return;
  const NameIndex index = table_->candidates[candidate].name;
  const Name& name = table_->names[index];
  const std::uint32_t bit = candidate - name.first_candidate;
  words_[name.first_word + bit / word_bits] &= ~(Word{1} << (bit % word_bits));
  if (!deaths_.empty()) deaths_[candidate] = death;
  if ((changed_[index] & sets_changed) == 0) set_queue_.push_back(index);
  if ((changed_[index] & name_changed) == 0) name_queue_.push_back(index);
  changed_[index] |= sets_changed | name_changed;
}

void Consistency::kill_outside(NameIndex index, std::span<const Word> keep, Death death) {
  const Name& name = table_->names[index];
  for (std::uint32_t i = 0; i < name.word_count; ++i) {
    for (Word word = words_[name.first_word + i] & ~keep[i]; word != 0; word &= word - 1) {
      kill(
          name.first_candidate + i * word_bits + static_cast<std::uint32_t>(std::countr_zero(word)),
          death);
    }
  }
}

void Consistency::require(NameIndex name, Requirement requirement) {
  if (is_required(name)) return;
  requirements_[name] = requirement;
  required_names_.push_back(name);
  for (const SetIndex set : table_->names[name].sets) {
    if (empty_[set] != 0) kill_constrained(set);
  }
  if ((changed_[name] & name_changed) == 0) name_queue_.push_back(name);
  changed_[name] |= name_changed;
}

void Consistency::kill_constrained(SetIndex set) {
  for (const SpecUser& user : table_->sets[set].constrains) {
    kill(user.candidate, {Death::Cause::constrained, user.spec});
  }
}

void Consistency::empty_sets(NameIndex name) {
  for (const SetIndex set : table_->names[name].sets) {
    if (empty_[set] != 0 || any_living(set)) continue;
    empty_[set] = 1;
    for (const SpecUser& user : table_->sets[set].depends) {
      kill(user.candidate, {Death::Cause::no_provider, user.spec});
    }
    if (is_required(name)) kill_constrained(set);
  }
}

Consistency::Failed Consistency::start(std::span<const SpecIndex> preferences) {
  const Candidates& table = *table_;
  // What nobody asked for dies of that first: no other reason is worth a word of an explanation.
  for (const SpecIndex root : table.roots) {
    const Spec& spec = table.specs[root];
    kill_outside(spec.name, table.sets[spec.set].words, {Death::Cause::not_asked, root});
    require(spec.name, {Requirement::Source::request, root});
  }
  for (NameIndex name = 0; name < table.names.size(); ++name) {
    if (table.is_virtual(name) && table.names[name].candidate_count > 0) {
      require(name, {Requirement::Source::machine, 0});
    }
    // Sets that are empty from the beginning have not lost a candidate.
    empty_sets(name);
  }
  for (CandidateIndex i = 0; i < table.candidates.size(); ++i) {
    if (!table.candidates[i].unreadable_spec.empty()) kill(i, {Death::Cause::unreadable, 0});
  }
  for (const SpecIndex limit : table.limits) {
    const Spec& spec = table.specs[limit];
    kill_outside(spec.name, table.sets[spec.set].words, {Death::Cause::not_asked, limit});
  }
  for (const SpecIndex preference : preferences) {
    const Spec& spec = table.specs[preference];
    kill_outside(spec.name, table.sets[spec.set].words, {Death::Cause::not_preferred, preference});
  }
  return propagate();
}

Consistency::Failed Consistency::keep_only(NameIndex name, std::span<const Word> keep) {
  kill_outside(name, keep, {Death::Cause::dropped, 0});
  return propagate();
}

Consistency::Failed Consistency::choose(std::span<const CandidateIndex> candidates) {
  for (const CandidateIndex candidate : candidates) {
    const NameIndex index = table_->candidates[candidate].name;
    const Name& name = table_->names[index];
    std::vector<Word> only(name.word_count);
    const std::uint32_t bit = candidate - name.first_candidate;
    only[bit / word_bits] = Word{1} << (bit % word_bits);
    kill_outside(index, only, {Death::Cause::dropped, 0});
    require(index, {Requirement::Source::choice, 0});
  }
  return propagate();
}

Consistency::Failed Consistency::choose(NameIndex name) {
  require(name, {Requirement::Source::choice, 0});
  return propagate();
}

Consistency::Failed Consistency::drop(CandidateIndex candidate) {
  kill(candidate, {Death::Cause::dropped, 0});
  return propagate();
}

Consistency::Failed Consistency::drop_version(NameIndex name, std::uint32_t version_rank) {
  for (const CandidateIndex candidate : living(name)) {
    if (table_->candidates[candidate].version_rank == version_rank) {
      kill(candidate, {Death::Cause::dropped, 0});
    }
  }
  return propagate();
}

Consistency::Failed Consistency::propagate() {
  // A required name is looked at when the cheaper sets are at rest.
  while (!set_queue_.empty() || !name_queue_.empty()) {
    if (!set_queue_.empty()) {
      const NameIndex name = set_queue_.back();
      set_queue_.pop_back();
      changed_[name] &= static_cast<std::uint8_t>(~sets_changed);
      empty_sets(name);
      if (is_required(name) && !best(name).has_value()) return name;
      continue;
    }
    const NameIndex name = name_queue_.back();
    name_queue_.pop_back();
    changed_[name] &= static_cast<std::uint8_t>(~name_changed);
    if (!is_required(name)) continue;
    if (!best(name).has_value()) return name;
    look_at_required(name);
  }
  return std::nullopt;
}

void Consistency::look_at_required(NameIndex name) {
  const std::vector<CandidateIndex> all = living(name);
  const std::span<const Demand> demands = table_->candidates[all.front()].demands;
  for (std::size_t begin = 0; begin < demands.size();) {
    std::size_t end = begin + 1;
    while (end < demands.size() && demands[end].name == demands[begin].name) ++end;
    look_at_demand(name, all, demands.subspan(begin, end - begin));
    begin = end;
  }
}

/// Where all living candidates of a required name speak about another, what none accepts dies;
/// where all depend on it, it is required too. `demands` are those of the first living one.
void Consistency::look_at_demand(NameIndex name, std::span<const CandidateIndex> living,
                                 std::span<const Demand> demands) {
  const NameIndex about = demands.front().name;
  const Name& target = table_->names[about];
  std::vector<Word> accepted(target.word_count);
  bool all_depend = true;
  for (const CandidateIndex candidate : living) {
    const auto spoken = demands_on(table_->candidates[candidate], about);
    if (spoken.empty()) return;
    all_depend = all_depend && std::any_of(spoken.begin(), spoken.end(), [](const Demand& d) {
                   return d.kind == DemandKind::depends;
                 });
    for (std::uint32_t i = 0; i < target.word_count; ++i) {
      Word both = ~Word{0};
      for (const Demand& demand : spoken) both &= table_->sets[demand.set].words[i];
      accepted[i] |= both;
    }
  }
  if (all_depend) require(about, {Requirement::Source::name, name});
  kill_outside(about, accepted, {Death::Cause::not_accepted, name});
}

}  // namespace hpcenv::solve
