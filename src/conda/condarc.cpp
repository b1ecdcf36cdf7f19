#include "conda/condarc.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "base/yaml.hpp"
#include "conda/path_text.hpp"

namespace hpcenv::conda {

namespace {

using Kind = RcKind;

constexpr std::array keys = std::to_array<RcKey>({
    {.name = "root", .kind = Kind::path, .dialect = RcDialect::hpcenv},
    {.name = "solver", .choices = "dive libsolv", .dialect = RcDialect::hpcenv},
    {.name = "jobs", .kind = Kind::number, .older_name = "default_threads"},
    {.name = "channels", .kind = Kind::list, .older_name = "channel"},
    {.name = "default_channels", .kind = Kind::list},
    {.name = "channel_alias"},
    {.name = "custom_channels", .kind = Kind::table},
    {.name = "custom_multichannels", .kind = Kind::table},
    {.name = "channel_priority", .choices = "strict flexible disabled"},
    {.name = "override_channels_enabled", .kind = Kind::boolean},
    {.name = "allowlist_channels", .kind = Kind::list, .older_name = "whitelist_channels"},
    {.name = "denylist_channels", .kind = Kind::list},
    {.name = "envs_dirs", .kind = Kind::paths, .older_name = "envs_path", .separators = ":"},
    {.name = "pkgs_dirs", .kind = Kind::paths, .separators = ":,"},
    {.name = "pinned_packages", .kind = Kind::list, .separators = "&"},
    {.name = "disallowed_packages", .kind = Kind::list, .separators = "&"},
    {.name = "create_default_packages", .kind = Kind::list, .separators = ","},
    {.name = "add_pip_as_python_dependency", .kind = Kind::boolean},
    {.name = "override_virtual_packages", .kind = Kind::table, .older_name = "virtual_packages"},
    {.name = "exclude_newer"},
    {.name = "subdir"},
    {.name = "offline", .kind = Kind::boolean},
    {.name = "ssl_verify", .older_name = "verify_ssl"},
    {.name = "client_ssl_cert", .kind = Kind::path, .older_name = "client_cert"},
    {.name = "client_ssl_cert_key", .kind = Kind::path, .older_name = "client_cert_key"},
    {.name = "proxy_servers", .kind = Kind::table},
    {.name = "remote_connect_timeout_secs", .kind = Kind::number},
    {.name = "remote_read_timeout_secs", .kind = Kind::number},
    {.name = "remote_max_retries", .kind = Kind::number},
    {.name = "remote_backoff_factor", .kind = Kind::number},
    {.name = "fetch_threads", .kind = Kind::number},
    {.name = "local_repodata_ttl", .kind = Kind::number},
    {.name = "always_yes", .kind = Kind::boolean, .older_name = "yes"},
    {.name = "always_copy", .kind = Kind::boolean, .older_name = "copy"},
    {.name = "safety_checks", .choices = "enabled warn disabled"},
    {.name = "extra_safety_checks", .kind = Kind::boolean},
    {.name = "register_envs", .kind = Kind::boolean},
    {.name = "protect_frozen_envs", .kind = Kind::boolean},
    {.name = "no_lock", .kind = Kind::boolean},
    {.name = "changeps1", .kind = Kind::boolean},
    {.name = "env_prompt"},
});

constexpr std::string_view never_soft =
    "files are linked hard or copied: soft links would lose their targets with the cache";
constexpr std::string_view one_setting =
    "`jobs` (in conda's words default_threads) says it for all";

constexpr auto idle = std::to_array<IdleKey>({
    {"always_softlink", never_soft},
    {"allow_softlinks", never_soft},
    {"path_conflict",
     "of two packages with one path one wins, the other's file is kept, and both are named"},
    {"rollback_enabled", "a change is made aside and appears at once: nothing is rolled back"},
    {"channel_settings", "what it says of channels one by one is not read"},
    {"mirrored_channels", "a mirror is named by custom_channels or channel_alias"},
    {"use_index_cache", "servers say how long an index is fresh; `offline` takes what is there"},
    {"repodata_use_zst", "the compressed index is taken where a channel has it"},
    {"repodata_use_shards", "the index is read whole, or from the cache what a request reaches"},
    {"repodata_threads", one_setting},
    {"verify_threads", one_setting},
    {"execute_threads", one_setting},
    {"track_features", "features cannot be asked for; packages with features come last"},
    {"auto_stack", "stacking is asked for: hpcenv activate --stack NAME"},
    {"solver", "hpcenv has its own; to compare, set it in a file of hpcenv's"},
    {"root", "in files of conda it means something else"},
});

constexpr auto yes_words = std::to_array<std::string_view>({"true", "yes", "on", "1", "y"});
constexpr auto no_words = std::to_array<std::string_view>({"false", "no", "off", "0", "n"});

template <class Words>
bool is_among(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<std::string> as_boolean(std::string_view text) {
  const std::string word = base::to_lower(base::trim(text));
  if (is_among(yes_words, word)) return "true";
  if (is_among(no_words, word)) return "false";
  return std::nullopt;
}

bool is_number(std::string_view text) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size() && number >= 0;
}

/// Both keys could be a yes or no before there were three words.
std::string as_choice(const RcKey& key, std::string_view text) {
  std::string word = base::to_lower(base::trim(text));
  const bool is_priority = key.name == "channel_priority";
  if (!is_priority && key.name != "safety_checks") return word;
  if (is_among(yes_words, word)) return is_priority ? "flexible" : "enabled";
  return is_among(no_words, word) ? "disabled" : word;
}

/// `source` is empty where the file's place stands before the message.
Result<std::string> scalar_of(const RcKey& key, std::string_view text, std::string_view source) {
  const std::string from = source.empty() ? "" : fmt::format(" (from {})", source);
  if (key.kind == Kind::boolean) {
    if (auto word = as_boolean(text)) return *std::move(word);
    return fail(ErrorKind::refused, "{} '{}'{} is not true or false", key.name, text, from);
  }
  if (key.kind == Kind::number) {
    if (is_number(base::trim(text))) return std::string(base::trim(text));
    return fail(ErrorKind::refused, "{} '{}'{} is no number", key.name, text, from);
  }
  if (key.choices.empty()) return std::string(text);
  std::string word = as_choice(key, text);
  if (is_among(base::split_words(key.choices), word)) return word;
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} '{}'{} is none that hpcenv knows", key.name, text, from),
                   fmt::format("use one of: {}", key.choices));
}

