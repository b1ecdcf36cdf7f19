#include "image/launch_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/json.hpp"
#include "base/text.hpp"
#include "shell/activation.hpp"

namespace hpcenv::image {

namespace {

using base::TarEntry;
using Type = TarEntry::Type;

LaunchFile file(std::string path, mode_t mode, std::string contents, std::int64_t modified) {
  LaunchFile made;
  made.entry.path = std::move(path);
  made.entry.mode = mode;
  made.entry.size = contents.size();
  made.entry.modified = modified;
  made.contents = std::move(contents);
  return made;
}

LaunchFile directory(std::string path, mode_t mode, std::int64_t modified) {
  LaunchFile made = file(std::move(path), mode, "", modified);
  made.entry.type = Type::directory;
  return made;
}

std::string quoted_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + shell::quote_posix(word);
  return text;
}

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

/// "${NAME}" in a line of /etc/environment, which enroot replaces by the host's variable.
bool has_reference(std::string_view value) {
  for (std::size_t at = value.find("${"); at != std::string_view::npos;
       at = value.find("${", at + 2)) {
    const std::string_view rest = value.substr(at + 2);
    const std::string_view name =
        rest.substr(0, std::ranges::find_if_not(rest, is_name_part) - rest.begin());
    if (!name.empty() && is_name_start(name[0]) && rest.substr(name.size()).starts_with('}'))
      return true;
  }
  return false;
}

std::string enroot_environment(const ImageConfig& config, std::vector<std::string>& left_out) {
  std::string text;
  for (const std::string& variable : config.environment) {
    if (variable.find('\n') != std::string::npos || has_reference(variable)) {
      left_out.push_back(variable.substr(0, variable.find('=')));
    } else {
      text += variable + "\n";
    }
  }
  return text;
}

std::string working_directory_of(const ImageConfig& config) {
  return config.working_directory.empty() ? "/" : config.working_directory;
}

/// The lines that start what the image starts, with "$@" in place of its command where there are
/// arguments.
std::string start_lines(const ImageConfig& config, std::string_view before_command) {
  std::vector<std::string> command = config.entrypoint;
  command.insert(command.end(), config.command.begin(), config.command.end());
  if (command.empty()) command = {"/bin/sh"};
  return fmt::format(
      "if [ $# -gt 0 ]; then\n"
      "  exec{} \"$@\"\n"
      "fi\n"
      "{}"
      "exec{}\n",
      quoted_words(config.entrypoint), before_command, quoted_words(command));
}

/// enroot's shell reads it with the words of the command as arguments.
std::string enroot_start(const ImageConfig& config) {
  const std::string folder = shell::quote_posix(working_directory_of(config));
  return fmt::format("mkdir -p {0} 2>/dev/null\ncd {0} || exit 1\nunset OLDPWD\n", folder) +
         start_lines(config, "");
}

/// On a cluster people stay where they are; only the image's own command wants its own place.
std::string apptainer_start(const ImageConfig& config) {
  return "#!/bin/sh\n" +
         start_lines(config, fmt::format("cd {} || exit 1\n",
                                         shell::quote_posix(working_directory_of(config))));
}

/// A name that a shell can export.
bool is_shell_name(std::string_view name) {
  return !name.empty() && is_name_start(name[0]) && std::ranges::all_of(name, is_name_part);
}

std::string apptainer_environment(const ImageConfig& config) {
  std::string text = "#!/bin/sh\n";
  for (const std::string_view variable : config.environment) {
    const std::size_t equals = variable.find('=');
    const std::string_view name = variable.substr(0, equals);
    if (equals == std::string_view::npos || !is_shell_name(name)) continue;
    text += fmt::format("export {}={}\n", name, shell::quote_posix(variable.substr(equals + 1)));
  }
  return text;
}

/// The libraries that --nv and --rocm bring lie there; after this file, by its name, Apptainer sets
/// what --env asks for.
constexpr std::string_view apptainer_libraries =
    "#!/bin/sh\n"
    "export LD_LIBRARY_PATH=\"${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/.singularity.d/libs\"\n";

std::vector<LaunchFile> mount_points(const ImageConfig& config, std::int64_t modified) {
  std::vector<LaunchFile> points;
  const std::string_view place = config.working_directory;
  const auto parts = base::split(place, '/');
  if (place.size() > 1 && place.starts_with('/') && std::ranges::find(parts, "..") == parts.end()) {
    points.push_back(directory(std::string(place.substr(1)), 0755, modified));
  }
  for (const char* path : {"dev", "proc", "sys", "home", "mnt", "root", "run"}) {
    points.push_back(directory(path, 0755, modified));
  }
  for (const char* path : {"tmp", "var/tmp"}) points.push_back(directory(path, 01777, modified));
  for (const char* path : {"etc/hosts", "etc/resolv.conf", "etc/passwd", "etc/group"}) {
    points.push_back(file(path, 0644, "", modified));
  }
  return points;
}

}  // namespace

LaunchFiles launch_files(const ImageConfig& config, std::int64_t modified) {
  LaunchFiles made;
  const auto add = [&](std::string path, mode_t mode, std::string contents) {
    made.files.push_back(file(std::move(path), mode, std::move(contents), modified));
  };
  add("etc/environment", 0644, enroot_environment(config, made.not_for_enroot));
  add("etc/fstab", 0644, "");
  add("etc/rc", 0755, enroot_start(config));
  made.files.push_back(directory(".singularity.d", 0755, modified));
  made.files.push_back(directory(".singularity.d/env", 0755, modified));
  made.files.push_back(directory(".singularity.d/libs", 0755, modified));
  // Apptainer knows this name: it adds the usual directories to PATH after it.
  add(".singularity.d/env/10-docker2singularity.sh", 0755, apptainer_environment(config));
  add(".singularity.d/env/99-base.sh", 0755, std::string(apptainer_libraries));
  base::Json labels = base::Json::object();
  for (const auto& [name, value] : config.labels) labels[name] = value;
  add(".singularity.d/labels.json", 0644, base::dump_json(labels));
  add(".singularity.d/runscript", 0755, apptainer_start(config));
  made.mount_points = mount_points(config, modified);
  return made;
}

}  // namespace hpcenv::image
