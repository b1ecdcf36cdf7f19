#include "shell/oci_environment.hpp"

#include <fmt/format.h>

namespace hpcenv::shell {
namespace {

// Empty where the configuration can hold it.
std::string reason_against(const std::string& name, const std::string& value) {
  if (name.empty()) return "it has no name";
  if (name.find('=') != std::string::npos) return "its name holds '='";
  if (!is_utf8(name)) return "its name is not UTF-8";
  const bool has_nul = (name + value).find('\0') != std::string::npos;
  if (has_nul) return "it holds a NUL byte";
  if (name.size() + 1 + value.size() > longest_string) return std::string(too_long);
  return is_utf8(value) ? "" : "its value is not UTF-8";
}

}  // namespace

OciEnvironment oci_environment(const Activation& activation, const base::Environment& base) {
  OciEnvironment result;
  const base::Environment after = apply(activation, base);
  for (const auto& [name, value] : after.all()) {
    std::string reason = reason_against(name, value);
    if (reason.empty()) {
      result.variables.push_back(fmt::format("{}={}", name, value));
    } else {
      result.refused.push_back({name, std::move(reason)});
    }
  }
  return result;
}

}  // namespace hpcenv::shell
