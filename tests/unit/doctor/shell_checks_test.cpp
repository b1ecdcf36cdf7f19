// The group shell: a captured machine of a few files and variables a case. What the loader really
// takes (E01) is tested against the loader itself: tests/host/loader_order_test.py.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <memory>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "doctor/finding.hpp"
#include "host/captured_reader.hpp"

namespace {

using namespace hpcenv;
using doctor::Finding;
using doctor::Severity;
namespace fs = std::filesystem;

class Shell {
 public:
  Shell() {
    auto made = base::make_private_directory(fs::temp_directory_path(), "hpcenv-test-");
    REQUIRE(made);
    folder_ = *made;
    host_ = {{"hostname", "node"}, {"kernel", "6.1.0"}, {"machine", "x86_64"}};
    set("HOME", "/home/ada");
    environment.prefix = folder_ / "prefix";
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;
  ~Shell() { static_cast<void>(base::remove_tree(folder_)); }

  void set(const char* name, const std::string& value) { host_["environment"][name] = value; }
  void file(const std::string& path, const std::string& text = "") {
    const fs::path file = folder_ / ("root" + path);
    REQUIRE(base::make_directories(file.parent_path()));
    REQUIRE(base::write_file(file, text));
  }
  void file_system(const char* path, const char* type) {
    host_["file_systems"][path] = {{"type", type}, {"free_bytes", 1}, {"total_bytes", 2}};
  }
  conda::PrefixRecord& install(const char* name, const char* version) {
    conda::PrefixRecord package;
    package.record.name = name;
    package.record.version = version;
    environment.packages.push_back(package);
    return environment.packages.back();
  }

  Finding examine(std::string_view id) {
    REQUIRE(base::write_file(folder_ / "host.json", base::dump_json_line(host_)));
    const auto reader = host::open_captured_host(folder_);
    REQUIRE(reader);
    doctor::Subject subject;
    subject.profile = &profile;
    subject.reader = with_reader ? reader->get() : nullptr;
    subject.target = target;
    if (with_environment) subject.environment = &environment;
    for (const Finding& finding : doctor::examine(subject, doctor::all_checks())) {
      if (finding.id == id) return finding;
    }
    FAIL("no finding " << id);
    return {};
  }

  host::NodeProfile profile;
  prefix::PrefixState environment;
  bool with_environment = true;
  bool with_reader = true;
  std::string target;

 private:
  fs::path folder_;
  base::Json host_;
};

std::string only_command(const Finding& finding) {
  REQUIRE(finding.remedy);
  REQUIRE(finding.remedy->commands.size() == 1);
  return finding.remedy->commands[0];
}

TEST_CASE("E01 without an environment, and with one whose files are not there", "[shell]") {
  Shell shell;
  CHECK(shell.examine("E01").severity == Severity::pass);
  shell.set("LD_LIBRARY_PATH", "/apps/cuda/lib64");
  CHECK(shell.examine("E01").severity == Severity::info);
  shell.file("/apps/cuda/lib64/libcudart.so.12");
  CHECK(shell.examine("E01").severity == Severity::pass);
  conda::InstalledPath path;
  path.path = "lib/libcudart.so.12";
  shell.install("cuda-cudart", "12.9").paths = {path};
  CHECK(shell.examine("E01").severity == Severity::unavailable);
  shell.with_environment = false;
  CHECK(shell.examine("E01").text.find("-n NAME") != std::string::npos);
  shell.with_reader = false;
  shell.profile.environment.set("LD_LIBRARY_PATH", "/apps/cuda/lib64");
  CHECK(shell.examine("E01").severity == Severity::unavailable);
}

TEST_CASE("E02 preloaded libraries, the site's and the user's", "[shell]") {
  Shell shell;
  CHECK(shell.examine("E02").severity == Severity::pass);
  shell.file("/usr/lib64/libxalt_init.so");
  shell.set("LD_PRELOAD", "/usr/lib64/libxalt_init.so");
  CHECK(shell.examine("E02").severity == Severity::info);
  shell.set("LD_PRELOAD", "/usr/lib64/libxalt_init.so:libmine.so /nowhere/libtc.so");
  shell.file("/home/ada/.bashrc", "# LD_PRELOAD\nexport LD_PRELOAD=libmine.so\n");
  const Finding finding = shell.examine("E02");
  CHECK(finding.severity == Severity::warning);
  CHECK(finding.evidence ==
        std::vector<std::string>{"/nowhere/libtc.so is not there",
                                 "/home/ada/.bashrc:2: export LD_PRELOAD=libmine.so"});
  CHECK(only_command(finding) == "unset LD_PRELOAD LD_AUDIT");
  shell.set("LD_PRELOAD", "");
  shell.set("LD_AUDIT", "libaudit.so");
  CHECK(shell.examine("E02").severity == Severity::warning);
}

TEST_CASE("what is in this shell counts for a target too", "[shell]") {
  Shell shell;
  shell.target = "gpu";
  shell.set("LD_PRELOAD", "libmine.so");
  shell.profile.environment.set("PYTHONHOME", "/of/the/node");
  CHECK(shell.examine("E02").severity == Severity::warning);
  CHECK(shell.examine("E03").severity == Severity::pass);
}

TEST_CASE("E03 the worst comes first", "[shell]") {
  Shell shell;
  shell.install("python", "3.11.2");
  CHECK(shell.examine("E03").severity == Severity::pass);
  shell.file("/home/ada/.local/lib/python3.11/site-packages/numpy/__init__.py");
  CHECK(shell.examine("E03").severity == Severity::warning);
  shell.file("/apps/python/lib/numpy/__init__.py");
  REQUIRE(base::make_directories(shell.environment.prefix / "lib/python3.11/site-packages/numpy"));
  shell.set("PYTHONPATH", "/apps/python/lib");
  shell.set("LOADEDMODULES", "python/3.9");
  const Finding finding = shell.examine("E03");
  CHECK(finding.severity == Severity::warning);
  REQUIRE(finding.evidence.size() == 2);
  CHECK(finding.evidence[0].starts_with("/apps/python/lib/numpy instead of "));
  CHECK(finding.evidence[1].find("python/3.9") != std::string::npos);
  shell.set("PYTHONHOME", "/usr");
  CHECK(shell.examine("E03").severity == Severity::failure);
}

TEST_CASE("E05 other environments: active, on PATH, only in start-up files", "[shell]") {
  Shell shell;
  CHECK(shell.examine("E05").severity == Severity::pass);
  shell.file("/home/ada/.bashrc", "x\n# >>> conda initialize >>>\n");
  shell.file("/home/ada/.condarc", "channels: [defaults]\n");
  const Finding started = shell.examine("E05");
  CHECK(started.severity == Severity::info);
  CHECK(started.evidence ==
        std::vector<std::string>{"/home/ada/.bashrc:2: # >>> conda initialize >>>",
                                 "/home/ada/.condarc: hpcenv reads it too"});
  shell.file("/opt/conda/conda-meta/history");
  shell.set("PATH", "/usr/local/bin:/opt/conda/bin:/usr/bin");
  CHECK(only_command(shell.examine("E05")) == "conda config --set auto_activate_base false");
  shell.file("/home/ada/.bashrc", "");
  CHECK(only_command(shell.examine("E05")) == "export PATH=/usr/local/bin:/usr/bin");
  shell.set("CONDA_PREFIX", "/opt/conda/envs/other");
  CHECK(only_command(shell.examine("E05")) == "conda deactivate");
  shell.with_environment = false;
  CHECK(shell.examine("E05").severity == Severity::warning);
  shell.set("CONDA_PREFIX", "/opt/conda");
  CHECK(shell.examine("E05").severity == Severity::info);
  shell.with_environment = true;
  shell.set("CONDA_PREFIX", shell.environment.prefix.native());
  shell.set("PATH", "/usr/bin");
  CHECK(shell.examine("E05").severity == Severity::pass);
  shell.with_reader = false;
  CHECK(shell.examine("E05").severity == Severity::unavailable);
}

TEST_CASE("E07 caches on a network home, where the environment uses them", "[shell]") {
  Shell shell;
  shell.install("triton", "3.6.0");
  CHECK(shell.examine("E07").severity == Severity::pass);
  shell.file_system("/home/ada", "lustre");
  CHECK(only_command(shell.examine("E07")) ==
        "export TRITON_CACHE_DIR=/tmp/\"$(id -un)\"/triton-cache");
  shell.set("SCRATCH", "/scratch/ada");
  shell.install("pytorch", "2.10");
  CHECK(only_command(shell.examine("E07")) ==
        "export TRITON_CACHE_DIR=\"$SCRATCH\"/triton-cache TORCH_HOME=\"$SCRATCH\"/torch-cache");
  shell.set("XDG_CACHE_HOME", "/scratch/ada/cache");
  CHECK(shell.examine("E07").evidence.size() == 1);
  shell.set("TRITON_CACHE_DIR", "/scratch/ada/triton");
  CHECK(shell.examine("E07").severity == Severity::pass);
  shell.with_environment = false;
  CHECK(shell.examine("E07").severity == Severity::pass);
  shell.profile.nvidia.pci_gpus = 1;
  CHECK(shell.examine("E07").evidence.at(0).find("/home/ada/.nv/ComputeCache") == 0);
  shell.with_reader = false;
  CHECK(shell.examine("E07").severity == Severity::unavailable);
}

TEST_CASE("E08 programs that come before those of the active environment", "[shell]") {
  Shell shell;
  shell.with_environment = false;
  CHECK(shell.examine("E08").severity == Severity::pass);
  shell.file("/envs/gpu/bin/python");
  shell.file("/envs/gpu/bin/nvcc");
  shell.file("/usr/local/cuda/bin/nvcc");
  shell.set("CONDA_PREFIX", "/envs/gpu");
  shell.set("PATH", "/envs/gpu/bin:/usr/local/cuda/bin");
  CHECK(shell.examine("E08").severity == Severity::pass);
  shell.set("PATH", "/usr/local/cuda/bin:/envs/gpu/bin");
  const Finding finding = shell.examine("E08");
  CHECK(finding.severity == Severity::warning);
  CHECK(finding.evidence ==
        std::vector<std::string>{"/usr/local/cuda/bin/nvcc instead of /envs/gpu/bin/nvcc"});
  CHECK(only_command(finding) == "export PATH=/envs/gpu/bin:\"$PATH\"");
  shell.set("PATH", "/usr/local/cuda/bin");
  CHECK(shell.examine("E08").evidence.at(0) == "/envs/gpu/bin/python is not on PATH");
  shell.with_environment = true;
  CHECK(shell.examine("E08").severity == Severity::pass);
  shell.with_reader = false;
  CHECK(shell.examine("E08").severity == Severity::unavailable);
}

}  // namespace
