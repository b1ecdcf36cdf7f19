#include "solve/candidates.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "solve/offers.hpp"
#include "solve/spec_table.hpp"

namespace hpcenv::solve {

namespace {

using conda::MatchSpec;
using conda::PackageRecord;
using conda::Version;

struct Ranked {
  Offer offer;
  std::uint32_t version = 0;  ///< position among the distinct versions
  std::size_t features = 0;
};

constexpr std::uint32_t unreadable = 0xFFFFFFFFU;  ///< in place of a version's rank

class Collector {
 public:
  Collector(const SolveRequest& request, const Wishes& wishes)
      : request_(request), wishes_(wishes), offers_(request, wishes.roots) {}

  Candidates collect() {
    for (const Wish& wish : wishes_.roots) name_index(wish.name);
    for (const PackageRecord& record : request_.virtual_packages) name_index(record.name);
    for (const PackageRecord& record : request_.installed) name_index(record.name);
    for (const std::string& name : wishes_.direct) {
      if (!name.starts_with("__")) table_.direct.push_back(name_index(name));
    }
    for (const std::string& name : wishes_.update) table_.update.push_back(name_index(name));
    for (NameIndex next = 0; next < table_.names.size(); ++next) rank(next);
    needs_begin_.push_back(needs_.size());
    // The candidates point into it, so it must not grow.
    table_.demands.reserve(needs_.size());
    for (CandidateIndex next = 0; next < table_.candidates.size(); ++next) add_demands(next);
    add_wishes();
    add_users();
    add_stays();
    table_.hidden = offers_.take_hidden();
    table_.machine = &request_.machine;
    for (const auto& channel : request_.index->channels) {
      table_.channel_names.push_back(channel.name);
    }
    return std::move(table_);
  }

 private:
  void add_wishes() {
    for (const Wish& wish : wishes_.roots) {
      table_.roots.push_back(
          add_spec(*wish.spec, wish.spec->text, names_.at(wish.name), wish.origin));
    }
    for (const MatchSpec& pin : request_.pins) add_limit(pin, Origin::pinned);
    for (const MatchSpec& spec : request_.held) add_limit(spec, Origin::held);
    for (const MatchSpec& spec : request_.disallowed) add_limit(spec, Origin::disallowed);
    for (const MatchSpec& preference : request_.preferences) {
      const auto name = names_.find(preference.name.text());
      if (name == names_.end()) continue;
      table_.preferences.push_back(
          add_spec(preference, preference.text, name->second, Origin::preferred));
    }
  }

  void add_limit(const MatchSpec& spec, Origin origin) {
    for (NameIndex name = 0; name < table_.names.size(); ++name) {
      if (!table_.is_virtual(name) && spec.name.matches(table_.names[name].text)) {
        table_.limits.push_back(add_spec(spec, spec.text, name, origin));
      }
    }
  }

  void add_stays() {
    for (const std::string& name : wishes_.leaves) table_.leaves.push_back(names_.at(name));
    if (request_.update_all) {
      for (const SpecIndex root : table_.roots) add_update(table_.specs[root].name);
      for (const NameIndex leaf : table_.leaves) add_update(leaf);
      return;
    }
    for (const PackageRecord& record : request_.installed) {
      const Name& name = table_.names[names_.at(record.name)];
      if (name.candidate_count == 0 || is_direct(names_.at(record.name))) continue;
      // Ranked first, where it is offered at all.
      if (table_.candidates[name.first_candidate].installed) {
        table_.stays.push_back(name.first_candidate);
      }
    }
  }

  void add_update(NameIndex name) {
    if (is_direct(name) || table_.is_virtual(name)) return;
    table_.direct.push_back(name);
    table_.update.push_back(name);
  }

  bool is_direct(NameIndex name) const {
    return std::find(table_.direct.begin(), table_.direct.end(), name) != table_.direct.end();
  }

