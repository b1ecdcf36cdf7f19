#include "solve/candidates.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "conda/channel.hpp"

namespace hpcenv::solve {

namespace {

using conda::MatchSpec;
using conda::PackageRecord;
using conda::Version;

/// One record of the index or a virtual package, before it is ranked.
struct Offer {
  const PackageRecord* record = nullptr;
  std::size_t channel = 0;
};

struct Ranked {
  const PackageRecord* record = nullptr;
  std::size_t channel = 0;
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
  explicit Collector(const SolveRequest& request) : request_(request) {}

  Result<Candidates> collect() {
    HPCENV_TRY(collect_roots());
    group_offers();
    for (const std::string& name : root_names_) name_index(name);
    for (const Offer& offer : virtual_offers_) name_index(offer.record->name);
    for (NameIndex next = 0; next < table_.names.size(); ++next) rank(next);
    needs_begin_.push_back(needs_.size());
    for (CandidateIndex next = 0; next < table_.candidates.size(); ++next) add_demands(next);
    for (std::size_t i = 0; i < request_.specs.size(); ++i) {
      const MatchSpec& spec = request_.specs[i];
      table_.roots.push_back(add_spec(spec.text, spec, names_.at(root_names_[i])));
    }
    for (const MatchSpec& preference : request_.preferences) {
      const auto name = names_.find(preference.name.text());
      if (name == names_.end()) continue;
      table_.preferences.push_back(add_spec(preference.text, preference, name->second));
    }
    return std::move(table_);
  }

 private:
  /// The name that each wish is about; a pattern has to fit exactly one.
  Result<> collect_roots() {
    for (const MatchSpec& spec : request_.specs) {
      if (spec.name.is_exact()) {
        root_names_.push_back(spec.name.text());
        continue;
      }
      std::vector<std::string> fitting;
      for (const std::string& name : request_.index->all_names) {
        if (spec.name.matches(name)) fitting.push_back(name);
      }
      if (fitting.size() != 1) {
        const std::string some = base::join(
            {fitting.begin(), fitting.begin() + std::min<std::ptrdiff_t>(4, std::ssize(fitting))},
            ", ");
        return fail(ErrorKind::bad_spec, "'{}' has to mean one package, but it fits {}{}",
                    spec.text, fitting.empty() ? "none" : some,
                    fitting.size() > 4 ? " and others" : "");
      }
      root_names_.push_back(fitting.front());
    }
    return {};
  }

  void group_offers() {
    for (const PackageRecord& record : request_.virtual_packages) {
      virtual_offers_.push_back({&record, 0});
      offers_[record.name].push_back({&record, 0});
    }
    for (const index::IndexedRecord& entry : request_.index->records) {
      // What the machine offers is not for a channel to say.
      if (entry.record.is_virtual()) continue;
      offers_[entry.record.name].push_back({&entry.record, entry.channel});
    }
    for (auto& [name, offers] : offers_) apply_priority(name, offers);
  }

  /// `channel::name` chooses the channel of a name; else, where it is strict, the first that has
  /// it.
  void apply_priority(std::string_view name, std::vector<Offer>& offers) {
    for (std::size_t i = 0; i < root_names_.size(); ++i) {
      const std::string& wanted = request_.specs[i].channel;
      if (root_names_[i] != name || wanted.empty()) continue;
      std::erase_if(offers, [&](const Offer& offer) { return !comes_from(offer, wanted); });
    }
    if (request_.priority != ChannelPriority::strict || offers.empty()) return;
    const std::size_t first =
        std::min_element(offers.begin(), offers.end(), [](const Offer& a, const Offer& b) {
          return a.channel < b.channel;
        })->channel;
    std::erase_if(offers, [first](const Offer& offer) { return offer.channel != first; });
  }

  bool comes_from(const Offer& offer, std::string_view wanted) const {
    const auto& channels = request_.index->channels;
    return offer.channel < channels.size() &&
           conda::channel_matches(channels[offer.channel], wanted, request_.channel_alias);
  }