/// What stands in a comment at the end of a line.
enum class Mark : std::uint8_t { none, final, top, bottom };

/// Of one key at the top of a file.
struct Marks {
  Mark key = Mark::none;
  std::vector<Mark> items;  ///< of a list in block style
};

Mark mark_of(std::string_view line) {
  const std::size_t at = line.rfind("#!");
  if (at == std::string_view::npos || at == 0 || (line[at - 1] != ' ' && line[at - 1] != '\t')) {
    return Mark::none;
  }
  const std::string_view word = base::trim(line.substr(at + 2));
  if (word == "final") return Mark::final;
  if (word == "top") return Mark::top;
  return word == "bottom" ? Mark::bottom : Mark::none;
}

/// Comments are lost on the YAML parser, so this looks at the lines.
std::map<std::string, Marks, std::less<>> marks_in(std::string_view text) {
  std::map<std::string, Marks, std::less<>> marks;
  Marks* current = nullptr;
  for (const std::string_view line : base::split_lines(text)) {
    const std::string_view words = base::trim(line);
    if (words.empty() || words.front() == '#') continue;
    const bool is_item = words == "-" || words.starts_with("- ");
    if (is_item && current != nullptr) current->items.push_back(mark_of(line));
    if (is_item || line.front() == ' ' || line.front() == '\t') continue;
    std::string_view key = base::trim(words.substr(0, words.find(':')));
    if (key.size() > 1 && (key.front() == '"' || key.front() == '\'')) {
      key = key.substr(1, key.size() - 2);
    }
    current = &marks[std::string(key)];
    *current = {mark_of(line), {}};
  }
  return marks;
}

std::vector<std::string> unique(const std::vector<std::string>& first,
                                const std::vector<std::string>& second) {
  std::vector<std::string> items;
  for (const auto* list : {&first, &second}) {
    for (const std::string& item : *list) {
      if (!is_among(items, item)) items.push_back(item);
    }
  }
  return items;
}