  NameIndex name_index(std::string_view text) {
    if (const auto found = names_.find(text); found != names_.end()) return found->second;
    const auto index = static_cast<NameIndex>(table_.names.size());
    Name name;
    name.text = offers_.name_text(text);
    if (name.text.empty()) name.text = table_.own_texts.emplace_back(text);
    table_.names.push_back(name);
    versions_.emplace_back();
    names_.emplace(name.text, index);
    return index;
  }

  /// Adds the candidates of a name in the order of preference and the names they depend on.
  void rank(NameIndex name) {
    std::vector<Ranked> ranked = sorted_offers(name);
    Name& entry = table_.names[name];
    entry.first_candidate = static_cast<CandidateIndex>(table_.candidates.size());
    entry.candidate_count = static_cast<std::uint32_t>(ranked.size());
    entry.first_word = table_.word_count;
    entry.word_count = (entry.candidate_count + word_bits - 1) / word_bits;
    table_.word_count += entry.word_count;
    for (const auto& [offer, version, features] : ranked) {
      Candidate candidate;
      candidate.record = offer.record;
      candidate.name = name;
      candidate.version_rank = version;
      candidate.installed = offer.installed;
      channels_.push_back(offer.channel);
      add_needs(candidate);
      table_.candidates.push_back(candidate);
    }
    neighbour_ = nullptr;
  }

  /// Parses what a record depends on and constrains, and finds the names it depends on.
  void add_needs(Candidate& candidate) {
    const PackageRecord& record = *candidate.record;
    const std::size_t begin = needs_.size();
    needs_begin_.push_back(begin);
    for (std::size_t i = 0; i < record.depends.size(); ++i) {
      ParsedSpec* need =
          parsed(record.depends, i, neighbour_ == nullptr ? nullptr : &neighbour_->depends,
                 neighbour_begin_);
      needs_.push_back(need);
      if (need == nullptr) {
        candidate.unreadable_spec = record.depends[i];
      } else if (!need->name.has_value()) {
        need->name = name_index(need->spec.name.text());
      }
    }
    for (std::size_t i = 0; i < record.constrains.size(); ++i) {
      needs_.push_back(
          parsed(record.constrains, i, neighbour_ == nullptr ? nullptr : &neighbour_->constrains,
                 neighbour_ == nullptr ? 0 : neighbour_begin_ + neighbour_->depends.size()));
    }
    neighbour_ = &record;
    neighbour_begin_ = begin;
  }

  /// Builds that stand side by side mostly say the same in the same place.
  ParsedSpec* parsed(const std::vector<std::string>& texts, std::size_t i,
                     const std::vector<std::string>* neighbours, std::size_t neighbours_begin) {
    if (neighbours != nullptr && i < neighbours->size() && (*neighbours)[i] == texts[i]) {
      return needs_[neighbours_begin + i];
    }
    return specs_.find(texts[i]);
  }

  std::vector<Ranked> sorted_offers(NameIndex name) {
    std::vector<Ranked> ranked;
    const std::span<const Offer> offers = offers_.of(table_.names[name].text);
    const std::vector<std::uint32_t> ranks = rank_versions(name, offers);
    ranked.reserve(offers.size());
    for (std::size_t i = 0; i < offers.size(); ++i) {
      // A version that cannot be read has no place in the order: such a record is not offered.
      if (ranks[i] == unreadable) continue;
      const std::string& features = offers[i].record->track_features;
      ranked.push_back(
          {offers[i], ranks[i], features.empty() ? 0 : base::split_words(features).size()});
    }
    const bool keep_installed = !request_.update_all && !is_direct(name);
    std::stable_sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
      if (keep_installed && a.offer.installed != b.offer.installed) return a.offer.installed;
      return preferred(a, b);
    });
    return ranked;
  }

