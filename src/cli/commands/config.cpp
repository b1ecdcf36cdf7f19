// hpcenv config
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/config_file.hpp"
#include "cli/render.hpp"
#include "cli/session.hpp"
#include "conda/match_spec.hpp"

namespace hpcenv::cli {
namespace {

using Words = std::vector<std::string>;

constexpr std::array options{
    OptionSpec{"--dry-run", "", "say what the file would hold and stop", OptionSpec::Kind::flag},
};

constexpr std::array examples{
    "hpcenv config",
    "hpcenv config get channels",
    "hpcenv config set root /scratch/me/hpcenv",
    "hpcenv config append channels bioconda",
    "hpcenv config remove channels bioconda",
    "hpcenv config describe",
};

constexpr std::string_view actions = "show get set append prepend remove describe";

bool is_idle(const std::string& word) {
  return std::ranges::find(conda::idle_keys(), word, &conda::IdleKey::name) !=
         conda::idle_keys().end();
}

Result<const conda::RcKey*> key_of_word(const std::string& word) {
  const conda::RcKey* key = conda::find_rc_key(word);
  if (key != nullptr) {
    return key;
  }
  if (is_idle(word)) {
    return fail(ErrorKind::usage, "{} does nothing in hpcenv: {}", word, conda::why_idle(word));
  }
  Words known;
  for (const SettingSpec& spec : all_settings()) {
    known.emplace_back(spec.key);
  }
  Error error{ErrorKind::usage, fmt::format("there is no setting '{}'", word), {}, {}};
  if (auto nearest = base::nearest_words(word, known, 3); !nearest.empty()) {
    error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  }
  error.hints.emplace_back("list all settings with: hpcenv config describe");
  return Failure(std::move(error));
}

Result<> check_item(const conda::RcKey& key, const std::string& item) {
  const bool spec = key.name == "pinned_packages" || key.name == "disallowed_packages" ||
                    key.name == "create_default_packages";
  if (spec) {
    HPCENV_TRY(conda::MatchSpec::parse(item));
  }
  return {};
}

Result<conda::RcValue> value_of(const conda::RcKey& key, const Words& words) {
  conda::RcValue value;
  if (conda::holds_list(key.kind)) {
    for (const std::string& word : words) {
      HPCENV_TRY(check_item(key, word));
    }
    value.list = words;
    return value;
  }
  if (key.kind != conda::RcKind::table && words.size() != 1) {
    return fail(ErrorKind::usage, "{} holds one value, not {}", key.name, words.size());
  }
  for (const std::string& word : words) {
    auto one = conda::parse_rc_value(key, word, "");
    if (!one) {
      one.error().kind = ErrorKind::usage;
      return Failure(std::move(one).error());
    }
    conda::merge_rc_value(value, *one, key.kind);
  }
  return value;
}

// What the file is to say of the key; nothing: the key goes.
Result<std::optional<conda::RcValue>> changed(const std::string& action, const conda::RcKey& key,
                                              const std::optional<conda::RcValue>& now,
                                              const Words& words) {
  if (action == "remove" && words.empty()) {
    return std::optional<conda::RcValue>();
  }
  if (action != "remove" && words.empty()) {
    return fail_hint(ErrorKind::usage, fmt::format("no value for {} is given", key.name),
                     fmt::format("hpcenv config {} {} VALUE...", action, key.name));
  }
  if (action == "set") {
    HPCENV_ASSIGN(conda::RcValue value, value_of(key, words));
    return std::optional(std::move(value));
  }
  if (!conda::holds_list(key.kind) && key.kind != conda::RcKind::table) {
    return fail_hint(ErrorKind::usage, fmt::format("{} is no list", key.name),
                     fmt::format("hpcenv config set {} VALUE", key.name));
  }
  conda::RcValue value = now.value_or(conda::RcValue{});
  value.weight = conda::RcValue::Weight::usual;  // in the user's own file the user decides
  for (const std::string& word : words) {
    const auto is_entry = [&](const auto& entry) { return entry.first == word; };
    const bool gone = std::erase(value.list, word) + std::erase_if(value.table, is_entry) > 0;
    if (action == "remove" && !gone) {
      return fail_hint(ErrorKind::not_found,
                       fmt::format("{} has no '{}' in your own file", key.name, word),
                       "hpcenv config shows which file says what");
    }
  }
  if (action == "remove") {
    return std::optional(std::move(value));
  }
  HPCENV_ASSIGN(conda::RcValue more, value_of(key, words));
  if (action == "append") {
    std::swap(value, more);
  }
  conda::merge_rc_value(value, more, key.kind);
  return std::optional(std::move(value));
}

struct FileChange {
  std::filesystem::path file;
  std::string text;  ///< the file's whole, as it is to be
  const conda::RcKey* key;
  std::optional<conda::RcValue> value;
};

Result<FileChange> decide(const std::string& action, const Words& words, const Session& session) {
  if (words.empty()) {
    return fail_hint(ErrorKind::usage, "no setting is named",
                     fmt::format("hpcenv config {} KEY VALUE...", action));
  }
  FileChange change{user_config_file(session.environment()), {}, nullptr, {}};
  HPCENV_ASSIGN(change.key, key_of_word(words[0]));
  if (change.file.empty()) {
    return fail_hint(ErrorKind::usage, "no HOME says where your settings lie",
                     "set HOME or XDG_CONFIG_HOME");
  }
  const auto text = base::read_file(change.file);
  if (!text && text.error().kind != ErrorKind::not_found) {
    return Failure(text.error());
  }
  const std::string now = text.value_or("");
  HPCENV_ASSIGN(const auto before, setting_in(now, *change.key, change.file.string()));
  HPCENV_ASSIGN(change.value,
                changed(action, *change.key, before, Words(words.begin() + 1, words.end())));
  HPCENV_ASSIGN(change.text, with_setting(now, *change.key, change.value, change.file.string()));
  return change;
}

enum class Write { yes, no };

Result<int> change(const std::string& action, const Words& words, const Session& session,
                   Write write) {
  HPCENV_ASSIGN(const FileChange change, decide(action, words, session));
  if (write == Write::yes) {
    HPCENV_TRY(base::make_directories(change.file.parent_path()));
    HPCENV_TRY(base::write_file(change.file, change.text, 0666, base::Durable::yes));
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["file"] = change.file.string();
    body["key"] = change.key->name;
    body["value"] =
        change.value ? rc_value_to_json(*change.value, change.key->kind) : base::Json(nullptr);
    body["dry_run"] = write == Write::no;
    output.print_json(body, true);
  } else if (write == Write::no) {
    output.print(change.text);
    output.say(
        fmt::format("Nothing was written: this is what {} would hold\n", change.file.string()));
  } else {
    output.say(fmt::format("Wrote {}\n", change.file.string()));
  }
  return 0;
}

base::Json without_effect_to_json(const Settings& settings) {
  base::Json list = base::Json::array();
  for (const auto& [key, file] : settings.without_effect()) {
    list.push_back({{"key", key}, {"file", file}, {"reason", conda::why_idle(key)}});
  }
  return list;
}

std::string files_text(const Session& session) {
  const Settings& settings = session.settings();
  std::string text = "\nFiles read, later ones win:\n";
  for (const std::string& file : settings.files()) {
    text += fmt::format("  {}\n", file);
  }
  if (settings.files().empty()) {
    text += "  none\n";
  }
  if (!settings.without_effect().empty()) {
    text += "Keys in them that do nothing here:\n";
  }
  for (const auto& [key, file] : settings.without_effect()) {
    text += fmt::format("  {} ({}): {}\n", key, file, conda::why_idle(key));
  }
  return text + fmt::format("`hpcenv config set KEY VALUE` writes {}\n",
                            user_config_file(session.environment()).string());
}

Result<int> show(const Words& keys, const Session& session) {
  base::Json shown = base::Json::object();
  std::vector<std::vector<std::string>> rows{{"Setting", "Value", "From"}};
  for (const std::string& key : keys) {
    HPCENV_TRY(key_of_word(key));
  }
  const Settings& settings = session.settings();
  for (const SettingSpec& spec : all_settings()) {
    if (!keys.empty() && std::ranges::find(keys, spec.key) == keys.end()) {
      continue;
    }
    const Setting& setting = settings.setting(spec.key);
    shown[spec.key] = setting_to_json(setting);
    rows.push_back({spec.key, settings.shown(spec.key),
                    setting.source + (setting.is_final() ? " (final)" : "")});
  }
  const Output& output = session.output();
  if (output.json()) {
    base::Json body;
    body["settings"] = std::move(shown);
    body["files"] = settings.files();
    body["without_effect"] = without_effect_to_json(settings);
    body["own_file"] = user_config_file(session.environment()).string();
    output.print_json(body, true);
    return 0;
  }
  std::string text = table_text(rows);
  if (keys.empty()) {
    text += files_text(session);
  }
  output.print(text);
  return 0;
}

// The bare value, an item a line: for scripts.
Result<int> get(const Words& words, const Session& session) {
  if (words.size() != 1) {
    return fail_hint(ErrorKind::usage, "one setting has to be named", "hpcenv config get KEY");
  }
  HPCENV_ASSIGN(const conda::RcKey* key, key_of_word(words[0]));
  if (session.output().json()) {
    return show({std::string(key->name)}, session);
  }
  const conda::RcValue& value = session.settings().setting(key->name).value;
  std::string text;
  if (conda::holds_list(key->kind)) {
    for (const std::string& item : value.list) {
      text += item + "\n";
    }
  } else {
    text = session.settings().shown(key->name) + "\n";
  }
  session.output().print(text);
  return 0;
}

int describe(const Output& output) {
  base::Json list = base::Json::array();
  std::vector<std::vector<std::string>> rows{{"Setting", "What it says", "Default"}};
  for (const SettingSpec& spec : all_settings()) {
    base::Json value;
    value["key"] = spec.key;
    value["variable"] = variable_of(spec.key);
    value["help"] = spec.help;
    value["default"] = spec.initial;
    list.push_back(std::move(value));
    rows.push_back({spec.key, spec.help, spec.initial});
  }
  base::Json idle = base::Json::array();
  std::vector<std::vector<std::string>> idle_rows{{"Keys of conda's that do nothing here", ""}};
  for (const auto& [key, reason] : conda::idle_keys()) {
    idle.push_back({{"key", key}, {"reason", reason}});
    idle_rows.push_back({std::string(key), std::string(reason)});
  }
  if (output.json()) {
    base::Json body;
    body["settings"] = std::move(list);
    body["without_effect"] = std::move(idle);
    output.print_json(body, true);
  } else {
    output.print(table_text(rows) + "\n" + table_text(idle_rows));
  }
  return 0;
}

Result<int> run(const Arguments& arguments, Session& session) {
  const Words& words = arguments.operands();
  if (words.empty()) {
    return show({}, session);
  }
  const std::string& action = words[0];
  const Words rest(words.begin() + 1, words.end());
  if (action == "show") {
    return show(rest, session);
  }
  if (action == "get") {
    return get(rest, session);
  }
  if (action == "describe") {
    return describe(session.output());
  }
  if (std::ranges::count(base::split_words(actions), action) == 1) {
    return change(action, rest, session, arguments.has("dry-run") ? Write::no : Write::yes);
  }
  return fail_hint(ErrorKind::usage, fmt::format("hpcenv config has no action '{}'", action),
                   "use one of: " + base::replace_all(std::string(actions), " ", ", "));
}

}  // namespace

constexpr CommandSpec config_command{
    .name = "config",
    .summary = "show settings and where each comes from; change your own",
    .synopsis =
        "[show [KEY...] | get KEY | set KEY VALUE... | append KEY VALUE... |\n"
        "              prepend KEY VALUE... | remove KEY [VALUE...] | describe]",
    .details =
        "Settings come from the files of conda and of hpcenv, then from variables (CONDA_KEY, "
        "HPCENV_KEY),\n"
        "then from options; later ones win, lists of files add up. `set` and its like change "
        "hpcenv's file\n"
        "of your own only. A table takes entries NAME=VALUE.",
    .operands = CommandSpec::Operands::some,
    .options = options,
    .examples = examples,
    .run = run,
};
static_assert(well_formed(config_command));

}  // namespace hpcenv::cli
