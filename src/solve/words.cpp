#include "solve/words.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace hpcenv::solve {

namespace {

constexpr std::size_t build_limit = 4;

bool accepts(const Candidates& table, const Spec& spec, CandidateIndex candidate) {
  const std::uint32_t bit = candidate - table.names[spec.name].first_candidate;
  return (table.sets[spec.set].words[bit / word_bits] >> (bit % word_bits) & 1U) != 0;
}

/// "cpu_0, cpu_1 and 3 others".
std::string describe_builds(const Candidates& table, std::span<const CandidateIndex> candidates) {
  std::vector<std::string> builds;
  for (const CandidateIndex candidate : candidates) {
    const std::string& build = table.record(candidate).build;
    if (std::find(builds.begin(), builds.end(), build) == builds.end()) builds.push_back(build);
  }
  const std::size_t more = builds.size() - std::min(build_limit, builds.size());
  builds.resize(builds.size() - more);
  return base::join(builds, ", ") + (more == 0 ? "" : fmt::format(" and {} others", more));
}

/// What is meant by a virtual package that is not there.
std::string absence(const std::string& machine, std::string_view name) {
  if (name == "__cuda") return machine + " has no NVIDIA driver";
  if (name == "__cuda_arch") return fmt::format("no GPU of {} is known", machine);
  if (name == "__win") return machine + " is no Windows";
  if (name == "__osx") return machine + " is no macOS";
  return machine + " lacks it";
}

/// What is meant by a virtual package of a version.
std::string presence(const std::string& machine, std::string_view name, std::string_view version) {
  if (name == "__cuda") {
    return fmt::format("the NVIDIA driver of {} knows CUDA up to {}", machine, version);
  }
  if (name == "__cuda_arch") {
    return fmt::format("the oldest GPU of {} has compute capability {}", machine, version);
  }
  if (name == "__linux") return fmt::format("{} has the kernel {}", machine, version);
  return fmt::format("{} has {} {}", machine, name.substr(2), version);
}

}  // namespace

std::string describe(const Candidates& table, std::span<const CandidateIndex> candidates) {
  std::vector<std::pair<std::uint32_t, std::string>> versions;
  for (const CandidateIndex candidate : candidates) {
    versions.emplace_back(table.candidates[candidate].version_rank,
                          table.record(candidate).version);
  }
  std::sort(versions.begin(), versions.end());
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  if (versions.empty()) return "nothing";
  const std::string& name = table.record(candidates.front()).name;
  const std::string& newest = versions.front().second;
  const std::string& oldest = versions.back().second;
  if (versions.size() == 1) return fmt::format("{} {}", name, newest);
  return fmt::format("{} {} {} {}", name, oldest, versions.size() == 2 ? "and" : "to", newest);
}

std::string describe_demand(const Candidates& table, std::span<const CandidateIndex> candidates,
                            std::string_view spec, DemandKind kind) {
  const auto rank = [&](CandidateIndex candidate) {
    return table.candidates[candidate].version_rank;
  };
  const bool several = std::any_of(candidates.begin(), candidates.end(), [&](CandidateIndex c) {
    return rank(c) != rank(candidates.front());
  });
  std::string_view verb = several ? "need" : "needs";
  if (kind == DemandKind::constrains) verb = several ? "go only with" : "goes only with";
  return fmt::format("{} {} '{}'", describe(table, candidates), verb, spec);
}

std::string describe_machine(const Candidates& table, NameIndex index) {
  const Name& name = table.names[index];
  const Machine& machine = *table.machine;
  const auto found = machine.sources.find(name.text);
  const bool is_missing = name.candidate_count == 0;
  const std::string version = is_missing ? "" : table.record(name.first_candidate).version;
  const std::string build = is_missing ? "" : table.record(name.first_candidate).build;
  if (found != machine.sources.end() && !found->second.variable.empty()) {
    // Nothing is said of the machine itself.
    return is_missing
               ? fmt::format("there is no {} ({})", name.text, found->second.text)
               : fmt::format("{} is {} ({})", name.text,
                             name.text == "__archspec" ? build : version, found->second.text);
  }
  const std::string source = found == machine.sources.end() ? "" : ", " + found->second.text;
  if (is_missing) {
    return fmt::format("{} (no {}{})", absence(machine.name, name.text), name.text, source);
  }
  if (name.text == "__archspec") {
    return fmt::format("the processor of {} is {} (__archspec {}{})", machine.name, build, version,
                       source);
  }
  return fmt::format("{} ({} {}{})", presence(machine.name, name.text, version), name.text, version,
                     source);
}

