#include "solve/candidates.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "solve/offers.hpp"

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

/// A distinct text that a depends or constrains holds.
struct ParsedSpec {
  MatchSpec spec;
  std::optional<NameIndex> name{};   ///< once something depends on it
  std::optional<SpecIndex> index{};  ///< once it is matched
};

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
    for (CandidateIndex next = 0; next < table_.candidates.size(); ++next) add_demands(next);
    add_wishes();
    add_stays();
    table_.hidden = offers_.take_hidden();
    for (const auto& channel : request_.index->channels) {
      table_.channel_names.push_back(channel.name);
    }
    return std::move(table_);
  }

 private:
  void add_wishes() {
    for (const Wish& wish : wishes_.roots) {
      table_.roots.push_back(add_spec(*wish.spec, names_.at(wish.name), wish.origin));
    }
    for (const MatchSpec& pin : request_.pins) add_limit(pin, Origin::pinned);
    for (const MatchSpec& spec : request_.disallowed) add_limit(spec, Origin::disallowed);
    for (const MatchSpec& preference : request_.preferences) {
      const auto name = names_.find(preference.name.text());
      if (name == names_.end()) continue;
      table_.preferences.push_back(add_spec(preference, name->second, Origin::preferred));
    }
  }

  void add_limit(const MatchSpec& spec, Origin origin) {
    for (NameIndex name = 0; name < table_.names.size(); ++name) {
      if (!table_.is_virtual(name) && spec.name.matches(table_.names[name].text)) {
        table_.limits.push_back(add_spec(spec, name, origin));
      }
    }
  }

  void add_stays() {
    for (const std::string& name : wishes_.leaves) table_.leaves.push_back(names_.at(name));
    if (request_.update_all) {
      for (const NameIndex leaf : table_.leaves) {
        if (is_direct(leaf)) continue;
        table_.direct.push_back(leaf);
        table_.update.push_back(leaf);
      }
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
      needs_begin_.push_back(needs_.size());
      for (const std::string& text : offer.record->depends) {
        ParsedSpec* need = parsed(text);
        if (need == nullptr) {
          candidate.unreadable_spec = text;
          continue;
        }
        if (!need->name.has_value()) need->name = name_index(need->spec.name.text());
        needs_.push_back(need);
      }
      table_.candidates.push_back(std::move(candidate));
    }
  }

  std::vector<Ranked> sorted_offers(NameIndex name) {
    std::vector<Ranked> ranked;
    const std::span<const Offer> offers = offers_.of(table_.names[name].text);
    const auto ranks = rank_versions(name, offers);
    for (const Offer& offer : offers) {
      const auto rank = ranks.find(offer.record->version);
      // A version that cannot be read has no place in the order: such a record is not offered.
      if (rank == ranks.end()) continue;
      ranked.push_back(
          {offer, rank->second, base::split_words(offer.record->track_features).size()});
    }
    const bool keep_installed = !request_.update_all && !is_direct(name);
    std::stable_sort(ranked.begin(), ranked.end(), [&](const Ranked& a, const Ranked& b) {
      if (keep_installed && a.offer.installed != b.offer.installed) return a.offer.installed;
      return preferred(a, b);
    });
    return ranked;
  }

  /// Fills `versions_` of the name; the place of each text among them.
  std::unordered_map<std::string_view, std::uint32_t> rank_versions(NameIndex name,
                                                                    std::span<const Offer> offers) {
    std::unordered_map<std::string_view, Version> parsed;
    for (const Offer& offer : offers) {
      if (parsed.contains(offer.record->version)) continue;
      if (auto version = Version::parse(offer.record->version); version.has_value()) {
        parsed.emplace(offer.record->version, std::move(version).value());
      }
    }
    std::vector<std::pair<Version, std::string_view>> order;
    order.reserve(parsed.size());
    for (auto& [text, version] : parsed) order.emplace_back(std::move(version), text);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      const auto compared = b.first <=> a.first;
      return compared != 0 ? compared < 0 : a.second < b.second;
    });
    std::unordered_map<std::string_view, std::uint32_t> ranks;
    std::vector<Version>& distinct = versions_[name];
    for (auto& [version, text] : order) {
      if (distinct.empty() || distinct.back() != version) distinct.push_back(version);
      ranks.emplace(text, static_cast<std::uint32_t>(distinct.size() - 1));
    }
    return ranks;
  }

  bool preferred(const Ranked& a, const Ranked& b) const {
    const bool flexible = request_.priority == ChannelPriority::flexible;
    const auto key = [flexible](const Ranked& r) {
      const PackageRecord& record = *r.offer.record;
      return std::tuple(flexible ? r.offer.channel : 0, r.features, r.version, r.offer.channel,
                        -record.build_number, record.noarch != conda::Noarch::none,
                        -record.timestamp.value_or(0));
    };
    const auto key_a = key(a);
    const auto key_b = key(b);
    if (key_a != key_b) return key_a < key_b;
    if (a.offer.record->build != b.offer.record->build) {
      return a.offer.record->build > b.offer.record->build;
    }
    if (a.offer.installed != b.offer.installed) return a.offer.installed;
    return a.offer.record->file_name.ends_with(".conda") &&
           !b.offer.record->file_name.ends_with(".conda");
  }

  /// Parses each text once; nullptr where it cannot be read or names no single package.
  ParsedSpec* parsed(std::string_view text) {
    const auto [place, added] = parsed_.try_emplace(text);
    if (added) {
      auto spec = MatchSpec::parse(text);
      if (spec.has_value() && spec->name.is_exact()) {
        place->second = ParsedSpec{std::move(spec).value()};
      }
    }
    return place->second.has_value() ? &*place->second : nullptr;
  }

  void add_demands(CandidateIndex index) {
    for (std::size_t i = needs_begin_[index]; i < needs_begin_[index + 1]; ++i) {
      add_demand(index, *needs_[i], DemandKind::depends);
    }
    for (const std::string& text : table_.record(index).constrains) {
      ParsedSpec* bound = parsed(text);
      if (bound == nullptr) continue;
      if (!bound->name.has_value()) {
        const auto name = names_.find(bound->spec.name.text());
        // What no depends reaches is never installed, and cannot violate anything.
        if (name == names_.end()) continue;
        bound->name = name->second;
      }
      add_demand(index, *bound, DemandKind::constrains);
    }
    auto& demands = table_.candidates[index].demands;
    std::stable_sort(demands.begin(), demands.end(),
                     [](const Demand& a, const Demand& b) { return a.name < b.name; });
  }

  void add_demand(CandidateIndex candidate, ParsedSpec& parsed, DemandKind kind) {
    if (!parsed.index.has_value()) {
      parsed.index = add_spec(parsed.spec, *parsed.name, Origin::record);
    }
    const Spec& spec = table_.specs[*parsed.index];
    table_.candidates[candidate].demands.push_back({spec.name, *parsed.index, spec.set, kind});
    AcceptedSet& set = table_.sets[spec.set];
    (kind == DemandKind::depends ? set.depends : set.constrains)
        .push_back({candidate, *parsed.index});
  }

  SpecIndex add_spec(const MatchSpec& spec, NameIndex name, Origin origin) {
    std::vector<Word> words = accepted(spec, name);
    if (origin == Origin::disallowed) {
      for (Word& word : words) word = ~word;
    }
    table_.specs.push_back({spec.text, name, set_index(name, std::move(words)), origin});
    return static_cast<SpecIndex>(table_.specs.size() - 1);
  }

  /// Which candidates a spec accepts, one bit each; versions are compared once.
  std::vector<Word> accepted(const MatchSpec& spec, NameIndex index) const {
    const Name& name = table_.names[index];
    std::vector<Word> words(name.word_count);
    std::vector<bool> fits(versions_[index].size());
    for (std::size_t i = 0; i < fits.size(); ++i)
      fits[i] = spec.version.matches(versions_[index][i]);
    for (std::uint32_t i = 0; i < name.candidate_count; ++i) {
      const Candidate& candidate = table_.candidates[name.first_candidate + i];
      if (!fits[candidate.version_rank] || !spec.matches_beside_version(*candidate.record))
        continue;
      if (!spec.channel.empty() && !candidate.record->is_virtual() &&
          !offers_.comes_from({candidate.record, channels_[name.first_candidate + i]},
                              spec.channel)) {
        continue;
      }
      words[i / word_bits] |= Word{1} << (i % word_bits);
    }
    return words;
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
  std::unordered_map<std::string_view, std::optional<ParsedSpec>> parsed_;
  std::vector<ParsedSpec*> needs_;        ///< the depends of all candidates, one after the other
  std::vector<std::size_t> needs_begin_;  ///< where those of each candidate begin, and the end
  std::vector<std::vector<Version>> versions_;  ///< of each name, newest first, equal ones once
  std::vector<std::size_t> channels_;           ///< of each candidate
};

}  // namespace

Result<Candidates> collect_candidates(const SolveRequest& request) {
  HPCENV_ASSIGN(const Wishes wishes, gather_wishes(request));
  return Collector(request, wishes).collect();
}

}  // namespace hpcenv::solve
