#include "ops/kernels.hpp"

#include <algorithm>
#include <optional>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace hpcenv::ops {
namespace {

namespace fs = std::filesystem;

constexpr const char* kernel_file = "kernel.json";
constexpr const char* launcher = "ipykernel_launcher.py";

// Jupyter takes letters, digits, '.', '_' and '-', and does not tell case.
bool is_kernel_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::string kernel_name_of(const EnvironmentRef& environment) {
  std::string name = environment.name.substr(environment.name.rfind('/') + 1);
  std::ranges::replace_if(name, [](char c) { return !is_kernel_character(c); }, '-');
  return name;
}

Result<> require_kernel_name(const std::string& name) {
  const bool plain = !name.empty() && !name.starts_with('.') && !name.starts_with('-') &&
                     std::ranges::all_of(name, is_kernel_character);
  if (plain) return {};
  return fail_hint(ErrorKind::usage, fmt::format("Jupyter knows no kernel named '{}'", name),
                   "use letters, digits, '-', '_' and '.'");
}

// The folder in which Python finds ipykernel; empty where it does not.
fs::path site_packages_with_ipykernel(const fs::path& prefix) {
  const auto names = base::list_directory(prefix / "lib");
  if (!names) return {};
  for (const std::string& name : *names) {
    const fs::path folder = prefix / "lib" / name / "site-packages";
    if (name.starts_with("python3") && base::path_exists(folder / launcher)) return folder;
  }
  return {};
}

Result<fs::path> require_ipykernel(const EnvironmentRef& environment) {
  fs::path folder = site_packages_with_ipykernel(environment.prefix);
  if (!folder.empty()) return folder;
  const bool by_path = environment.name.find('/') != std::string::npos;
  return fail_hint(
      ErrorKind::refused, fmt::format("there is no ipykernel in {}", environment.prefix.string()),
      fmt::format("hpcenv install {} {} ipykernel", by_path ? "-p" : "-n", environment.name));
}

struct KernelFile {
  std::string display_name;
  std::string prefix;
};

// What hpcenv wrote into a kernel.json; nullopt: it did not write it.
std::optional<KernelFile> own_kernel(const fs::path& folder) {
  const auto text = base::read_file(folder / kernel_file);
  if (!text) return std::nullopt;
  const auto json = base::parse_json(*text, (folder / kernel_file).string());
  if (!json || !json->is_object()) return std::nullopt;
  const auto metadata = json->find("metadata");
  if (metadata == json->end() || !metadata->is_object()) return std::nullopt;
  const auto own = metadata->find("hpcenv");
  if (own == metadata->end() || !own->is_object()) return std::nullopt;
  return KernelFile{base::string_or(*json, "display_name"), base::string_or(*own, "prefix")};
}

Result<> require_place(const fs::path& folder, ForeignFile foreign) {
  const bool free = !base::path_exists(folder) || foreign == ForeignFile::overwrite;
  if (free || own_kernel(folder)) return {};
  return fail_hint(ErrorKind::refused,
                   fmt::format("{} is there already, and hpcenv did not write it", folder.string()),
                   "choose another name with --kernel NAME, or overwrite it with --force");
}

std::string kernel_json(const WrittenKernel& kernel, const EnvironmentRef& environment) {
  base::Json json;
  json["argv"] = kernel.argv;
  json["display_name"] = kernel.display_name;
  json["language"] = "python";
  base::Json own;
  own["environment"] = environment.name;
  own["prefix"] = environment.prefix.string();
  json["metadata"]["debugger"] = true;
  json["metadata"]["hpcenv"] = std::move(own);
  return base::dump_json(json);
}

// Jupyter shows them; without them it shows a letter.
void copy_pictures(const fs::path& packages, const fs::path& folder) {
  for (const char* name : {"logo-32x32.png", "logo-64x64.png", "logo-svg.svg"}) {
    const auto bytes = base::read_file(packages / "ipykernel" / "resources" / name);
    if (bytes) (void)base::write_file(folder / name, *bytes);
  }
}

std::vector<std::string> own_names(const fs::path& folder) {
  std::vector<std::string> own;
  if (const auto names = base::list_directory(folder)) {
    std::ranges::copy_if(*names, std::back_inserter(own), [&](const std::string& name) {
      return own_kernel(folder / name).has_value();
    });
  }
  return own;
}

}  // namespace

