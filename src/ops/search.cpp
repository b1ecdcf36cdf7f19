#include "ops/search.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

// What the index is asked for: a plain name or glob as it is, all names where only matching tells.
std::string root_of(const conda::MatchSpec& spec) {
  const std::string name = base::to_lower(spec.name.text());
  return spec.name.accepts_all() || name.starts_with('^') ? "*" : name;
}

index::IndexRequest index_request(const SearchRequest& request, const Locations& locations) {
  index::IndexRequest wanted;
  wanted.channels = request.channels;
  wanted.subdirs = request.subdirs;
  std::set<std::string> roots;
  for (const conda::MatchSpec& spec : request.specs) {
    roots.insert(root_of(spec));
  }
  wanted.root_names.assign(roots.begin(), roots.end());
  wanted.cache_directory = locations.index();
  wanted.offline = request.offline;
  wanted.fresh_for_seconds = request.index_fresh_seconds;
  wanted.exclude_newer = request.exclude_newer;
  wanted.reach = index::IndexRequest::Reach::roots_only;
  return wanted;
}

class Matcher {
 public:
  Matcher(const SearchRequest& request, const index::ChannelIndex& channels)
      : request_(request), channels_(channels) {}

  bool matches(const index::IndexedRecord& candidate, const conda::Version& version) const {
    return std::ranges::any_of(request_.specs, [&](const conda::MatchSpec& spec) {
      return spec.matches(candidate.record, version) &&
             (spec.channel.empty() || conda::channel_matches(channels_.channels[candidate.channel],
                                                             spec.channel, request_.channel_alias));
    });
  }

 private:
  const SearchRequest& request_;
  const index::ChannelIndex& channels_;
};

struct Ranked {
  FoundRecord found;
  conda::Version version;
};

bool comes_before(const Ranked& a, const Ranked& b) {
  const conda::PackageRecord& left = a.found.record;
  const conda::PackageRecord& right = b.found.record;
  if (left.name != right.name) return left.name < right.name;
  if (const auto order = a.version <=> b.version; order != 0) return order < 0;
  if (left.build_number != right.build_number) return left.build_number < right.build_number;
  if (a.found.channel != b.found.channel) return a.found.channel > b.found.channel;
  if (left.subdir != right.subdir) return left.subdir < right.subdir;
  return left.file_name < right.file_name;
}

// The first channel that has any record of a name, matching or not: it hides the later ones.
std::map<std::string, std::size_t, std::less<>> first_channels(const index::ChannelIndex& index) {
  std::map<std::string, std::size_t, std::less<>> first;
  for (const index::IndexedRecord& candidate : index.records) {
    const auto [known, is_new] = first.emplace(candidate.record.name, candidate.channel);
    if (!is_new) {
      known->second = std::min(known->second, candidate.channel);
    }
  }
  return first;
}

std::vector<std::string> nearest_names(const SearchRequest& request,
                                       const std::vector<std::string>& known) {
  std::vector<std::string> nearest;
  for (const conda::MatchSpec& spec : request.specs) {
    const std::string word = base::replace_all(root_of(spec), "*", "");
    for (std::string& name : base::nearest_words(word, known, 3)) {
      nearest.push_back(std::move(name));
    }
  }
  return nearest;
}

}  // namespace

Result<SearchResult> search(const SearchRequest& request, const Locations& locations,
                            const Seams& seams) {
  seams.reporter.step("Reading channels");
  HPCENV_ASSIGN(const index::ChannelIndex channels,
                index::load_index(index_request(request, locations), seams.http, seams.clock,
                                  seams.reporter));
  const Matcher matcher(request, channels);
  const auto first = first_channels(channels);
  const bool strict = request.priority == solve::ChannelPriority::strict;
  std::vector<Ranked> ranked;
  for (const index::IndexedRecord& candidate : channels.records) {
    auto version = conda::Version::parse(candidate.record.version);
    if (!version || !matcher.matches(candidate, *version)) {
      continue;
    }
    const bool hidden = strict && first.at(candidate.record.name) < candidate.channel;
    ranked.push_back({{candidate.record, candidate.channel, hidden}, std::move(*version)});
  }
  std::ranges::sort(ranked, comes_before);
  SearchResult result;
  for (Ranked& entry : ranked) {
    result.records.push_back(std::move(entry.found));
  }
  if (result.records.empty()) {
    result.nearest = nearest_names(request, channels.all_names);
  }
  return result;
}

}  // namespace hpcenv::ops
