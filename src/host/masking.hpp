// Names that others need not know: who one is, what the machine is called, where one's files lie.
// In a capture, and in a report that is shared, they are always replaced by the same words.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.hpp"
#include "base/json_fwd.hpp"

namespace hpcenv::host {

class Masking {
 public:
  /// Of a user's variables: HOME becomes /home/user, SCRATCH /scratch/user and so on, the user's
  /// name "user". With `mounts`, the text of /proc/self/mounts, they stay below what they are
  /// mounted below: /lustre/scratch/user.
  explicit Masking(const base::Environment& environment, std::string_view mounts = "");

  /// The first host is "node", the others "node2", "node3", ...; a name with a domain is masked
  /// with it and without. "localhost" and an empty name stay.
  void add_host(const std::string& name);
  /// A name of something else; none of one letter, of digits alone or that is a common word.
  void add_name(const std::string& name, std::string shown);
  /// An absolute path of two parts or more, for `shown`.
  void add_path(const std::string& path, std::string shown);

  /// Names count as whole words, paths as a whole or in front of a slash. Passwords in urls and
  /// tokens of conda channels go too. Applied twice it changes nothing more. Text with a NUL in it
  /// keeps its length: what is found there is overwritten.
  std::string text(std::string_view text) const;
  /// All strings in it, and the keys of its objects.
  base::Json json(const base::Json& value) const;

 private:
  void add(std::string word, std::string shown);
  std::string replaced(std::string_view text) const;

  std::vector<std::pair<std::string, std::string>> words_;  ///< longest first
  int hosts_ = 0;
};

/// Every address in it as conda::without_credentials has it.
std::string without_secrets(std::string_view text);

}  // namespace hpcenv::host
