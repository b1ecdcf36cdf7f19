// A doctor's report without the names that others need not know.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/masking.hpp"
#include "host/reader.hpp"
#include "ops/examination.hpp"
#include "ops/locations.hpp"

namespace hpcenv::ops {

/// Beside what `masking_for` masks: nodes, accounts, servers but public ones with what lies on
/// them, and each folder that is not the system's: `/gpfs/lab/secret/envs/gpu/lib` is
/// `/private1/envs/gpu/lib`. What lies below the user's folders keeps them: `/home/user/.condarc`.
class ReportMasking {
 public:
  /// `examination` names the nodes; only names that its findings hold are looked for.
  ReportMasking(const Locations& locations, const host::HostReader& reader,
                const Examination& examination);

  /// The same name is the same word in every text that goes through one object.
  std::string text(std::string_view text);
  doctor::Finding finding(const doctor::Finding& finding);

 private:
  void add_hosts(const Examination& examination, std::string_view findings);
  void add_servers(const base::Environment& environment, std::string_view findings);
  void add_folders(const base::Environment& environment, std::string_view findings);
  std::string masked_path(std::string_view path);
  std::string masked_rest(std::string_view base, std::string_view rest);

  host::Masking masking_;
  std::vector<std::string> bases_;  ///< the user's folders as they are shown
  std::map<std::string, std::string, std::less<>> folders_;
};

}  // namespace hpcenv::ops
