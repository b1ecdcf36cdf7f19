#include "conda/history.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

namespace hpcenv::conda {
namespace {

using Texts = std::vector<std::string>;

/// "name: text" of every wish that is left at the end.
Texts wishes(std::string_view history) {
  Texts texts;
  for (const RequestedSpec& spec : requested_specs(parse_history(history))) {
    texts.push_back(spec.name + ": " + spec.text);
  }
  return texts;
}

// The shapes below are those of real prefixes: conda 26.1 (create, install, remove), conda 4.12 as
// an installer wrote it, conda 4.3, mamba 0.x and micromamba 2.

constexpr std::string_view conda_26 = R"(==> 2026-04-01 16:26:51 <==
# cmd: /home/u/miniconda/bin/conda create -n work xz 'python=3.11' ca-certificates --yes
# conda version: 26.1.1
+conda-forge/noarch::ca-certificates-2026.2.25-hbd8a1cb_0
+conda-forge/linux-64::xz-5.8.2-hd0f0c4f_0
# update specs: ['ca-certificates', 'python=3.11', 'xz']
==> 2026-04-01 16:27:37 <==
# cmd: /home/u/miniconda/bin/conda remove -n work ca-certificates --yes
# conda version: 26.1.1
-conda-forge/noarch::ca-certificates-2026.2.25-hbd8a1cb_0
# remove specs: ['ca-certificates']
==> 2026-04-02 08:00:00 <==
# cmd: /home/u/miniconda/bin/conda install -n work python=3.12
# conda version: 26.1.1
-conda-forge/linux-64::python-3.11.9-hb806964_0_cpython
+conda-forge/linux-64::python-3.12.3-hab00c5b_0_cpython
# update specs: ["python[version='>=3.12,<3.13.0a0']"]
# neutered specs: ['xz==5.8.2']
)";

TEST_CASE("the history of today's conda gives the wishes that are left") {
  CHECK(wishes(conda_26) == Texts{"python: python[version='>=3.12,<3.13.0a0']", "xz: xz==5.8.2"});
}

TEST_CASE("blocks keep what was done and by whom") {
  const auto blocks = parse_history(conda_26);
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].time == 1775060811);
  CHECK(blocks[0].tool == "conda 26.1.1");
  CHECK(blocks[0].command.ends_with("ca-certificates --yes"));
  CHECK(blocks[0].linked == Texts{"conda-forge/noarch::ca-certificates-2026.2.25-hbd8a1cb_0",
                                  "conda-forge/linux-64::xz-5.8.2-hd0f0c4f_0"});
  CHECK(blocks[1].unlinked == Texts{"conda-forge/noarch::ca-certificates-2026.2.25-hbd8a1cb_0"});
  CHECK(blocks[1].remove_specs == Texts{"ca-certificates"});
}

TEST_CASE("mamba writes JSON texts and empty lists") {
  CHECK(wishes(R"(==> 2021-11-29 11:06:19 <==
# cmd: mamba
# conda version: 3.8.0
+https://conda.anaconda.org/conda-forge/linux-64::xtl-0.7.4-h4bd325d_0
# update specs: ["xtensor", "xtl >=0.7"]
# neutered specs: []
# remove specs: []
)") == Texts{"xtensor: xtensor", "xtl: xtl >=0.7"});
}

TEST_CASE("an installer's block has no version line") {
  CHECK(wishes(R"(==> 2022-05-31 20:22:34 <==
# cmd: constructor /tmp/x/Miniforge3/ --output-dir /tmp/x
+conda-forge::python-3.9.13-hc596b02_0_cpython
# update specs: ['python=3.9', 'conda==4.12.0', 'pip']

)") == Texts{"conda: conda==4.12.0", "pip: pip", "python: python=3.9"});
}

TEST_CASE("before conda 4.4 specs stood without brackets and packages without a sign") {
  constexpr std::string_view old = R"(==> 2016-02-18 21:38:47 <==
conda-3.19.1-py27_0
python-2.7.11-0
==> 2016-02-18 22:53:20 <==
# cmd: /opt/anaconda/bin/conda install pyflakes
+pyflakes-1.0.0-py27_0
# install specs: pyflakes,conda,python 2.7*,numpy >=1.5.1,<2.0,mkl@
==> 2016-02-19 00:00:00 <==
# cmd: conda remove pyflakes
-pyflakes-1.0.0-py27_0
# remove specs: pyflakes
)";
  CHECK(wishes(old) == Texts{"conda: conda", "numpy: numpy >=1.5.1,<2.0", "python: python 2.7*"});
  CHECK(parse_history(old)[0].linked == Texts{"conda-3.19.1-py27_0", "python-2.7.11-0"});
}

TEST_CASE("python 2's texts and escapes are read") {
  CHECK(
      wishes("==> 2017-01-01 00:00:00 <==\n# update specs: [u'a', 'b[build=\\'x\\']', \"c\"]\n") ==
      Texts{"a: a", "b: b[build='x']", "c: c"});
}

TEST_CASE("what cannot be read is left out, never refused") {
  CHECK(parse_history("").empty());
  CHECK(parse_history("+early-1-0\n# update specs: ['early']\n").empty());
  CHECK(wishes("==> soon <==\n# update specs: ['a', 'b\n") == Texts{"a: a"});
  CHECK(wishes("==> soon <==\n# update specs: ['a >>1', '*', 'c']\n") == Texts{"c: c"});
  CHECK(wishes("==> soon <==\n# update specs:\n# update\n#\n").empty());
  CHECK(parse_history("==> soon <==\n")[0].time == 0);
}

TEST_CASE("what hpcenv writes reads back") {
  HistoryBlock block;
  block.time = 1700000000;
  block.command = "hpcenv install -n x a";
  block.tool = "hpcenv 0.1.0";
  block.linked = {"c/linux-64::a-2-0"};
  block.unlinked = {"c/linux-64::a-1-0"};
  block.update_specs = {"a[build='x']", "b=1"};
  block.remove_specs = {"c"};
  block.neutered_specs = {"d"};
  const auto blocks = parse_history(history_text(block));
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].time == block.time);
  CHECK(blocks[0].command == block.command);
  CHECK(blocks[0].tool == block.tool);
  CHECK(blocks[0].linked == block.linked);
  CHECK(blocks[0].unlinked == block.unlinked);
  CHECK(blocks[0].update_specs == block.update_specs);
  CHECK(blocks[0].remove_specs == block.remove_specs);
  CHECK(blocks[0].neutered_specs == block.neutered_specs);
}

TEST_CASE("recipes stand in the history, each once") {
  HistoryBlock block;
  block.recipes = {"pytorch", "it's"};
  block.update_specs = {"pytorch-gpu"};
  const std::string text = history_text(block);
  CHECK(text.find("# recipes: ['pytorch', 'it\\'s']\n") != std::string::npos);
  const auto blocks =
      parse_history(text + text + "==> 2026-01-01 00:00:00 <==\n# recipes: ['r']\n");
  CHECK(recipes_of(blocks) == Texts{"pytorch", "it's", "r"});
  CHECK(wishes(text) == Texts{"pytorch-gpu: pytorch-gpu"});
  CHECK(history_text(HistoryBlock{}).find("recipes") == std::string::npos);
}

}  // namespace
}  // namespace hpcenv::conda
