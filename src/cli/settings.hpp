// Settings in one table: key, default, help. Resolved once; modules get plain values.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/result.hpp"
#include "conda/condarc.hpp"

namespace hpcenv::cli {

struct SettingSpec {
  const char* key;      ///< a key of conda/condarc.hpp, which says what it holds
  const char* initial;  ///< the default as one text; "" for none
  const char* help;
};

struct Setting {
  conda::RcKind kind = conda::RcKind::text;
  conda::RcValue value;
  std::string source;  ///< "default", "HPCENV_ROOT", "option", files by falling weight
  bool is_final() const { return value.weight == conda::RcValue::Weight::final; }
};

/// A key that a file has and nothing obeys.
struct KeyWithoutEffect {
  std::string key;
  std::string file;
};

class Settings {
 public:
  /// The key has to be one of the table.
  const Setting& setting(std::string_view key) const { return settings_.at(std::string(key)); }
  const std::string& value(std::string_view key) const { return setting(key).value.text; }
  const std::vector<std::string>& list(std::string_view key) const {
    return setting(key).value.list;
  }
  const std::vector<std::pair<std::string, std::vector<std::string>>>& table(
      std::string_view key) const {
    return setting(key).value.table;
  }
  bool flag(std::string_view key) const { return value(key) == "true"; }
  /// Nothing where it is not set.
  std::optional<double> number(std::string_view key) const;
  bool is_default(std::string_view key) const { return setting(key).source == "default"; }
  /// As one line of text.
  std::string shown(std::string_view key) const;
  const std::vector<KeyWithoutEffect>& without_effect() const { return without_effect_; }
  /// The files that were read, in order of rising weight.
  const std::vector<std::string>& files() const { return files_; }

  /// What a file marks as final stays, here and in `merge`.
  void set(std::string_view key, conda::RcValue value, std::string source);
  void set_text(std::string_view key, std::string text, std::string source);
  /// A layer over what is there: lists and tables merge.
  void merge(std::string_view key, const conda::RcValue& value, const std::string& source);
  void add_file(std::string file) { files_.push_back(std::move(file)); }
  void add_without_effect(KeyWithoutEffect key) { without_effect_.push_back(std::move(key)); }

 private:
  std::map<std::string, Setting, std::less<>> settings_;
  std::vector<std::string> files_;
  std::vector<KeyWithoutEffect> without_effect_;
};

std::span<const SettingSpec> all_settings();

enum class RcFiles { read, ignore };

/// The user's own file, which `hpcenv config set` writes; empty without a home.
std::filesystem::path user_config_file(const base::Environment& environment);
/// The variable that sets a key: "HPCENV_" and the key in capitals.
std::string variable_of(std::string_view key);

/// Layers: default < files < CONDA_KEY < HPCENV_KEY; an option comes on top. With RcFiles::ignore
/// only hpcenv's own files are read. Kind refused for a file that cannot be read as such or a value
/// that is none, naming file and line, or the variable.
Result<Settings> load_settings(const base::Environment& environment, RcFiles rc_files);

}  // namespace hpcenv::cli
