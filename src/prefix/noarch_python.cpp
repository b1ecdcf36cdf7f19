#include "prefix/noarch_python.hpp"

#include <vector>

#include "base/text.hpp"
#include "conda/paths_json.hpp"
#include "prefix/relocate.hpp"

namespace hpcenv::prefix {

namespace {

constexpr std::string_view site_packages_folder = "site-packages/";
constexpr std::string_view python_scripts_folder = "python-scripts/";

Result<PythonFacts> facts_of(const conda::PackageRecord& python) {
  const std::vector<std::string_view> parts = base::split(python.version, '.');
  if (parts.size() < 2) {
    return fail(ErrorKind::refused, "python {} names no minor version", python.version);
  }
  PythonFacts facts;
  facts.minor = fmt::format("{}.{}", parts[0], parts[1]);
  facts.program = "bin/python" + facts.minor;
  facts.site_packages = python.python_site_packages_path;
  if (facts.site_packages.empty()) {
    // Builds without the GIL that were made before CEP 17 tell it by their build string alone.
    const bool threaded = python.build.ends_with(fmt::format("_cp{}{}t", parts[0], parts[1]));
    facts.site_packages =
        fmt::format("lib/python{}{}/site-packages", facts.minor, threaded ? "t" : "");
  }
  if (!conda::is_safe_relative_path(facts.site_packages) ||
      !conda::is_safe_relative_path(facts.program)) {
    return fail(ErrorKind::refused, "the site-packages path '{}' of {} leads out of the prefix",
                facts.site_packages, python.dist_name());
  }
  return facts;
}

}  // namespace

Result<std::optional<PythonFacts>> python_facts(std::span<const conda::PackageRecord> records) {
  for (const conda::PackageRecord& record : records) {
    if (record.name != "python") continue;
    HPCENV_ASSIGN(PythonFacts facts, facts_of(record));
    return std::optional<PythonFacts>(std::move(facts));
  }
  return std::optional<PythonFacts>();
}

std::string noarch_target(std::string_view path, const PythonFacts& python) {
  if (path.starts_with(site_packages_folder)) {
    return fmt::format("{}/{}", python.site_packages, path.substr(site_packages_folder.size()));
  }
  if (path.starts_with(python_scripts_folder)) {
    return fmt::format("bin/{}", path.substr(python_scripts_folder.size()));
  }
  return std::string(path);
}

std::string entry_point_script(const conda::EntryPoint& entry_point, const PythonFacts& python,
                               const std::filesystem::path& prefix) {
  const std::string interpreter = (prefix / python.program).native();
  const std::string_view function = entry_point.function;
  const std::string_view imported = function.substr(0, function.find('.'));
  return fmt::format(
      "{}\n"
      "import sys\n"
      "\n"
      "from {} import {}\n"
      "\n"
      "if __name__ == \"__main__\":\n"
      "    for ending in (\"-script.py\", \"-script.pyw\", \".exe\"):\n"
      "        if sys.argv[0].endswith(ending):\n"
      "            sys.argv[0] = sys.argv[0][: -len(ending)]\n"
      "    sys.exit({}())\n",
      working_shebang(interpreter, "").text, entry_point.module, imported, function);
}

}  // namespace hpcenv::prefix
