// What a server wants to know before it answers (WWW-Authenticate, RFC 9110). Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::image {

struct Challenge {
  std::string scheme;                                          ///< in lower case: "bearer", "basic"
  std::map<std::string, std::string, std::less<>> parameters;  ///< names in lower case
  /// Empty where it is missing.
  std::string parameter(std::string_view name) const;
};

/// All of one header's; what cannot be read ends the list.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace hpcenv::image
