// A command is data plus one function: its help, its parsing and its reference page come from the
// same table.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hpcenv::cli {

class Session;

struct OptionSpec {
  enum class Kind { flag, single, many };
  const char* flags;  ///< "-n,--name"; the long one is its key
  const char* value;  ///< "NAME"; empty for a flag
  const char* help;
  Kind kind = Kind::single;
};

/// What was typed after the command's name.
class Arguments {
 public:
  bool has(std::string_view key) const { return values_.contains(key); }
  std::string value(std::string_view key, std::string_view fallback = "") const;
  std::vector<std::string> values(std::string_view key) const;
  const std::vector<std::string>& operands() const { return operands_; }
  const std::string& command_line() const { return command_line_; }
  /// The words of the command line, with the program's name.
  const std::vector<std::string>& words() const { return words_; }

  void add(std::string key, std::vector<std::string> values);
  void set_operands(std::vector<std::string> operands) { operands_ = std::move(operands); }
  void set_words(std::vector<std::string> words);

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> operands_;
  std::vector<std::string> words_;
  std::string command_line_;
};

struct CommandSpec {
  enum class Operands { none, some, program };  ///< program: the first operand ends the options
  const char* name;                             ///< "create", "env list"
  const char* summary;                          ///< at most 72 columns, no full stop
  const char* synopsis;                         ///< "(-n NAME | -p PREFIX) [SPEC...]"
  const char* details;                          ///< paragraphs, may be empty
  Operands operands;
  std::span<const OptionSpec> options;    ///< beside the common ones
  std::span<const char* const> examples;  ///< at least one
  /// The exit code; `run` and job wrappers hand on their child's.
  Result<int> (*run)(const Arguments& arguments, Session& session);
  /// What a failure of a command that hands on a child's code leaves with; 0: the code of the
  /// error's kind.
  int failure_code = 0;
};

/// True for a table row that keeps the rules of style: checked when compiled.
constexpr bool well_formed(const CommandSpec& command) {
  const std::string_view summary = command.summary;
  return !summary.empty() && summary.size() <= 72 && !summary.ends_with('.') &&
         !command.examples.empty();
}

/// All commands in the order of the help.
std::span<const CommandSpec* const> all_commands();
/// Options that every command takes: --root-prefix, --no-rc, --jobs, --json, --quiet, --verbose,
/// --help.
std::span<const OptionSpec> common_options();

/// The key of an option: its long flag without dashes.
std::string key_of(const OptionSpec& option);

}  // namespace hpcenv::cli
