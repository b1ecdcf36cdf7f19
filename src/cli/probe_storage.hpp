// The places for files of a node profile, for people.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/storage_facts.hpp"

namespace hpcenv::cli {

/// Places of which all the same is known, one after the other.
struct PlacesAlike {
  std::vector<const host::MountFacts*> places;  ///< of the profile, which has to outlive it
  std::vector<std::string>
      facts;  ///< a sentence each: what it is, what a quota leaves, what it can do
};

/// In the profile's order.
std::vector<PlacesAlike> places_alike(std::span<const host::MountFacts> places);

}  // namespace hpcenv::cli
