#include "host/masking.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "host/quota_programs.hpp"

namespace hpcenv::host {

namespace {

/// Names that tell nothing of anybody, and stand for something else in paths and findings.
constexpr auto common_words = std::to_array<std::string_view>({
    "root", "user",    "users",  "home",  "node", "localhost", "usr",     "lib",    "lib64",
    "bin",  "opt",     "var",    "tmp",   "etc",  "proc",      "sys",     "dev",    "run",
    "mnt",  "scratch", "work",   "data",  "cuda", "nvidia",    "gpu",     "gpus",   "slurm",
    "cpu",  "conda",   "hpcenv", "linux", "host", "python",    "default", "module", "share",
    "env",  "envs",    "site",   "local", "none", "all",       "true",    "false",  "version",
    "and",  "the",     "vm",     "files", "name", "machine",   "kernel",  "memory", "driver",
});

/// Folders whose last part names a person or a project: variable, and what is shown instead.
constexpr auto folders = std::to_array<std::pair<const char*, const char*>>({
    {"HOME", "/home/user"},
    {"SCRATCH", "/scratch/user"},
    {"WORK", "/workdir/user"},
    {"PROJECT", "/project/user"},
});

bool is_letter_or_digit(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

bool stands_alone(std::string_view text, std::size_t at, std::size_t size) {
  const bool begins = at == 0 || !is_letter_or_digit(text[at - 1]);
  const std::size_t end = at + size;
  return begins && (end == text.size() || !is_letter_or_digit(text[end]));
}

bool ends_url(char c) { return c == '"' || c == '\'' || static_cast<unsigned char>(c) <= ' '; }

std::string below_its_mount(const std::string& path, std::string_view shown,
                            std::string_view mounts) {
  const std::optional<Mount> mount =
      mount_of(mounts, std::filesystem::path(path).parent_path().native());
  if (!mount || mount->point == "/") return std::string(shown);
  const std::string_view kind = shown.substr(0, shown.rfind('/'));
  return mount->point +
         std::string(mount->point.ends_with(kind) ? shown.substr(kind.size()) : shown);
}

}  // namespace

std::string without_secrets(std::string_view text) {
  constexpr std::string_view mark = "://";
  std::string plain;
  std::size_t done = 0;
  for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, done)) {
    const auto* const stop =
        std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), ends_url);
    const auto end = static_cast<std::size_t>(stop - text.begin());
    plain += text.substr(done, at - done);
    plain += conda::without_credentials(text.substr(at, end - at));
    done = end;
  }
  return plain + std::string(text.substr(done));
}

Masking::Masking(const base::Environment& environment, std::string_view mounts) {
  for (const auto& [variable, shown] : folders) {
    const std::string path = environment.get_or(variable, "");
    add_path(path, below_its_mount(path, shown, mounts));
  }
  for (const char* variable : {"USER", "LOGNAME"}) add(environment.get_or(variable, ""), "user");
  const std::string home = environment.get_or("HOME", "");
  add(home.substr(home.rfind('/') + 1), "user");
}

void Masking::add(std::string word, std::string shown) {
  constexpr std::size_t shortest = 2;
  const bool is_number = base::parse_unsigned(word).has_value();
  const bool is_common = std::ranges::find(common_words, word) != common_words.end();
  const bool is_known = std::ranges::any_of(
      words_, [&](const auto& known) { return known.first == word || known.second == word; });
  if (word.size() < shortest || is_number || is_common || is_known) return;
  words_.emplace_back(std::move(word), std::move(shown));
  std::ranges::stable_sort(
      words_, [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

void Masking::add_host(const std::string& name) {
  const std::string label = name.substr(0, name.find('.'));
  const bool is_common = std::ranges::find(common_words, label) != common_words.end();
  const bool is_known = std::ranges::any_of(words_, [&](const auto& word) {
    return word.first == name || (word.first == label && word.second.starts_with("node"));
  });
  if (label.empty() || is_common || is_known) return;
  ++hosts_;
  const std::string shown = hosts_ == 1 ? "node" : fmt::format("node{}", hosts_);
  add(name, shown);
  add(label, shown);
}

void Masking::add_name(const std::string& name, std::string shown) { add(name, std::move(shown)); }

void Masking::add_path(const std::string& path, std::string shown) {
  std::string plain = path;
  while (plain.ends_with('/')) plain.pop_back();
  const bool is_deep = plain.starts_with('/') && plain.find('/', 1) != std::string::npos;
  if (is_deep) add(std::move(plain), std::move(shown));
}

std::string Masking::replaced(std::string_view text) const {
  const bool keeps_length = text.find('\0') != std::string_view::npos;
  std::string masked;
  for (std::size_t at = 0; at < text.size();) {
    const auto here = std::ranges::find_if(words_, [&](const auto& word) {
      return text.substr(at).starts_with(word.first) && stands_alone(text, at, word.first.size());
    });
    if (here == words_.end()) {
      masked += text[at++];
      continue;
    }
    masked += keeps_length ? std::string(here->first.size(), 'x') : here->second;
    at += here->first.size();
  }
  return masked;
}

std::string Masking::text(std::string_view text) const {
  const bool is_binary = text.find('\0') != std::string_view::npos;
  return replaced(is_binary ? std::string(text) : without_secrets(text));
}

base::Json Masking::json(const base::Json& value) const {
  if (value.is_string()) return text(value.get<std::string>());
  if (value.is_array()) {
    base::Json masked = base::Json::array();
    for (const base::Json& member : value) masked.push_back(json(member));
    return masked;
  }
  if (!value.is_object()) return value;
  base::Json masked = base::Json::object();
  for (const auto& [key, member] : value.items()) masked[text(key)] = json(member);
  return masked;
}

}  // namespace hpcenv::host
