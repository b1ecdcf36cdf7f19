// The libsolv wrapper. Packages have a name and a place in the order of preference; what a
// dependency accepts is a list of packages, so no spec text and no version ever reaches libsolv.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace hpcenv::solve {

enum class SolvPackage : int {};
enum class SolvList : int {};

/// One reason of a "no".
struct SolvReason {
  enum class Kind : std::uint8_t {
    wanted,          ///< a list was asked for
    nothing_wanted,  ///< a list that was asked for is empty
    needs,           ///< `package` needs one of `list`
    needs_nothing,   ///< `package` needs `list`, of which none can be installed
    forbids,         ///< `package` forbids `other`
    same_name,       ///< `package` and `other` have one name
  };
  Kind kind = Kind::wanted;
  SolvPackage package{};
  SolvPackage other{};
  SolvList list{};
};

/// Move-only; one thread at a time. Lists and packages are filled in first, then `solve` is called
/// once. Packages of one name exclude each other.
class Solv {
 public:
  Solv();
  Solv(Solv&&) noexcept;
  Solv& operator=(Solv&&) noexcept;
  ~Solv();

  /// `position` 0 is preferred to 1 among packages of the same name.
  SolvPackage add_package(const std::string& name, std::uint32_t position);
  /// Packages in any order; an empty list stands for what nothing provides.
  SolvList add_list(std::span<const SolvPackage> packages);
  void add_need(SolvPackage package, SolvList list);
  /// `package` cannot be installed beside any of `list`.
  void add_ban(SolvPackage package, SolvList list);

  using Answer = std::variant<std::vector<SolvPackage>, std::vector<SolvReason>>;
  /// One package of each wanted list with all that they need, and of each `soft` one if nothing
  /// stands against it; or why there is no such choice.
  Answer solve(std::span<const SolvList> wanted, std::span<const SolvList> soft);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcenv::solve
