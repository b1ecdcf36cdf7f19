// What conda packages say of their licence, as an SPDX licence expression.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::image {

struct SpdxLicense {
  /// Valid in SPDX 2.3 with `references` defined beside it; empty where nothing is said.
  std::string expression;
  /// The whole of it is one id of SPDX's list.
  bool is_listed_id = false;
  /// `LicenseRef-…` in the expression, each once, in its order.
  struct Reference {
    std::string id;
    std::string name;  ///< what the package wrote
  };
  std::vector<Reference> references;
  /// The text is no licence expression: `expression` is one reference that stands for all of it.
  bool is_free_text = false;
};

/// Ids in SPDX's own spelling, operators in capitals. What is no expression of known ids ("BSD",
/// "GPL (>= 2)") becomes one `LicenseRef-…`, never a guess.
SpdxLicense spdx_license(std::string_view text);

}  // namespace hpcenv::image
