#include "ops/report_masking.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/json.hpp"
#include "base/text.hpp"
#include "ops/masking.hpp"

namespace hpcenv::ops {

namespace {

/// First parts of paths that are alike on many machines and tell nothing of who works there.
constexpr auto system_folders = std::to_array<std::string_view>(
    {"usr", "lib", "lib32", "lib64", "bin", "sbin", "etc", "proc", "sys", "dev", "boot", "opt",
     "apps", "sw", "software", "cvmfs", "nix", "cm", "PATH"});

/// Folders in which everybody makes some: they stay, what is in them does not.
constexpr auto common_folders = std::to_array<std::string_view>(
    {"/root", "/tmp", "/var/tmp", "/var", "/run", "/mnt", "/home", "/scratch", "/work"});

/// Parts from which on a path is an installation, whose files' names are those of packages.
constexpr auto installed_parts = std::to_array<std::string_view>(
    {"bin", "lib", "lib64", "include", "share", "etc", "envs", "pkgs", "conda-meta",
     "site-packages", "miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba",
     "hpcenv"});

constexpr auto public_servers = std::to_array<std::string_view>(
    {"conda.anaconda.org", "repo.anaconda.com", "anaconda.org", "prefix.dev", "repo.prefix.dev",
     "pypi.org", "files.pythonhosted.org", "github.com", "localhost", "127.0.0.1", "HOST"});

/// Of accounts that jobs are counted on.
constexpr auto account_variables = std::to_array<const char*>(
    {"SLURM_JOB_ACCOUNT", "SLURM_ACCOUNT", "SBATCH_ACCOUNT", "SALLOC_ACCOUNT", "GROUP"});

constexpr std::string_view scheme_end = "://";
constexpr std::string_view address_ends = " \t\n\"'`(),;<>}|\\";
constexpr std::string_view path_ends = " \t\n\"'`:(),;]<>}|\\";

template <std::size_t size>
bool holds(const std::array<std::string_view, size>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

constexpr std::string_view replacement = "private";

/// The first part of a path from which on it is told; what was replaced before stays.
bool is_told(std::string_view part) {
  const bool is_replaced =
      part.starts_with(replacement) && base::parse_unsigned(part.substr(replacement.size()));
  return is_replaced || part.starts_with('.') || part.find(".so") != std::string_view::npos ||
         holds(installed_parts, part);
}

/// What stands before a slash, back to what a word begins after: empty for an absolute path.
std::string_view word_before(std::string_view text, std::size_t at) {
  constexpr std::string_view ends = " \t\n\"'`=:(,;[<>{|";
  const std::size_t before = at == 0 ? std::string_view::npos : text.find_last_of(ends, at - 1);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, at - begin);
}

std::size_t end_of(std::string_view text, std::size_t begin, std::string_view ends) {
  return std::min(text.find_first_of(ends, begin), text.size());
}

std::string all_texts(const Examination& examination) {
  std::string all;
  for (const doctor::Finding& finding : examination.findings) {
    all += base::dump_json_line(doctor::finding_to_json(finding)) + '\n';
  }
  return all;
}

/// A path begins a word, or stands behind a variable or an option of one letter (-I/data).
bool is_variable(std::string_view before) { return before.starts_with('$') || before == "~"; }
bool begins_path(std::string_view before) {
  return before.empty() || is_variable(before) || (before.size() == 2 && before[0] == '-');
}

/// `scheme://user@HOST:port/path`, the scheme or the user may be missing.
std::string server_of(std::string_view address) {
  const std::size_t scheme = address.find(scheme_end);
  if (scheme != std::string_view::npos) address.remove_prefix(scheme + scheme_end.size());
  address = address.substr(0, end_of(address, 0, address_ends));
  address = address.substr(0, end_of(address, 0, "/?#"));
  if (const std::size_t at = address.rfind('@'); at != std::string_view::npos) {
    address.remove_prefix(at + 1);
  }
  return std::string(address.substr(0, address.find(':')));
}

/// From `://` on; what lies on a server that is not public is not told.
std::string without_path(std::string_view address) {
  const std::size_t end = end_of(address, scheme_end.size(), "/?#");
  const bool is_whole = end == address.size() || holds(public_servers, server_of(address));
  return is_whole ? std::string(address) : std::string(address.substr(0, end)) + "/...";
}

}  // namespace

ReportMasking::ReportMasking(const Locations& locations, const host::HostReader& reader,
                             const Examination& examination)
    : masking_(masking_for(locations, reader)) {
  const std::string findings = all_texts(examination);
  const base::Environment& environment = reader.environment();
  add_hosts(examination, findings);
  add_servers(environment, findings);
  // A target that is a file is called as that.
  if (examination.machine.find('/') != std::string::npos) {
    masking_.add_name(std::filesystem::path(examination.machine).stem().string(), "target");
  }
  for (const char* variable : account_variables) {
    masking_.add_name(environment.get_or(variable, ""), "project");
  }
  for (const char* variable : {"HOME", "SCRATCH", "WORK", "PROJECT"}) {
    const std::string folder = environment.get_or(variable, "");
    if (folder.size() > 1) bases_.push_back(masking_.text(folder));
  }
  bases_.push_back(masking_.text(locations.root.string()));
  for (const std::string_view folder : common_folders) bases_.emplace_back(folder);
  std::ranges::stable_sort(bases_, std::greater<>(), &std::string::size);
  add_folders(environment, findings);
}

/// Those of the nodes and of Slurm that are told, and all others of this host's domain.
void ReportMasking::add_hosts(const Examination& examination, std::string_view findings) {
  std::string domain;
  for (const std::string& host : examination.hosts) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    if (findings.find(host.substr(0, dot)) == std::string_view::npos) continue;
    masking_.add_host(host);
    if (domain.empty()) domain = host.substr(dot);
  }
  constexpr std::string_view in_names =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
  if (std::ranges::count(domain, '.') < 2) return;
  for (std::size_t at = findings.find(domain); at != std::string_view::npos;
       at = findings.find(domain, at + 1)) {
    const std::size_t before = findings.find_last_not_of(in_names, at);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    masking_.add_host(std::string(findings.substr(begin, at + domain.size() - begin)));
  }
}