Result<fs::path> user_kernels(const base::Environment& environment) {
  if (const auto data = environment.get_or("JUPYTER_DATA_DIR", ""); !data.empty()) {
    return fs::path(data) / "kernels";
  }
  if (const auto data = environment.get_or("XDG_DATA_HOME", ""); !data.empty()) {
    return fs::path(data) / "jupyter" / "kernels";
  }
  if (const auto home = environment.get_or("HOME", ""); !home.empty()) {
    return fs::path(home) / ".local" / "share" / "jupyter" / "kernels";
  }
  return fail_hint(ErrorKind::usage, "HOME is not set, so where Jupyter looks is not known",
                   "say it with --into DIR");
}

Result<WrittenKernel> install_kernel(const KernelWish& wish, const Locations& locations,
                                     const LocalSeams& seams) {
  WrittenKernel kernel;
  kernel.name = wish.name.empty() ? kernel_name_of(wish.environment) : wish.name;
  HPCENV_TRY(require_kernel_name(kernel.name));
  kernel.display_name = wish.display_name.empty()
                            ? fmt::format("Python ({})", wish.environment.name)
                            : wish.display_name;
  HPCENV_ASSIGN(const fs::path packages, require_ipykernel(wish.environment));
  kernel.folder = wish.folder / kernel.name;
  HPCENV_TRY(require_place(kernel.folder, wish.foreign));
  HPCENV_ASSIGN(
      const WrapAnswer wrapped,
      wrap_programs({wish.environment, kernel.folder, {"python"}, wish.foreign}, locations, seams));
  kernel.argv = {wrapped.written.front().file.string(), "-m", "ipykernel_launcher", "-f",
                 "{connection_file}"};
  copy_pictures(packages, kernel.folder);
  HPCENV_TRY(base::write_file(kernel.folder / kernel_file, kernel_json(kernel, wish.environment)));
  return kernel;
}

Result<std::vector<KnownKernel>> known_kernels(const fs::path& folder, const Locations& locations,
                                               const LocalSeams& seams) {
  std::vector<KnownKernel> found;
  for (const std::string& name : own_names(folder)) {
    const auto file = own_kernel(folder / name);
    HPCENV_ASSIGN(const auto wrappers, known_wrappers(folder / name, locations, seams));
    const WrapperState state = wrappers.empty() ? WrapperState::unknown : wrappers.front().state;
    found.push_back({name, file->display_name, folder / name, file->prefix, state});
  }
  return found;
}

Result<> remove_kernel(const fs::path& folder, const std::string& name) {
  HPCENV_TRY(require_kernel_name(name));
  if (own_kernel(folder / name)) return base::remove_tree(folder / name);
  if (base::path_exists(folder / name)) {
    return fail_hint(ErrorKind::refused,
                     fmt::format("hpcenv did not write {}", (folder / name).string()),
                     "Jupyter removes it: jupyter kernelspec remove " + name);
  }
  Error error{ErrorKind::not_found,
              fmt::format("there is no kernel '{}' in {}", name, folder.string()),
              {},
              {}};
  const auto nearest = base::nearest_words(name, own_names(folder), 3);
  if (!nearest.empty()) error.hints.push_back("did you mean: " + base::join(nearest, ", "));
  error.hints.emplace_back("list those that hpcenv wrote with: hpcenv kernel list");
  return Failure(std::move(error));
}

}  // namespace hpcenv::ops