/// Puts marked items where they belong; one that is marked twice goes to the end, as conda has it.
void arrange(RcValue& value) {
  value.list = unique(value.top, value.list);
  std::erase_if(value.list, [&](const std::string& item) { return is_among(value.bottom, item); });
  value.list.insert(value.list.end(), value.bottom.begin(), value.bottom.end());
}

/// Reads the values of one file.
class FileReader {
 public:
  FileReader(std::string_view text, std::string_view source, const base::Environment& environment)
      : text_(text), source_(source), environment_(environment), marks_(marks_in(text)) {}

  Result<RcValue> read(const RcKey& key, const std::string& written, const base::Json& json) const {
    HPCENV_ASSIGN(RcValue value, read_value(key, written, json));
    const auto marked = marks_.find(written);
    if (marked == marks_.end()) return value;
    const Marks& marks = marked->second;
    if (marks.key == Mark::final) value.weight = RcValue::Weight::final;
    // Items of other shapes (on one line, on several) bear no marks that could be told apart.
    if (marks.items.size() != value.list.size()) return value;
    for (std::size_t i = 0; i < marks.items.size(); ++i) {
      if (marks.items[i] == Mark::top) value.top.push_back(value.list[i]);
      if (marks.items[i] == Mark::bottom) value.bottom.push_back(value.list[i]);
    }
    arrange(value);
    return value;
  }

 private:
  Result<RcValue> read_value(const RcKey& key, const std::string& written,
                             const base::Json& json) const {
    RcValue value;
    if (key.kind == Kind::table) {
      HPCENV_ASSIGN(value.table, table_of(key, written, json));
    } else if (holds_list(key.kind)) {
      HPCENV_ASSIGN(value.list, texts_of(key, written, json));
    } else {
      if (!json.is_string()) return refuse(written, "is no single text");
      auto scalar = scalar_of(key, expand_variables(json.get<std::string>(), environment_), "");
      if (!scalar.has_value()) return Failure(placed(std::move(scalar).error(), written));
      value.text = key.kind == Kind::path ? expand_home(*scalar, environment_) : *scalar;
    }
    return value;
  }

  /// The line where a key at the top stands; it is in the text, as the parser has seen it.
  std::size_t line_of(std::string_view written) const {
    std::size_t number = 0;
    for (std::string_view line : base::split_lines(text_)) {
      ++number;
      if (line.starts_with('"') || line.starts_with('\'')) line.remove_prefix(1);
      if (!line.starts_with(written)) continue;
      const std::string_view rest = line.substr(written.size());
      if (rest.empty() || std::string_view(": '\"\t").contains(rest.front())) return number;
    }
    return 1;
  }

  Error placed(Error error, std::string_view written) const {
    error.message = fmt::format("{}:{}: {}", source_, line_of(written), error.message);
    return error;
  }

  Failure refuse(const std::string& written, std::string_view reason) const {
    return Failure(placed(
        Error{ErrorKind::refused, fmt::format("'{}' {}", written, reason), {}, {}}, written));
  }

  /// A single text counts as a list of one, null as empty.
  Result<std::vector<std::string>> texts_of(const RcKey& key, const std::string& written,
                                            const base::Json& json) const {
    const auto expanded = [&](const base::Json& item) {
      const std::string text = expand_variables(item.get<std::string>(), environment_);
      return key.kind == Kind::paths ? expand_home(text, environment_) : text;
    };
    std::vector<std::string> texts;
    if (json.is_null()) return texts;
    if (json.is_string()) return std::vector<std::string>{expanded(json)};
    if (!json.is_array()) return refuse(written, "is no list");
    for (const base::Json& item : json) {
      if (!item.is_string()) return refuse(written, "holds something that is no text");
      texts.push_back(expanded(item));
    }
    return texts;
  }

  Result<std::vector<std::pair<std::string, std::vector<std::string>>>> table_of(
      const RcKey& key, const std::string& written, const base::Json& json) const {
    std::vector<std::pair<std::string, std::vector<std::string>>> table;
    if (json.is_null()) return table;
    if (!json.is_object()) return refuse(written, "is no map of names");
    for (const auto& [name, item] : json.items()) {
      HPCENV_ASSIGN(std::vector<std::string> texts, texts_of(key, written, item));
      table.emplace_back(name, std::move(texts));
    }
    return table;
  }