/// Of addresses, and proxies, which are named without one too.
void ReportMasking::add_servers(const base::Environment& environment, std::string_view findings) {
  std::vector<std::string> servers;
  for (std::size_t at = findings.find(scheme_end); at != std::string_view::npos;
       at = findings.find(scheme_end, at + 1)) {
    servers.push_back(server_of(findings.substr(at)));
  }
  for (const auto& [name, value] : environment.all()) {
    if (base::to_lower(name).ends_with("_proxy")) {
      for (const std::string_view one : base::split(value, ',')) servers.push_back(server_of(one));
    }
  }
  std::size_t number = 0;
  for (const std::string& server : servers) {
    if (holds(public_servers, server) || masking_.text(server) != server) continue;
    masking_.add_name(server, fmt::format("server{}", ++number));
  }
}

/// Where a sentence ends a path at its blank, the variable that names it does not.
void ReportMasking::add_folders(const base::Environment& environment, std::string_view findings) {
  for (const auto& [name, value] : environment.all()) {
    for (const std::string_view entry : base::split(value, ':')) {
      const bool is_named = entry.starts_with('/') && entry.find(' ') != std::string_view::npos &&
                            findings.find(entry) != std::string_view::npos;
      if (is_named) masking_.add_path(std::string(entry), masked_path(masking_.text(entry)));
    }
  }
}

std::string ReportMasking::masked_rest(std::string_view base, std::string_view rest) {
  std::size_t end = 0;
  while (end < rest.size()) {
    const std::size_t next = end_of(rest, end + 1, "/");
    if (is_told(rest.substr(end + 1, next - end - 1))) break;
    end = next;
  }
  if (end == 0) return std::string(base) + std::string(rest);
  const std::string hidden = std::string(base) + std::string(rest.substr(0, end));
  const auto [known, is_new] = folders_.try_emplace(hidden, "");
  if (is_new) known->second = fmt::format("{}/{}{}", base, replacement, folders_.size());
  return known->second + std::string(rest.substr(end));
}

std::string ReportMasking::masked_path(std::string_view path) {
  if (path.size() < 2 || path[1] == '/') return std::string(path);
  const std::string_view first = path.substr(1, end_of(path, 1, "/") - 1);
  if (holds(system_folders, first)) return std::string(path);
  for (const std::string& base : bases_) {
    const bool is_below = path.starts_with(base) && path.size() > base.size();
    if (path == base) return base;
    if (is_below && path[base.size()] == '/') return masked_rest(base, path.substr(base.size()));
  }
  return masked_rest("", path);
}

std::string ReportMasking::text(std::string_view text) {
  const std::string known = masking_.text(text);
  const std::string_view all = known;
  std::string masked;
  for (std::size_t at = 0; at < all.size();) {
    const std::string_view rest = all.substr(at);
    const std::string_view before = word_before(all, at);
    if (rest.starts_with(scheme_end)) {
      const std::size_t end = end_of(rest, scheme_end.size(), address_ends);
      const std::string_view found = rest.substr(0, end);
      masked += masked.ends_with("file")
                    ? std::string(scheme_end) + masked_path(found.substr(scheme_end.size()))
                    : without_path(found);
      at += end;
    } else if (rest.front() == '/' && begins_path(before)) {
      std::size_t end = end_of(rest, 0, path_ends);
      while (end > 1 && rest[end - 1] == '.') --end;
      const std::string_view path = rest.substr(0, end);
      masked +=
          is_variable(before) ? masked_rest(before, path).substr(before.size()) : masked_path(path);
      at += end;
    } else {
      masked += all[at++];
    }
  }
  return masked;
}

doctor::Finding ReportMasking::finding(const doctor::Finding& finding) {
  doctor::Finding masked = finding;
  masked.text = text(finding.text);
  for (std::string& line : masked.evidence) line = text(line);
  if (masked.remedy) {
    masked.remedy->text = text(masked.remedy->text);
    for (std::string& command : masked.remedy->commands) command = text(command);
  }
  return masked;
}

}  // namespace hpcenv::ops
