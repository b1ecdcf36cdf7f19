#include "ops/standing_wishes.hpp"

#include <algorithm>
#include <map>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "conda/channel.hpp"
#include "conda/history.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

/// Name -> text of the wish.
Result<std::map<std::string, std::string>> wishes_of_history(const fs::path& prefix) {
  std::map<std::string, std::string> wishes;
  const auto text = base::read_file(prefix / "conda-meta/history");
  if (!text.has_value()) {
    if (text.error().kind == ErrorKind::not_found) return wishes;
    return Failure(text.error());
  }
  for (conda::RequestedSpec& spec : conda::requested_specs(conda::parse_history(*text))) {
    wishes.emplace(std::move(spec.name), std::move(spec.text));
  }
  return wishes;
}

/// The last wish in the package's own record that can be read.
std::string wish_of_record(const conda::PrefixRecord& installed) {
  return installed.requested_specs.empty() ? std::string() : installed.requested_specs.back();
}

/// Without subdir and trailing slash, which some tools write.
std::string channel_of(const conda::PackageRecord& record) {
  std::string_view channel = record.channel;
  if (channel.ends_with('/')) channel.remove_suffix(1);
  const std::string subdir = "/" + record.subdir;
  if (channel.ends_with(subdir)) channel.remove_suffix(subdir.size());
  return std::string(channel);
}

Result<conda::MatchSpec> spec_from(std::string_view text, std::string_view where) {
  auto spec = conda::MatchSpec::parse(text);
  if (spec.has_value()) return spec;
  return Failure(with_context(std::move(spec).error(), fmt::format("reading {}", where)));
}

}  // namespace

bool is_name_only(const conda::MatchSpec& spec) {
  return spec.name.is_exact() && base::to_lower(base::trim(spec.text)) == spec.name.text();
}

bool meets(const conda::MatchSpec& spec, const conda::PackageRecord& record,
           std::string_view channel_alias) {
  if (!spec.matches(record)) return false;
  if (spec.channel.empty()) return true;
  const std::string base = channel_of(record);
  const conda::Channel channel{base, base};
  return conda::channel_matches(channel, spec.channel, channel_alias);
}

const conda::PrefixRecord* find_installed(const prefix::PrefixState& state, std::string_view name) {
  const auto found = std::ranges::find_if(state.packages, [&](const conda::PrefixRecord& package) {
    return package.record.name == name;
  });
  return found == state.packages.end() ? nullptr : &*found;
}

Result<std::vector<conda::MatchSpec>> wished_earlier(const prefix::PrefixState& state) {
  std::vector<conda::MatchSpec> wishes;
  HPCENV_ASSIGN(const auto history, wishes_of_history(state.prefix));
  for (const conda::PrefixRecord& installed : state.packages) {
    const std::string& name = installed.record.name;
    const auto found = history.find(name);
    const std::string text = found == history.end() ? wish_of_record(installed) : found->second;
    if (text.empty()) continue;
    auto spec = conda::MatchSpec::parse(text);
    // The channel is not looked at: a record may name it in another way than the wish.
    if (!spec.has_value() || !spec->matches(installed.record)) {
      spec = conda::MatchSpec::parse(name);
    }
    if (spec.has_value()) wishes.push_back(std::move(*spec));
  }
  return wishes;
}

Result<std::vector<conda::MatchSpec>> pins_of(const fs::path& prefix,
                                              std::span<const std::string> pinned_packages) {
  HPCENV_ASSIGN(std::vector<conda::MatchSpec> pins,
                specs_of_setting("pinned_packages", pinned_packages));
  const fs::path file = prefix / "conda-meta/pinned";
  const auto text = base::read_file(file);
  if (!text.has_value()) {
    if (text.error().kind == ErrorKind::not_found) return pins;
    return Failure(text.error());
  }
  std::size_t number = 0;
  for (const std::string_view line : base::split_lines(*text)) {
    ++number;
    const std::string_view wish = base::trim(line.substr(0, line.find('#')));
    if (wish.empty()) continue;
    HPCENV_ASSIGN(conda::MatchSpec pin,
                  spec_from(wish, fmt::format("{}:{}", file.string(), number)));
    pins.push_back(std::move(pin));
  }
  return pins;
}

Result<std::vector<conda::MatchSpec>> specs_of_setting(std::string_view setting,
                                                       std::span<const std::string> texts) {
  std::vector<conda::MatchSpec> specs;
  for (const std::string& text : texts) {
    HPCENV_ASSIGN(conda::MatchSpec spec, spec_from(text, setting));
    specs.push_back(std::move(spec));
  }
  return specs;
}

Result<std::vector<conda::MatchSpec>> python_pin(const prefix::PrefixState& state) {
  std::vector<conda::MatchSpec> pins;
  const conda::PrefixRecord* python = find_installed(state, "python");
  if (python == nullptr) return pins;
  const auto parts = base::split(python->record.version, '.');
  if (parts.size() < 2) return pins;
  HPCENV_ASSIGN(conda::MatchSpec pin,
                conda::MatchSpec::parse(fmt::format("python {}.{}.*", parts[0], parts[1])));
  pins.push_back(std::move(pin));
  return pins;
}

Result<std::vector<conda::MatchSpec>> frozen_packages(const prefix::PrefixState& state) {
  std::vector<conda::MatchSpec> pins;
  for (const conda::PrefixRecord& installed : state.packages) {
    const conda::PackageRecord& record = installed.record;
    HPCENV_ASSIGN(conda::MatchSpec pin,
                  conda::MatchSpec::parse(
                      fmt::format("{}=={}={}", record.name, record.version, record.build)));
    pins.push_back(std::move(pin));
  }
  return pins;
}

Result<> require_not_frozen(const fs::path& prefix) {
  const fs::path file = prefix / "conda-meta/frozen";
  if (!base::path_exists(file)) return {};
  Error error{ErrorKind::refused, fmt::format("{} is frozen", prefix.string()), {}, {}};
  // The file may be empty, and its message is for people: what cannot be read is left out.
  if (const auto text = base::read_file(file)) {
    if (const auto document = base::parse_json(*text, file.string());
        document.has_value() && document->is_object()) {
      const std::string message = base::string_or(*document, "message");
      if (!message.empty()) error.context.push_back(message);
    }
  }
  error.hints.emplace_back("make an environment of your own, or pass --override-frozen");
  return Failure(std::move(error));
}

}  // namespace hpcenv::ops
