// F07: what the path of an environment does to the programs in it (conda: core/portability.py).
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "doctor/groups.hpp"
#include "doctor/make_finding.hpp"
#include "doctor/subject_facts.hpp"

namespace hpcenv::doctor {

namespace {

/// Packages are built with a placeholder of this length, and hpcenv refuses longer prefixes.
constexpr std::size_t longest_prefix = 255;
/// What kernels before 5.1 read of a first line.
constexpr std::size_t longest_first_line = 127;

struct Path {
  std::string text;
  bool is_folder;  ///< environments will lie below it
};

std::optional<Path> path_of(const Subject& subject) {
  if (subject.environment != nullptr) return Path{subject.environment->prefix.native(), false};
  for (const char* purpose : {"environments", "root"}) {
    const auto place = std::ranges::find(subject.places, purpose, &host::MountFacts::purpose);
    if (place != subject.places.end()) return Path{place->path, true};
  }
  return std::nullopt;
}

std::string interpreter(const Subject& subject) {
  const conda::PrefixRecord* python = find_package(subject, "python");
  if (python == nullptr) return "/bin/python3.12";
  const auto parts = base::split(python->record.version, '.');
  return parts.size() < 2 ? "/bin/python3.12" : fmt::format("/bin/python{}.{}", parts[0], parts[1]);
}

/// A package whose programs hold a placeholder that is shorter than the prefix; empty: none.
std::string package_with_short_placeholder(const Subject& subject, std::size_t length) {
  if (subject.environment == nullptr) return "";
  for (const conda::PrefixRecord& package : subject.environment->packages) {
    const bool too_short = std::ranges::any_of(package.paths, [&](const auto& path) {
      return path.file_mode == "binary" && !path.placeholder.empty() &&
             path.placeholder.size() < length;
    });
    if (too_short) return package.record.name + " " + package.record.version;
  }
  return "";
}

Remedy other_path(const Subject& subject) {
  if (subject.environment == nullptr) {
    return {"Keep environments under a shorter, plain path.",
            {"export HPCENV_ROOT=/SHORT/PATH/hpcenv"}};
  }
  return {"Make the environment anew under a shorter, plain path.",
          {"hpcenv env export -p " + shell_word(subject.environment->prefix.native()) +
           " > env.yml && hpcenv create -p /SHORT/PATH/env -f env.yml"}};
}

std::string unusable(const Path& path, const Subject& subject) {
  constexpr std::string_view forbidden = ":\"$\\`";
  if (const auto at = path.text.find_first_of(forbidden); at != std::string::npos) {
    return fmt::format("{} holds the character {}, which no script can have in a path", path.text,
                       path.text[at]);
  }
  if (path.text.size() > longest_prefix) {
    return fmt::format("{} has {} bytes, more than the {} that fit into programs", path.text,
                       path.text.size(), longest_prefix);
  }
  const std::string package = package_with_short_placeholder(subject, path.text.size());
  if (package.empty()) return "";
  return fmt::format("{} has {} bytes, more than fit into the programs of {}", path.text,
                     path.text.size(), package);
}

bool is_ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string awkward(const Path& path, std::size_t first_line) {
  if (path.text.find(' ') != std::string::npos) {
    return path.text + " holds a blank: some programs and build tools do not take that";
  }
  if (!is_ascii(path.text)) {
    return path.text + " holds letters that are not ASCII: some programs do not take that";
  }
  if (first_line > longest_first_line) {
    return fmt::format(
        "first lines of scripts under {} have {} bytes: kernels before 5.1 read {}, "
        "and so hpcenv starts these scripts through env, which needs the environment "
        "in PATH",
        path.text, first_line, longest_first_line);
  }
  return "";
}

}  // namespace

Finding examine_prefix_path(const Subject& subject) {
  const auto path = path_of(subject);
  if (!path) return unavailable("it is not known where environments lie");
  const std::size_t first_line = 2 + path->text.size() + interpreter(subject).size();
  std::vector<std::string> evidence{fmt::format("{} bytes", path->text.size()),
                                    fmt::format("first lines of {} bytes", first_line)};
  if (const std::string why = unusable(*path, subject); !why.empty()) {
    return with_evidence(failure(why, other_path(subject)), std::move(evidence));
  }
  if (const std::string why = awkward(*path, first_line); !why.empty()) {
    return with_evidence(warning(why, other_path(subject)), std::move(evidence));
  }
  for (const host::MountFacts& place : subject.places) {
    const bool linked = !place.missing && place.path == path->text && !place.existing.empty() &&
                        place.existing != place.path;
    if (!linked) continue;
    return with_evidence(info(fmt::format("{} leads through a symbolic link to {}, which is what "
                                          "environments have written in them",
                                          place.path, place.existing)),
                         std::move(evidence));
  }
  return with_evidence(pass(path->text + " is a path that programs can live with"),
                       std::move(evidence));
}

}  // namespace hpcenv::doctor
