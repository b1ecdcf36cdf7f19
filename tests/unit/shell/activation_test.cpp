#include "shell/activation.hpp"

#include <catch2/catch_test_macros.hpp>

namespace hpcenv::shell {
namespace {

Activation example() {
  ActivationInput input;
  input.prefix = "/envs/torch";
  input.environment_name = "torch";
  return activation_of(input);
}

base::Environment environment(std::map<std::string, std::string, std::less<>> variables) {
  return base::Environment(std::move(variables));
}

}  // namespace

TEST_CASE("apply starts from a clean state") {
  const auto after = apply(example(), environment({{"CONDA_PREFIX", "/opt/conda"},
                                                   {"CONDA_PREFIX_1", "/opt/conda/envs/a"},
                                                   {"CONDA_SHLVL", "2"},
                                                   {"CONDA_EXE", "/opt/conda/bin/conda"},
                                                   {"CONDA_OVERRIDE_CUDA", "12.2"},
                                                   {"__CONDA_SHLVL_1_X", "y"},
                                                   {"_CE_M", ""},
                                                   {"MAMBA_ROOT_PREFIX", "/opt/mamba"},
                                                   {"VIRTUAL_ENV", "/home/a/venv"},
                                                   {"PYTHONPATH", "/wrong"},
                                                   {"PYTHONHOME", "/wrong"},
                                                   {"BASH_FUNC_conda%%", "() { false"},
                                                   {"BASH_FUNC___conda_exe()", "() { false; }"},
                                                   {"BASH_FUNC_module%%", "() { :; }"},
                                                   {"WANDB_API_KEY", "k"},
                                                   {"PATH",
                                                    "/home/a/venv/bin:/opt/conda/envs/a/bin:/opt/"
                                                    "conda/condabin:/opt/conda/bin:/usr/bin"}}));
  CHECK(after.get("PATH") == "/envs/torch/bin:/usr/bin");
  CHECK(after.get("CONDA_PREFIX") == "/envs/torch");
  CHECK(after.get("CONDA_DEFAULT_ENV") == "torch");
  CHECK(after.get("CONDA_SHLVL") == "1");
  CHECK(after.get("PYTHONNOUSERSITE") == "1");
  CHECK(after.get("CONDA_OVERRIDE_CUDA") == "12.2");
  CHECK(after.get("WANDB_API_KEY") == "k");
  CHECK(after.has("BASH_FUNC_module%%"));
  for (const char* name : {"CONDA_PREFIX_1", "CONDA_EXE", "__CONDA_SHLVL_1_X", "_CE_M",
                           "MAMBA_ROOT_PREFIX", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME",
                           "BASH_FUNC_conda%%", "BASH_FUNC___conda_exe()"}) {
    INFO(name);
    CHECK_FALSE(after.has(name));
  }
}

TEST_CASE("apply leaves system directories in PATH and knows a PATH that is missing") {
  const auto after = apply(
      example(), environment({{"CONDA_PREFIX", "/usr/local"}, {"PATH", "/usr/local/bin:/bin"}}));
  CHECK(after.get("PATH") == "/envs/torch/bin:/usr/local/bin:/bin");
  CHECK(apply(example(), environment({})).get("PATH") ==
        "/envs/torch/bin:/usr/local/bin:/usr/bin:/bin");
}

TEST_CASE("apply twice is apply once") {
  const auto once = apply(example(), environment({{"PATH", "/usr/bin"}}));
  CHECK(apply(example(), once).all() == once.all());
}

TEST_CASE("apply asks the disk about lists") {
  DiskLook look;
  look.is_environment = [](const std::string& directory) { return directory == "/apps/anaconda"; };
  look.shadows = [](const std::string& directory, const std::string& libraries) {
    return directory == "/apps/cuda/11.8/lib64" && libraries == "/envs/torch/lib";
  };
  look.exists = [](const std::string& path) { return path == "/envs/torch/lib/libgomp.so.1"; };
  const auto after =
      apply(example(),
            environment({{"PATH", "/apps/anaconda/bin:/usr/bin"},
                         {"LD_LIBRARY_PATH", "/apps/cuda/11.8/lib64:/usr/local/nvidia/lib64"},
                         {"LD_PRELOAD", "/apps/lib/libgomp.so.1 /apps/libxalt.so"}}),
            look);
  CHECK(after.get("PATH") == "/envs/torch/bin:/usr/bin");
  CHECK(after.get("LD_LIBRARY_PATH") == "/usr/local/nvidia/lib64");
  CHECK(after.get("LD_PRELOAD") == "/apps/libxalt.so");
  const auto emptied =
      apply(example(), environment({{"LD_LIBRARY_PATH", "/apps/cuda/11.8/lib64"}}), look);
  CHECK_FALSE(emptied.has("LD_LIBRARY_PATH"));
}

TEST_CASE("an environment's own variables come last, PATH is reserved") {
  ActivationInput input;
  input.prefix = "/envs/a";
  input.variables = {{"LD_LIBRARY_PATH", "/mine"}, {"PATH", "/evil"}, {"GONE", std::nullopt}};
  input.live_scripts = {"/envs/a/etc/conda/activate.d/~z.sh", "/envs/a/etc/conda/activate.d/B.sh",
                        "/envs/a/etc/conda/activate.d/a.sh"};
  const Activation activation = activation_of(input);
  CHECK(activation.live_scripts == std::vector<std::string>{"/envs/a/etc/conda/activate.d/B.sh",
                                                            "/envs/a/etc/conda/activate.d/a.sh",
                                                            "/envs/a/etc/conda/activate.d/~z.sh"});
  const auto after = apply(activation, environment({{"GONE", "1"}, {"PATH", "/usr/bin"}}));
  CHECK(after.get("LD_LIBRARY_PATH") == "/mine");
  CHECK(after.get("PATH") == "/envs/a/bin:/usr/bin");
  CHECK_FALSE(after.has("GONE"));
  CHECK(after.get("CONDA_DEFAULT_ENV") == "/envs/a");
}

TEST_CASE("names that a shell can have") {
  CHECK(is_variable_name("A_1"));
  CHECK(is_variable_name("_"));
  for (const char* name : {"", "1A", "A.B", "A B", "A;B", "BASH_FUNC_x%%", "Ä"}) {
    INFO(name);
    CHECK_FALSE(is_variable_name(name));
  }
}

}  // namespace hpcenv::shell