  std::string_view text_;
  std::string_view source_;
  const base::Environment& environment_;
  std::map<std::string, Marks, std::less<>> marks_;
};

}  // namespace

std::span<const RcKey> rc_keys() { return keys; }

std::span<const IdleKey> idle_keys() { return idle; }

std::string_view why_idle(std::string_view name) {
  const auto found = std::ranges::find(idle, name, &IdleKey::name);
  return found == idle.end() ? "hpcenv does not know it" : found->reason;
}

const RcKey* find_rc_key(std::string_view name) {
  const auto found = std::ranges::find_if(keys, [&](const RcKey& key) {
    return key.name == name || (!key.older_name.empty() && key.older_name == name);
  });
  return found == keys.end() ? nullptr : &*found;
}

bool holds_list(RcKind kind) { return kind == Kind::list || kind == Kind::paths; }

Result<Condarc> parse_condarc(std::string_view text, std::string_view source, RcDialect dialect,
                              const base::Environment& environment) {
  HPCENV_ASSIGN(const base::Json document, base::parse_yaml(text, source));
  Condarc condarc;
  if (document.is_null()) return condarc;
  if (!document.is_object()) return fail(ErrorKind::refused, "{}:1: it is no map of keys", source);
  const FileReader reader(text, source, environment);
  for (const auto& [written, json] : document.items()) {
    const RcKey* key = find_rc_key(written);
    const bool is_obeyed =
        key != nullptr && (key->dialect == RcDialect::conda || dialect == RcDialect::hpcenv);
    if (!is_obeyed) {
      condarc.without_effect.push_back(written);
      continue;
    }
    // An empty value says nothing; for a list it says that there is none.
    if (json.is_null() && !holds_list(key->kind)) continue;
    HPCENV_ASSIGN(RcValue value, reader.read(*key, written, json));
    const std::string name(key->name);
    // Of two names for one thing the present one counts.
    if (written == name || !condarc.values.contains(name)) condarc.values[name] = std::move(value);
  }
  return condarc;
}

Result<RcValue> parse_rc_value(const RcKey& key, std::string_view text, std::string_view source) {
  RcValue value;
  if (key.kind == Kind::table) {
    const std::size_t equal = text.find('=');
    if (equal == 0 || equal == std::string_view::npos) {
      return fail(ErrorKind::refused, "{} holds entries of the form NAME=VALUE, not '{}'", key.name,
                  text);
    }
    value.table.push_back(
        {std::string(text.substr(0, equal)), {std::string(text.substr(equal + 1))}});
    return value;
  }
  if (!holds_list(key.kind)) {
    HPCENV_ASSIGN(value.text, scalar_of(key, text, source));
    return value;
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(key.separators), text.size());
    if (const std::string_view item = base::trim(text.substr(0, end)); !item.empty()) {
      value.list.emplace_back(item);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return value;
}

void merge_rc_value(RcValue& under, const RcValue& over, RcKind kind) {
  if (under.weight == RcValue::Weight::final) return;
  under.weight = over.weight;
  if (holds_list(kind)) {
    under.list = unique(over.list, under.list);
    under.top = unique(under.top, over.top);
    under.bottom = unique(over.bottom, under.bottom);
    arrange(under);
  } else if (kind == Kind::table) {
    for (const auto& entry : over.table) {
      const auto found =
          std::ranges::find(under.table, entry.first, [](const auto& e) { return e.first; });
      if (found == under.table.end()) {
        under.table.push_back(entry);
      } else {
        found->second = entry.second;
      }
    }
  } else {
    under.text = over.text;
  }
}

std::string rc_value_text(const RcValue& value, RcKind kind) {
  if (holds_list(kind)) return base::join(value.list, " ");
  if (kind != Kind::table) return value.text;
  std::vector<std::string> entries;
  entries.reserve(value.table.size());
  for (const auto& [name, texts] : value.table) {
    entries.push_back(fmt::format("{}={}", name, base::join(texts, ",")));
  }
  return base::join(entries, " ");
}

}  // namespace hpcenv::conda