  NameIndex name_index(std::string_view text) {
    if (const auto found = names_.find(text); found != names_.end()) return found->second;
    const auto index = static_cast<NameIndex>(table_.names.size());
    Name name;
    if (const auto offers = offers_.find(text); offers != offers_.end()) {
      name.text = offers->first;
    } else {
      name.text = table_.own_texts.emplace_back(text);
    }
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
    for (const Ranked& offer : ranked) {
      Candidate candidate;
      candidate.record = offer.record;
      candidate.name = name;
      candidate.version_rank = offer.version;
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
    const auto offers = offers_.find(table_.names[name].text);
    if (offers == offers_.end()) return ranked;
    std::unordered_map<std::string_view, Version> parsed_versions;
    for (const Offer& offer : offers->second) {
      if (parsed_versions.contains(offer.record->version)) continue;
      if (auto version = Version::parse(offer.record->version); version.has_value()) {
        parsed_versions.emplace(offer.record->version, std::move(version).value());
      }
    }
    std::vector<std::pair<Version, std::string_view>> order;
    order.reserve(parsed_versions.size());
    for (auto& [text, version] : parsed_versions) order.emplace_back(std::move(version), text);
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
    for (const Offer& offer : offers->second) {
      const auto rank = ranks.find(offer.record->version);
      // A version that cannot be read has no place in the order: such a record is not offered.
      if (rank == ranks.end()) continue;
      ranked.push_back({offer.record, offer.channel, rank->second,
                        base::split_words(offer.record->track_features).size()});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [this](const Ranked& a, const Ranked& b) { return preferred(a, b); });
    return ranked;
  }

  bool preferred(const Ranked& a, const Ranked& b) const {
    const bool flexible = request_.priority == ChannelPriority::flexible;
    const auto key = [flexible](const Ranked& r) {
      return std::tuple(flexible ? r.channel : 0, r.features, r.version, r.channel,
                        -r.record->build_number, r.record->noarch != conda::Noarch::none,
                        -r.record->timestamp.value_or(0));
    };
    const auto key_a = key(a);
    const auto key_b = key(b);
    return key_a != key_b ? key_a < key_b : a.record->build > b.record->build;
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
      parsed.index = add_spec(parsed.spec.text, parsed.spec, *parsed.name);
    }
    const Spec& spec = table_.specs[*parsed.index];
    table_.candidates[candidate].demands.push_back({spec.name, *parsed.index, spec.set, kind});
    AcceptedSet& set = table_.sets[spec.set];
    (kind == DemandKind::depends ? set.depends : set.constrains)
        .push_back({candidate, *parsed.index});
  }

  SpecIndex add_spec(std::string_view text, const MatchSpec& spec, NameIndex name) {
    table_.specs.push_back({std::string(text), name, set_index(name, accepted(spec, name))});
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
          !comes_from({candidate.record, channels_[name.first_candidate + i]}, spec.channel)) {
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
  Candidates table_;
  std::vector<std::string> root_names_;  ///< of the request's specs
  std::vector<Offer> virtual_offers_;
  std::unordered_map<std::string_view, std::vector<Offer>> offers_;
  std::unordered_map<std::string_view, NameIndex> names_;
  std::unordered_map<std::string_view, std::optional<ParsedSpec>> parsed_;
  std::vector<ParsedSpec*> needs_;        ///< the depends of all candidates, one after the other
  std::vector<std::size_t> needs_begin_;  ///< where those of each candidate begin, and the end
  std::vector<std::vector<Version>> versions_;  ///< of each name, newest first, equal ones once
  std::vector<std::size_t> channels_;           ///< of each candidate
};

}  // namespace

Result<Candidates> collect_candidates(const SolveRequest& request) {
  return Collector(request).collect();
}

}  // namespace hpcenv::solve
