#include "host/node_profile.hpp"

#include <vector>

#include "base/json.hpp"
#include "conda/prefix_record.hpp"
#include "doctor/finding.hpp"
#include "fuzz/fuzz.hpp"
#include "host/virtual_packages.hpp"
#include "prefix/state.hpp"

namespace {

using namespace hpcenv;

conda::PrefixRecord package(const char* name, const char* version,
                            std::vector<std::string> depends) {
  conda::PrefixRecord made;
  made.record.name = name;
  made.record.version = version;
  made.record.build = "cuda129_0";
  made.record.depends = std::move(depends);
  return made;
}

const prefix::PrefixState& environment() {
  static const prefix::PrefixState made{
      "/nonexistent/hpcenv-fuzz",
      {package("cuda-version", "12.9", {}), package("libcudnn", "9.13.0.50", {"cuda-version"}),
       package("pytorch", "2.12.0", {"__cuda >=12", "__glibc >=2.28", "__archspec"})},
      {}};
  return made;
}

std::vector<doctor::Check> quick_checks() {
  std::vector<doctor::Check> chosen;
  for (const doctor::Check& check : doctor::all_checks()) {
    if (check.looks == doctor::Looks::at_profile && check.cost == doctor::Cost::quick) {
      chosen.push_back(check);
    }
  }
  return chosen;
}

}  // namespace

// A profile that somebody sent: it is refused or read, goes out as it came in, gives virtual
// packages, and every check has an answer, with a remedy where that is bad.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = base::parse_json(fuzz::text_of(data, size), "profile");
  if (!document) return 0;
  const auto profile = host::profile_from_json(*document, "profile");
  if (!profile) return 0;
  const std::string written = base::dump_json_line(host::profile_to_json(*profile));
  const auto again = base::parse_json(written, "profile");
  fuzz::require(again.has_value());
  const auto read = host::profile_from_json(*again, "profile");
  fuzz::require(read && base::dump_json_line(host::profile_to_json(*read)) == written);
  for (const char* subdir : {"linux-64", "linux-aarch64"}) {
    (void)host::virtual_packages(*profile, profile->environment, subdir);
  }

  static const std::vector<doctor::Check> checks = quick_checks();
  doctor::Subject subject;
  subject.profile = &*profile;
  subject.target = "gpu";
  subject.environment = &environment();
  subject.environment_name = "torch";
  for (const doctor::Finding& finding : doctor::examine(subject, checks)) {
    const bool bad = finding.severity == doctor::Severity::warning ||
                     finding.severity == doctor::Severity::failure;
    fuzz::require(!finding.text.empty() && (!bad || finding.remedy));
    fuzz::require(!finding.text.starts_with("this check failed itself"));
  }
  return 0;
}