  /// Fills `versions_` of the name; of each offer the place of its version there.
  std::vector<std::uint32_t> rank_versions(NameIndex name, std::span<const Offer> offers) {
    std::unordered_map<std::string_view, std::uint32_t> texts;
    std::vector<Version> parsed;
    std::vector<std::uint32_t> places;  // of each offer among the parsed ones, later among distinct
    places.reserve(offers.size());
    const std::string* neighbour = nullptr;
    for (const Offer& offer : offers) {
      // Channels list the builds of a version side by side.
      if (neighbour != nullptr && *neighbour == offer.record->version) {
        places.push_back(places.back());
        continue;
      }
      neighbour = &offer.record->version;
      const auto [place, added] = texts.try_emplace(offer.record->version, unreadable);
      if (added) {
        if (auto version = Version::parse(offer.record->version); version.has_value()) {
          place->second = static_cast<std::uint32_t>(parsed.size());
          parsed.push_back(std::move(version).value());
        }
      }
      places.push_back(place->second);
    }
    std::vector<std::uint32_t> order(parsed.size());
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return parsed[a] > parsed[b]; });
    std::vector<Version>& distinct = versions_[name];
    std::vector<std::uint32_t> ranks(parsed.size());
    for (const std::uint32_t next : order) {
      if (distinct.empty() || distinct.back() != parsed[next]) {
        distinct.push_back(std::move(parsed[next]));
      }
      ranks[next] = static_cast<std::uint32_t>(distinct.size() - 1);
    }
    for (std::uint32_t& place : places) {
      if (place != unreadable) place = ranks[place];
    }
    return places;
  }

  bool preferred(const Ranked& a, const Ranked& b) const {
    const std::size_t channel_a = a.offer.channel;
    const std::size_t channel_b = b.offer.channel;
    if (request_.priority == ChannelPriority::flexible && channel_a != channel_b) {
      return channel_a < channel_b;
    }
    if (a.features != b.features) return a.features < b.features;
    if (a.version != b.version) return a.version < b.version;
    if (channel_a != channel_b) return channel_a < channel_b;
    const PackageRecord& left = *a.offer.record;
    const PackageRecord& right = *b.offer.record;
    const auto key = [](const PackageRecord& record) {
      return std::tuple(-record.build_number, record.noarch != conda::Noarch::none,
                        -record.timestamp.value_or(0));
    };
    if (key(left) != key(right)) return key(left) < key(right);
    if (left.build != right.build) return left.build > right.build;
    if (a.offer.installed != b.offer.installed) return a.offer.installed;
    return left.file_name.ends_with(".conda") && !right.file_name.ends_with(".conda");
  }

  void add_demands(CandidateIndex index) {
    Candidate& candidate = table_.candidates[index];
    const std::size_t first = table_.demands.size();
    const std::size_t depends_end = needs_begin_[index] + candidate.record->depends.size();
    for (std::size_t i = needs_begin_[index]; i < needs_begin_[index + 1]; ++i) {
      if (needs_[i] == nullptr) continue;
      if (i < depends_end) {
        add_demand(*needs_[i], DemandKind::depends);
      } else if (is_reached(*needs_[i])) {
        add_demand(*needs_[i], DemandKind::constrains);
      }
    }
    const auto demands = std::span(table_.demands).subspan(first);
    std::sort(demands.begin(), demands.end(), [](const Demand& a, const Demand& b) {
      return std::tuple(a.name, a.kind, a.spec) < std::tuple(b.name, b.kind, b.spec);
    });
    candidate.demands = demands;
  }

  /// What no depends reaches is never installed, and cannot violate a constrains.
  bool is_reached(ParsedSpec& bound) const {
    if (!bound.name.has_value()) {
      const auto name = names_.find(bound.spec.name.text());
      if (name == names_.end()) return false;
      bound.name = name->second;
    }
    return true;
  }

  void add_demand(ParsedSpec& parsed, DemandKind kind) {
    if (!parsed.index.has_value()) {
      parsed.index = add_spec(parsed.spec, parsed.text, *parsed.name, Origin::record);
    }
    const Spec& spec = table_.specs[*parsed.index];
    table_.demands.push_back({spec.name, *parsed.index, spec.set, kind});
  }

  /// Gives each set those who speak of it, side by side.
  void add_users() {
    std::vector<std::uint32_t> ends(table_.sets.size() * 2);
    const auto slot = [](const Demand& demand) {
      return demand.set * 2 + (demand.kind == DemandKind::constrains ? 1U : 0U);
    };
    for (const Demand& demand : table_.demands) ++ends[slot(demand)];
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    table_.users.resize(table_.demands.size());
    const std::span<const SpecUser> users = table_.users;
    for (std::size_t set = 0; set < table_.sets.size(); ++set) {
      const std::uint32_t begin = set == 0 ? 0 : ends[2 * set - 1];
      table_.sets[set].depends = users.subspan(begin, ends[2 * set] - begin);
      table_.sets[set].constrains = users.subspan(ends[2 * set], ends[2 * set + 1] - ends[2 * set]);
    }
    for (auto candidate = static_cast<CandidateIndex>(table_.candidates.size()); candidate-- > 0;) {
      for (const Demand& demand : table_.candidates[candidate].demands) {
        table_.users[--ends[slot(demand)]] = {candidate, demand.spec};
      }
    }
  }

  SpecIndex add_spec(const MatchSpec& spec, std::string_view text, NameIndex name, Origin origin) {
    std::vector<Word> words = accepted(spec, name);
    if (origin == Origin::disallowed) {
      for (Word& word : words) word = ~word;
    }
    table_.specs.push_back({text, name, set_index(name, std::move(words)), origin});
    return static_cast<SpecIndex>(table_.specs.size() - 1);
  }

  /// Which candidates a spec accepts, one bit each; versions are compared once.
  std::vector<Word> accepted(const MatchSpec& spec, NameIndex index) const {
    const Name& name = table_.names[index];
    std::vector<Word> words(name.word_count);
    const std::vector<std::uint64_t> fits = spec.version.matching(versions_[index]);
    const bool plain = spec.asks_only_version();
    for (std::uint32_t i = 0; i < name.candidate_count; ++i) {
      const Candidate& candidate = table_.candidates[name.first_candidate + i];
      const std::uint32_t rank = candidate.version_rank;
      if ((fits[rank / word_bits] >> (rank % word_bits) & 1U) == 0) continue;
      if (!plain && !accepts_rest(spec, name.first_candidate + i)) continue;
      words[i / word_bits] |= Word{1} << (i % word_bits);
    }
    return words;
  }

  bool accepts_rest(const MatchSpec& spec, CandidateIndex index) const {
    const PackageRecord& record = table_.record(index);
    if (!spec.matches_beside_version(record)) return false;
    return spec.channel.empty() || record.is_virtual() ||
           offers_.comes_from({&record, channels_[index]}, spec.channel);
  }

  SetIndex set_index(NameIndex name, std::vector<Word> words) {
    for (const SetIndex known : table_.names[name].sets) {
      if (table_.sets[known].words == words) return known;
    }
    const auto index = static_cast<SetIndex>(table_.sets.size());
    table_.sets.push_back({name, std::move(words), {}, {}});
    table_.names[name].sets.push_back(index);
    return index;
  }

  const SolveRequest& request_;
  const Wishes& wishes_;
  Offers offers_;
  Candidates table_;
  std::unordered_map<std::string_view, NameIndex> names_;
  SpecTable specs_;
  /// What all candidates depend on and constrain, one after the other; nullptr: unreadable.
  std::vector<ParsedSpec*> needs_;
  std::vector<std::size_t> needs_begin_;      ///< where those of each candidate begin, and the end
  const PackageRecord* neighbour_ = nullptr;  ///< the candidate before, of the same name
  std::size_t neighbour_begin_ = 0;           ///< where its needs begin
  std::vector<std::vector<Version>> versions_;  ///< of each name, newest first, equal ones once
  std::vector<std::size_t> channels_;           ///< of each candidate
};

}  // namespace

Result<Candidates> collect_candidates(const SolveRequest& request) {
  HPCENV_ASSIGN(const Wishes wishes, gather_wishes(request));
  return Collector(request, wishes).collect();
}

}  // namespace hpcenv::solve
