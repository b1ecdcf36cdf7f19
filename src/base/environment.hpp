// The process variables as a value: read once in main, handed down.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcenv::base {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::map<std::string, std::string, std::less<>> variables)
      : variables_(std::move(variables)) {}
  /// From `NAME=VALUE` pairs that end with nullptr, as `environ`; malformed entries are left out.
  static Environment from_block(char** block);

  std::optional<std::string> get(std::string_view name) const;
  std::string get_or(std::string_view name, std::string_view fallback) const;
  bool has(std::string_view name) const;
  void set(std::string name, std::string value);
  void unset(std::string_view name);
  const std::map<std::string, std::string, std::less<>>& all() const { return variables_; }
  /// `NAME=VALUE` strings for execve.
  std::vector<std::string> block() const;

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

}  // namespace hpcenv::base
