// Settings in one table: key, variable, default, help. Resolved once; modules get plain values.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"

namespace hpcenv::cli {

struct SettingSpec {
  const char* key;
  const char* variable;  ///< HPCENV_...
  const char* help;
};

struct Setting {
  std::string value;
  std::string source;  ///< "default", "HPCENV_ROOT", "/home/u/.condarc", "option"
};

class Settings {
 public:
  const std::string& value(std::string_view key) const {
    return settings_.at(std::string(key)).value;
  }
  const Setting& setting(std::string_view key) const { return settings_.at(std::string(key)); }
  void set(std::string_view key, std::string value, std::string source);
  /// A list is written with blanks between.
  std::vector<std::string> list(std::string_view key) const;

 private:
  std::map<std::string, Setting> settings_;
};

std::span<const SettingSpec> all_settings();

enum class RcFiles { read, ignore };

/// Layers: default < condarc files < variables. Kind refused for a condarc file that cannot be read
/// as such or a value that is none.
Result<Settings> load_settings(const base::Environment& environment, RcFiles rc_files);

}  // namespace hpcenv::cli
