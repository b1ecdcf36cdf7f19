// Who brought which path of a prefix, and whether the user changed it since.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "prefix/plan.hpp"
#include "prefix/state.hpp"

namespace hpcenv::prefix {

/// Paths of records that may be changed for a package: inside the prefix, and none that says what
/// is installed. Records of other tools are not trusted further than that.
bool is_package_path(std::string_view path);

/// The owners of a prefix's paths while a plan is carried out.
class Owners {
 public:
  struct Owner {
    const conda::PrefixRecord* package = nullptr;
    const conda::InstalledPath* path = nullptr;
    bool leaves = false;  ///< the plan unlinks the package
  };

  /// `state` and what it holds outlive this object.
  Owners(const PrefixState& state, const Plan& plan);

  /// A package that stays is named before one that leaves. nullopt: nobody's, so the user's.
  std::optional<Owner> find(std::string_view path) const;
  /// Some path of a package that stays, below the directory; nullopt where there is none.
  std::optional<Owner> stays_below(std::string_view directory) const;
  const std::vector<const conda::PrefixRecord*>& leaving() const { return leaving_; }
  const std::vector<const conda::PrefixRecord*>& staying() const { return staying_; }

 private:
  void add(const conda::PrefixRecord& package, bool leaves);

  std::vector<const conda::PrefixRecord*> leaving_;
  std::vector<const conda::PrefixRecord*> staying_;
  std::unordered_map<std::string_view, Owner> owners_;
};

/// Tells the user's changes by time first and by content where the time leaves a doubt, so that
/// little is read.
class ChangeFinder {
 public:
  explicit ChangeFinder(std::filesystem::path prefix) : prefix_(std::move(prefix)) {}
  /// Whether the file at PREFIX/PATH is another than the one that the package brought. What cannot
  /// be told counts as changed.
  bool is_changed(const Owners::Owner& owner, const struct stat& status) const;

 private:
  bool is_suspect(const Owners::Owner& owner, const struct stat& status) const;
  /// nullptr where the package's record cannot be examined.
  const struct stat* record_status(const conda::PrefixRecord& package) const;
  std::filesystem::path prefix_;
  mutable std::unordered_map<const conda::PrefixRecord*, std::optional<struct stat>> records_;
};

}  // namespace hpcenv::prefix
