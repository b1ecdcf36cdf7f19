// The records that may be chosen from, by name: of the machine, of what is installed, and of the
// channels as their priority has it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "solve/wishes.hpp"

namespace hpcenv::solve {

struct Offer {
  const conda::PackageRecord* record = nullptr;
  std::size_t channel = 0;  ///< of the request's index; its number of channels for another one
  bool installed = false;
};

/// Refers to the request.
class Offers {
 public:
  Offers(const SolveRequest& request, std::span<const Wish> wishes);

  /// Empty for a name that nothing offers.
  std::span<const Offer> of(std::string_view name) const;
  /// Whether an offer is of the channel that a spec names.
  bool comes_from(const Offer& offer, std::string_view wanted) const;
  /// The text of a name that lives as long as the request; empty for one that nothing offers.
  std::string_view name_text(std::string_view name) const;
  /// What strict priority left out.
  std::unordered_map<std::string_view, std::vector<Offer>> take_hidden() {
    return std::move(hidden_);
  }

 private:
  void add_installed();
  void apply_priority(std::string_view name, std::vector<Offer>& offers);
  static void drop_twins(std::vector<Offer>& offers);
  std::size_t channel_of(const conda::PackageRecord& installed) const;

  const SolveRequest& request_;
  std::unordered_map<std::string_view, std::vector<Offer>> offers_;
  std::unordered_map<std::string_view, std::vector<Offer>> hidden_;
};

}  // namespace hpcenv::solve