std::string wish_sentence(const Candidates& table, const Spec& spec) {
  const std::string_view name = table.names[spec.name].text;
  switch (spec.origin) {
    case Origin::kept:
      return fmt::format("you asked for '{}' earlier", spec.text);
    case Origin::pinned:
      return fmt::format("'{}' is pinned", spec.text);
    case Origin::held:
      return fmt::format("'{}' holds unless {} is asked for", spec.text, name);
    case Origin::disallowed:
      return fmt::format("'{}' is disallowed", spec.text);
    default:
      return fmt::format("you asked for '{}'", spec.text);
  }
}

std::vector<CandidateIndex> all_of(const Candidates& table, NameIndex name) {
  std::vector<CandidateIndex> all;
  all.reserve(table.names[name].candidate_count);
  for (std::uint32_t i = 0; i < table.names[name].candidate_count; ++i) {
    all.push_back(table.names[name].first_candidate + i);
  }
  return all;
}

std::vector<CandidateIndex> accepted_by(const Candidates& table, SpecIndex spec) {
  std::vector<CandidateIndex> accepted = all_of(table, table.specs[spec].name);
  std::erase_if(accepted, [&](CandidateIndex candidate) {
    return !accepts(table, table.specs[spec], candidate);
  });
  return accepted;
}

std::string describe_offer(const Candidates& table, const Spec& spec) {
  const std::vector<CandidateIndex> all = all_of(table, spec.name);
  const auto parsed = conda::MatchSpec::parse(spec.text);
  std::vector<CandidateIndex> right_version;
  for (const CandidateIndex candidate : all) {
    const auto version = conda::Version::parse(table.record(candidate).version);
    if (parsed.has_value() && version.has_value() && parsed->version.matches(*version)) {
      right_version.push_back(candidate);
    }
  }
  if (!right_version.empty() && !parsed->build.accepts_all()) {
    return fmt::format("the channels have {} only in {} {}", describe(table, right_version),
                       right_version.size() == 1 ? "the build" : "builds",
                       describe_builds(table, right_version));
  }
  return fmt::format("the channels have only {}", describe(table, all));
}

std::optional<std::string> near_offer(const Candidates& table, const Spec& spec) {
  const auto parsed = conda::MatchSpec::parse(spec.text);
  if (!parsed.has_value()) return std::nullopt;
  std::string exact = parsed->version.text();
  if (exact.starts_with("==")) exact.erase(0, 2);
  if (!conda::Version::parse(exact).has_value()) return std::nullopt;
  const auto loose = conda::VersionSpec::parse(exact + ".*");
  for (const CandidateIndex candidate : all_of(table, spec.name)) {
    const auto version = conda::Version::parse(table.record(candidate).version);
    if (!loose.has_value() || !version.has_value() || !loose->matches(*version)) continue;
    if (parsed->version.matches(*version)) return std::nullopt;
    return fmt::format("'{0}' asks for exactly {1}; with {1}.* it takes {2} too", spec.text, exact,
                       version->text());
  }
  return std::nullopt;
}

std::optional<HiddenOffer> hidden_offer(const Candidates& table, const Spec& spec) {
  const auto hidden = table.hidden.find(table.names[spec.name].text);
  const auto parsed = conda::MatchSpec::parse(spec.text);
  if (hidden == table.hidden.end() || !parsed.has_value()) return std::nullopt;
  for (const Offer& offer : hidden->second) {
    if (!parsed->matches(*offer.record)) continue;
    return HiddenOffer{fmt::format("{} {}", offer.record->name, offer.record->version),
                       table.channel_names.at(offer.channel)};
  }
  return std::nullopt;
}

}  // namespace hpcenv::solve
