#include "cli/recipe_page.hpp"

#include "base/text.hpp"

namespace hpcenv::cli {
namespace {

bool needs_gpu(const conda::Recipe& recipe) { return recipe.needs == conda::Needs::gpu; }

std::string create_line(const conda::Recipe& recipe, std::string_view more) {
  return fmt::format("hpcenv create -n {} --recipe {}{}{}\n", recipe.name, recipe.name, more,
                     needs_gpu(recipe) ? " --on gpu" : "");
}

std::string check_rows(const conda::Recipe& recipe) {
  std::string text = "| check | needs | at most |\n|---|---|---|\n";
  for (const conda::RecipeCheck& check : recipe.checks) {
    text += fmt::format("| {} | {} | {} s |\n", check.name,
                        check.needs == conda::Needs::gpu ? "a GPU" : "", check.timeout.count());
  }
  return text;
}

constexpr std::string_view made_by =
    "Made from the recipes in the program by `hpcenv recipes --markdown`; a test keeps it "
    "current.\n";

constexpr std::string_view about = R"(
## Using one

```sh
hpcenv create -n work --recipe python numpy pandas
hpcenv create -n both --recipe pytorch --recipe jupyter --on gpu
hpcenv test -n work
```

What is named beside the recipe is added to it; a second `--recipe` adds that one's packages. Where the channels of several
recipes come in different orders, a channel that one of them puts first stays before those behind it.

A recipe that needs a GPU is not solved for a machine without an NVIDIA driver: its packages would be those of years ago. Take a
profile on the machine that the jobs run on (`hpcenv target add gpu --partition PARTITION`) and choose with `--on gpu`; or
say which CUDA version the driver there has: `CONDA_OVERRIDE_CUDA=12.9`.

`hpcenv test -n NAME` runs the smoke tests of the recipes that the environment was made from, as `hpcenv run` would. What needs a
GPU runs where there is one, and is named as not possible elsewhere; the exit code is 1 where a check failed.

## Recipes of a site, or your own

Each file `NAME.yml` in `~/.config/hpcenv/recipes`, `$HPCENV_SITE/recipes` or `/etc/hpcenv/recipes` is a recipe, too; the first of
these folders that has the name wins, and all of them win over the program's own. A recipe is an environment file with one more section,
which conda, mamba and pixi pass over:

```yaml
name: climate
channels:
  - conda-forge
dependencies:
  - python
  - xarray
  - netcdf4
hpcenv:
  title: xarray and NetCDF
  description: What the group's notebooks need.
  needs: nothing            # or gpu: of no use without one
  tests:
    - name: read            # python: for the python of the environment
      python: |
        import xarray, netCDF4
        print("xarray", xarray.__version__)
    - name: tools           # command: for /bin/sh
      command: ncdump 2>&1 | grep -q netcdf
      timeout: 60           # seconds; 300 where it is left out
    - name: device
      needs: gpu            # left out where there is none
      command: nvidia-smi -L
```

A check passes where it exits with 0, and says with 77 that it cannot be done on this machine; the last line that it prints is shown.
It runs in an empty directory. A file that is no recipe is named by `hpcenv recipes`; the others work.
)";

}  // namespace

std::string recipe_page(const ops::FoundRecipe& found) {
  const conda::Recipe& recipe = found.recipe;
  std::string text = fmt::format("# Recipe {}\n\n{}\n{}: {}\n\n", recipe.name, made_by,
                                 recipe.title, recipe.description);
  text += needs_gpu(recipe)
              ? "It is of use on machines with an NVIDIA GPU only, and is [solved for "
                "one](README.md#using-one).\n"
              : "It needs no GPU.\n";
  text += fmt::format("\n```sh\n{}{}hpcenv test -n {}\n```\n", create_line(recipe, ""),
                      needs_gpu(recipe) ? "srun --gpus 1 " : "", recipe.name);
  text += fmt::format("\n## Smoke test\n\n{}\n## The file\n\n```yaml\n{}```\n", check_rows(recipe),
                      found.text);
  return text;
}

std::string recipe_list_page(const std::vector<ops::FoundRecipe>& recipes) {
  std::string text =
      fmt::format("# Recipes\n\n{}\n| recipe | gives | needs |\n|---|---|---|\n", made_by);
  for (const ops::FoundRecipe& found : recipes) {
    const conda::Recipe& recipe = found.recipe;
    text += fmt::format("| [{}]({}.md) | {} | {} |\n", recipe.name, recipe.name, recipe.title,
                        needs_gpu(recipe) ? "a GPU" : "");
  }
  return text + std::string(about);
}

}  // namespace hpcenv::cli
