#include "solve/offers.hpp"

#include <algorithm>
#include <iterator>

#include "conda/channel.hpp"

namespace hpcenv::solve {

namespace {

using conda::PackageRecord;

/// Prefix records hold a channel's name, its url, or its url with the subdir.
Result<conda::Channel> channel_named(std::string_view text, std::string_view alias) {
  return conda::parse_channel(text, alias, "/", "/");
}

/// Whether a channel's record is the very archive that is installed.
bool is_twin(const PackageRecord& record, const PackageRecord& installed) {
  if (record.version != installed.version || record.build != installed.build) return false;
  if (record.subdir != installed.subdir && !installed.subdir.empty()) return false;
  if (!record.sha256.empty() && !installed.sha256.empty()) {
    return record.sha256 == installed.sha256;
  }
  return record.md5.empty() || installed.md5.empty() || record.md5 == installed.md5;
}

}  // namespace

Offers::Offers(const SolveRequest& request, std::span<const Wish> wishes) : request_(request) {
  for (const PackageRecord& record : request.virtual_packages) {
    offers_[record.name].push_back({&record, 0});
  }
  add_installed();
  const std::string* neighbour = nullptr;
  std::vector<Offer>* offers_of_name = nullptr;
  for (const index::IndexedRecord& entry : request.index->records) {
    // What the machine offers is not for a channel to say.
    if (entry.record.is_virtual()) continue;
    // Records of one name mostly stand side by side.
    if (neighbour == nullptr || *neighbour != entry.record.name) {
      neighbour = &entry.record.name;
      offers_of_name = &offers_[entry.record.name];
    }
    offers_of_name->push_back({&entry.record, entry.channel});
  }
  // `channel::name` goes before the priority of channels.
  for (const Wish& wish : wishes) {
    const auto found = offers_.find(wish.name);
    if (found == offers_.end() || wish.spec->channel.empty()) continue;
    std::erase_if(found->second,
                  [&](const Offer& offer) { return !comes_from(offer, wish.spec->channel); });
  }
  for (auto& [name, offers] : offers_) {
    if (request.priority == ChannelPriority::strict) apply_priority(name, offers);
    drop_twins(offers);
  }
}

void Offers::add_installed() {
  for (const PackageRecord& record : request_.installed) {
    auto& offers = offers_[record.name];
    if (record.is_virtual() || !offers.empty()) continue;
    offers.push_back({&record, channel_of(record), true});
  }
}

/// Strict: the first channel that has a name. What is installed may stay, wherever it came from.
void Offers::apply_priority(std::string_view name, std::vector<Offer>& offers) {
  std::size_t first = request_.index->channels.size();
  for (const Offer& offer : offers) {
    if (!offer.installed) first = std::min(first, offer.channel);
  }
  const auto hides = [first](const Offer& offer) {
    return !offer.installed && offer.channel != first;
  };
  if (std::none_of(offers.begin(), offers.end(), hides)) return;
  std::copy_if(offers.begin(), offers.end(), std::back_inserter(hidden_[name]), hides);
  std::erase_if(offers, hides);
}

/// The installed record stands for the same one of a channel, so that it stays byte for byte.
void Offers::drop_twins(std::vector<Offer>& offers) {
  if (offers.empty() || !offers.front().installed) return;
  const PackageRecord& installed = *offers.front().record;
  std::erase_if(offers, [&](const Offer& offer) {
    return !offer.installed && is_twin(*offer.record, installed);
  });
}

std::size_t Offers::channel_of(const PackageRecord& installed) const {
  const auto& channels = request_.index->channels;
  const auto own = channel_named(installed.channel, request_.channel_alias);
  if (!own.has_value()) return channels.size();
  const auto found = std::find_if(channels.begin(), channels.end(), [&](const auto& channel) {
    return conda::without_credentials(channel.base_url) ==
           conda::without_credentials(own->base_url);
  });
  return static_cast<std::size_t>(found - channels.begin());
}

std::span<const Offer> Offers::of(std::string_view name) const {
  const auto found = offers_.find(name);
  return found == offers_.end() ? std::span<const Offer>() : found->second;
}

std::string_view Offers::name_text(std::string_view name) const {
  const auto found = offers_.find(name);
  return found == offers_.end() ? std::string_view() : found->first;
}

bool Offers::comes_from(const Offer& offer, std::string_view wanted) const {
  const auto& channels = request_.index->channels;
  if (offer.channel < channels.size()) {
    return conda::channel_matches(channels[offer.channel], wanted, request_.channel_alias);
  }
  const auto own = channel_named(offer.record->channel, request_.channel_alias);
  return own.has_value() && conda::channel_matches(*own, wanted, request_.channel_alias);
}

}  // namespace hpcenv::solve
