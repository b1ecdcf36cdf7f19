// The first use of hpcenv: where things go.
#include "base/fs.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "cli/ask.hpp"
#include "cli/config_file.hpp"
#include "cli/session.hpp"
#include "ops/first_root.hpp"

namespace hpcenv::cli {
namespace {

// The number of the place, from a person; the first where the answer is none.
Result<std::size_t> ask_for_place(const ops::RootChoice& choice, const Output& output) {
  output.say(choice.reason + ".\nWhere shall environments and packages go?\n");
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < choice.places.size(); ++i) {
    const ops::RootPlace& place = choice.places[i];
    const bool purged = place.kept == ops::RootPlace::Kept::until_purged;
    rows.push_back({std::to_string(i + 1), place.root.string(),
                    base::human_bytes(place.room.bytes) + " free",
                    purged ? "scratch: may be deleted after a while" : ""});
  }
  const auto answer = ask(table_text(rows) + "Number [1]: ", output);
  HPCENV_TRY(base::check_interrupt());
  const auto number = base::parse_unsigned(answer.value_or("1")).value_or(1);
  return number >= 1 && number <= choice.places.size() ? number - 1 : 0;
}

Result<> remember_root(const std::filesystem::path& root, const base::Environment& environment) {
  const std::filesystem::path file = user_config_file(environment);
  const conda::RcKey& key = *conda::find_rc_key("root");
  conda::RcValue value;
  value.text = root.string();
  const std::string now = base::read_file(file).value_or("");
  HPCENV_ASSIGN(const std::string text, with_setting(now, key, value, file.string()));
  HPCENV_TRY(base::make_directories(file.parent_path()));
  return base::write_file(file, text, 0666, base::Durable::yes);
}

}  // namespace

Result<> Session::settle_root(Remember remember) {
  const std::string initial = settings_.value("root");
  const bool settled = !settings_.is_default("root") || initial.empty() ||
                       base::path_exists(initial) || !settings_.is_default("envs_dirs");
  if (settled) {
    return {};
  }
  const ops::RootChoice choice =
      ops::choose_root(ops::root_places(initial, environment_, runner()));
  if (choice.home_is_enough) {
    return {};
  }
  const bool person = output_.stdin_is_terminal() && output_.stderr_is_terminal() &&
                      !output_.json() && !settings_.flag("always_yes");
  std::size_t number = 0;
  if (person) {
    HPCENV_ASSIGN(number, ask_for_place(choice, output_));
  }
  const ops::RootPlace& place = choice.places[number];
  output_.say(fmt::format("Environments and packages go to {}{}\n", place.root.string(),
                          person ? "" : ": " + choice.reason));
  if (place.kept == ops::RootPlace::Kept::until_purged) {
    output_.say("note: sites delete files in scratch directories after a while\n");
  }
  if (place.root != initial) {
    if (remember == Remember::yes) {
      HPCENV_TRY(remember_root(place.root, environment_));
      output_.say("Another place: hpcenv config set root DIR\n");
    }
    settings_.set_text("root", place.root.string(), "chosen by room");
  }
  return {};
}

}  // namespace hpcenv::cli
