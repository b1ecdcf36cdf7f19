#include "ops/first_root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;
using Kept = RootPlace::Kept;

// What a few environments with CUDA in them take, with their packages.
constexpr std::uint64_t enough_bytes = std::uint64_t{20} << 30U;
constexpr std::uint64_t enough_inodes = 300'000;

struct SiteVariable {
  const char* name;
  Kept kept;
};
// Names that clusters give their shared file systems (facts: what sites call them).
constexpr std::array site_variables{
    SiteVariable{"WORK", Kept::for_good},         SiteVariable{"PROJECT", Kept::for_good},
    SiteVariable{"PROJECTDIR", Kept::for_good},   SiteVariable{"WRKDIR", Kept::for_good},
    SiteVariable{"VSC_DATA", Kept::for_good},     SiteVariable{"FAST", Kept::for_good},
    SiteVariable{"STORE", Kept::for_good},        SiteVariable{"SCRATCH", Kept::until_purged},
    SiteVariable{"PSCRATCH", Kept::until_purged}, SiteVariable{"SCRATCHDIR", Kept::until_purged},
    SiteVariable{"USERWORK", Kept::until_purged},
};

bool is_enough(const host::Room& room) {
  return room.bytes >= enough_bytes && room.inodes.value_or(enough_inodes) >= enough_inodes;
}

bool is_own(const fs::path& folder) {
  struct stat status{};
  return stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == geteuid();
}

// Inside a directory that a group shares, the user's own corner of it.
std::optional<fs::path> root_below(const fs::path& folder, const std::string& user) {
  if (!folder.is_absolute() || !base::path_exists(folder)) {
    return std::nullopt;
  }
  if (is_own(folder)) {
    return folder / "hpcenv";
  }
  if (user.empty()) {
    return std::nullopt;
  }
  const fs::path corner = folder / user;
  const bool can_be_made = !base::path_exists(corner) && access(folder.c_str(), W_OK | X_OK) == 0;
  return is_own(corner) || can_be_made ? std::optional(corner / "hpcenv") : std::nullopt;
}

std::string room_text(const host::Room& room) {
  std::string text = base::human_bytes(room.bytes);
  if (room.inodes && *room.inodes < enough_inodes) {
    text += fmt::format(" and {} files", *room.inodes);
  }
  return text;
}

}  // namespace

RootChoice choose_root(std::vector<RootPlace> places) {
  RootChoice choice;
  const RootPlace home = places.front();
  choice.home_is_enough = is_enough(home.room);
  choice.places = std::move(places);
  if (choice.home_is_enough) {
    return choice;
  }
  const auto better = [](const RootPlace& a, const RootPlace& b) {
    const bool a_fits = is_enough(a.room);
    const bool b_fits = is_enough(b.room);
    if (a_fits != b_fits) return a_fits;
    if (a_fits && a.kept != b.kept) return a.kept == Kept::for_good;
    return a.room.bytes > b.room.bytes;
  };
  std::ranges::stable_sort(choice.places, better);
  const RootPlace& best = choice.places.front();
  choice.reason = best.root == home.root
                      ? fmt::format("{} has room for {} only, and no other place has more",
                                    home.room.limited_by, room_text(home.room))
                      : fmt::format("{} has room for {} only, {} for {}", home.room.limited_by,
                                    room_text(home.room), best.named_by, room_text(best.room));
  return choice;
}

std::vector<RootPlace> root_places(const fs::path& default_root,
                                   const base::Environment& environment,
                                   base::ProcessRunner& runner) {
  std::vector<RootPlace> places;
  const auto add = [&](const fs::path& root, std::string named_by, Kept kept) {
    const auto same = [&](const RootPlace& other) { return other.root == root; };
    if (std::ranges::any_of(places, same)) {
      return;
    }
    auto room = host::room_with_quota(root, environment, runner);
    if (room || places.empty()) {
      places.push_back({root, std::move(named_by), room ? *room : host::Room{}, kept});
    }
  };
  add(default_root, "home", Kept::for_good);
  const std::string user = environment.get_or("USER", environment.get_or("LOGNAME", ""));
  for (const SiteVariable& variable : site_variables) {
    const std::string folder = environment.get_or(variable.name, "");
    if (const auto root = root_below(folder, user)) {
      add(*root, std::string("$") + variable.name, variable.kept);
    }
  }
  return places;
}

}  // namespace hpcenv::ops
