"""Recipes as a user meets them: the list, a site's and one's own, create --recipe, test; on a small channel."""
import os
import signal
import subprocess
import time
import unittest

from cli_case import PROGRAM, CliCase

SOURCE = os.environ["HPCENV_SOURCE_DIR"]
BUILT_IN = ["cuda-dev", "jax", "jupyter", "mpi4py", "python", "pytorch", "r", "rapids", "tensorflow"]
HELLO = """\
channels:
  - file://{channel}
dependencies:
  - hello
hpcenv:
  title: {title}
  description: Says hello.
{more}  tests:
    - name: greet
      command: hello | grep "with $CONDA_DEFAULT_ENV"
    - name: version
      command: grep 2.0 $CONDA_PREFIX/share/greeter/version
    - name: device
      needs: gpu
      command: echo ran on a GPU
"""


class RecipesCase(CliCase):
    def setUp(self):
        super().setUp()
        self.own = f"{self.home}/.config/hpcenv/recipes"
        self.site = f"{self.home}/site"
        self.variables["HPCENV_SITE"] = self.site
        os.makedirs(self.own)
        os.makedirs(f"{self.site}/recipes")

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def own_recipe(self, name="hello", title="mine", more=""):
        self.write(f"{self.own}/{name}.yml", HELLO.format(channel=self.channel, title=title, more=more))

    def history(self, name="work"):
        with open(f"{self.root}/envs/{name}/conda-meta/history", encoding="utf-8") as text:
            return text.read()


class List(RecipesCase):
    def test_those_in_the_program(self):
        recipes = self.run_json("recipes")["recipes"]
        self.assertEqual([recipe["name"] for recipe in recipes], BUILT_IN)
        for recipe in recipes:
            self.assertEqual(recipe["origin"], "built in")
            self.assertTrue(recipe["title"] and recipe["description"] and recipe["tests"], recipe)
        gpu = [recipe["name"] for recipe in recipes if recipe["needs"] == "gpu"]
        self.assertEqual(gpu, ["jax", "pytorch", "rapids", "tensorflow"])
        self.assertEqual([recipe["channels"] for recipe in recipes if recipe["name"] == "rapids"], [["rapidsai", "conda-forge"]])

    def test_a_user_beats_the_site_and_the_site_the_program(self):
        self.write(f"{self.site}/recipes/python.yml", HELLO.format(channel=self.channel, title="the site's", more=""))
        self.write(f"{self.site}/recipes/hello.yml", HELLO.format(channel=self.channel, title="the site's", more=""))
        self.own_recipe()
        recipes = {recipe["name"]: recipe for recipe in self.run_json("recipes")["recipes"]}
        self.assertEqual(sorted(recipes), sorted([*BUILT_IN, "hello"]))
        self.assertEqual((recipes["hello"]["title"], recipes["hello"]["origin"]), ("mine", f"{self.own}/hello.yml"))
        self.assertEqual(recipes["python"]["origin"], f"{self.site}/recipes/python.yml")
        text = self.run_program("recipes", check=0).stdout
        self.assertRegex(text, rf"python +the site's +{self.site}/recipes/python.yml")
        self.assertRegex(text, r"pytorch +PyTorch for NVIDIA GPUs +a GPU +built in")

    def test_a_broken_file_is_said_and_the_others_work(self):
        self.write(f"{self.own}/odd.yml", "dependencies: [hello]\nhpcenv: {title: x, blurb: y}\n")
        done = self.run_program("recipes", check=0)
        self.assertIn(f"{self.own}/odd.yml: the key 'blurb' is not known", done.stderr)
        self.assertIn("pytorch", done.stdout)
        answer = self.run_json("recipes")
        self.assertEqual(len(answer["broken"]), 1)
        self.assertEqual([recipe["name"] for recipe in answer["recipes"]], BUILT_IN)
        refused = self.run_program("create", "-n", "work", "--recipe", "odd", check=1)
        self.assertIn(f"{self.own}/odd.yml", refused.stderr)
        self.own_recipe()
        self.run_program("create", "-n", "work", "--recipe", "hello", check=0)

    def test_one_in_detail(self):
        text = self.run_program("recipes", "rapids", check=0).stdout
        for part in ("cuDF, cuML and RMM", "rapidsai, conda-forge", "cudf, cuml, rmm", "gpu (needs a GPU)"):
            self.assertIn(part, text)
        done = self.run_program("recipes", "rapid", check=1)
        self.assertIn("did you mean: rapids", done.stderr)


class Create(RecipesCase):
    def test_words_beside_the_recipe_are_added_and_it_is_remembered(self):
        self.own_recipe()
        self.run_program("create", "-n", "work", "--recipe", "hello", "picky", "greeter=1", "-y", check=0)
        self.assertIn("# recipes: ['hello']\n", self.history())
        self.run_program("install", "-n", "work", "greeter=1.0", check=0)
        self.assertEqual(self.history().count("# recipes:"), 1)
        export = self.run_program("env", "export", "-n", "work", "--from-history", check=0).stdout
        for wish in ("hello", "picky", "greeter=1"):
            self.assertIn(f"- {wish}", export)

    def test_several_recipes_make_one_environment(self):
        self.own_recipe()
        self.write(f"{self.own}/picky.yml", HELLO.format(channel=self.channel, title="t", more="").replace("- hello", "- picky"))
        self.run_program("create", "-n", "work", "--recipe", "hello", "--recipe", "picky", "-y", check=0)
        self.assertIn("# recipes: ['hello', 'picky']\n", self.history())
        answer = self.run_json("test", "-n", "work", check=1)
        found = {(check["recipe"], check["name"]): check["result"] for check in answer["checks"]}
        # picky keeps greeter below 2, and both recipes ask for 2.0.
        self.assertEqual(found[("hello", "greet")], "passed")
        self.assertEqual(found[("picky", "version")], "failed")

    def test_an_unknown_recipe_leads_on_and_leaves_nothing(self):
        answer = self.run_json("create", "-n", "work", "--recipe", "pytroch", check=1)
        self.assertEqual(answer["error"]["kind"], "not_found")
        hints = answer["error"]["hints"]
        self.assertIn("did you mean: pytorch", hints)
        self.assertIn("there are: " + ", ".join(BUILT_IN), hints)
        self.assertFalse(os.path.exists(f"{self.root}/envs"))

    def test_a_recipe_for_gpus_needs_a_driver_or_a_target(self):
        self.own_recipe(more="  needs: gpu\n")
        done = self.run_program("create", "-n", "work", "--recipe", "hello", check=1)
        self.assertIn("the recipe hello is for machines with an NVIDIA GPU", done.stderr)
        self.assertIn("then --on gpu", done.stderr)
        self.assertFalse(os.path.exists(self.prefix))
        self.run_program("create", "-n", "work", "--recipe", "hello", check=0, env={"CONDA_OVERRIDE_CUDA": "12.4"})


class Test(RecipesCase):
    def setUp(self):
        super().setUp()
        self.own_recipe()
        self.run_program("create", "-n", "work", "--recipe", "hello", "-y", check=0)

    def test_each_check_says_how_it_ended(self):
        answer = self.run_json("test", "-n", "work")
        self.assertEqual([(check["name"], check["result"]) for check in answer["checks"]][:2],
                         [("greet", "passed"), ("version", "passed")])
        device = answer["checks"][2]
        if not answer["gpu"]["usable"]:
            self.assertEqual(device["result"], "not_possible")
            self.assertIn(answer["gpu"]["text"], device["reason"])
        self.assertEqual((answer["passed"] + answer["not_possible"], answer["failed"]), (3, 0))
        self.assertEqual(answer["prefix"], self.prefix)

    def test_the_text_names_what_is_left_and_where_it_runs(self):
        done = self.run_program("test", "-n", "work", check=0, env={"CUDA_VISIBLE_DEVICES": ""})
        self.assertRegex(done.stdout, r"passed +hello: greet +\d+\.\d s  hello from .* with work")
        self.assertRegex(done.stdout, r"not possible +hello: device +it needs a GPU: ")
        self.assertIn("2 passed, 0 failed, 1 not possible here", done.stdout)
        self.assertIn("srun --gpus 1 hpcenv test -n work", done.stdout)

    def test_a_failure_shows_its_last_lines_and_leaves_with_1(self):
        os.unlink(f"{self.prefix}/share/greeter/version")
        done = self.run_program("test", "-n", "work", check=1)
        self.assertRegex(done.stdout, r"failed +hello: version .* exit code 2")
        self.assertIn("No such file", done.stdout)
        answer = self.run_json("test", "-p", self.prefix, check=1)
        self.assertEqual((answer["failed"], answer["checks"][1]["reason"]), (1, "exit code 2"))
        self.assertIn("No such file", "\n".join(answer["checks"][1]["output"]))

    def test_another_recipe_can_be_named(self):
        self.write(f"{self.own}/other.yml", "dependencies: [hello]\nhpcenv:\n  title: t\n  description: d\n  tests:\n"
                                            "    - {name: slow, command: sleep 100}\n")
        answer = self.run_json("test", "-n", "work", "--recipe", "other", "--timeout", "1", check=1)
        self.assertEqual([check["reason"] for check in answer["checks"]], ["not done within 1 s"])
        self.run_program("test", "-n", "work", "--timeout", "soon", check=2)

    def test_what_it_cannot_test(self):
        self.run_program("create", "-n", "plain", "greeter", "-y", check=0)
        done = self.run_program("test", "-n", "plain", check=1)
        self.assertIn("was made from no recipe", done.stderr)
        self.assertIn("--recipe NAME", done.stderr)
        os.unlink(f"{self.own}/hello.yml")
        self.assertIn("there is no recipe 'hello'", self.run_program("test", "-n", "work", check=1).stderr)
        self.assertIn("no environment", self.run_program("test", "-n", "none", check=1).stderr)

    def test_an_interrupt_ends_the_check_and_leaves_no_directory(self):
        self.write(f"{self.own}/hello.yml", "dependencies: [hello]\nhpcenv:\n  title: t\n  description: d\n  tests:\n"
                                            f"    - {{name: slow, command: 'touch {self.home}/started; sleep 100'}}\n")
        os.makedirs(f"{self.home}/tmp")
        with subprocess.Popen([PROGRAM, "test", "-n", "work"], env={**self.variables, "TMPDIR": f"{self.home}/tmp"},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            for _ in range(600):
                if os.path.exists(f"{self.home}/started"):
                    break
                time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
        self.assertEqual(child.returncode, 130)
        self.assertEqual(os.listdir(f"{self.home}/tmp"), [])


class Pages(CliCase):
    def test_the_pages_are_those_that_the_program_prints(self):
        folder = f"{SOURCE}/docs/reference/recipes"
        self.assertEqual(sorted(os.listdir(folder)), sorted(["README.md", *(f"{name}.md" for name in BUILT_IN)]))
        for file in os.listdir(folder):
            words = [] if file == "README.md" else [file.removesuffix(".md")]
            with open(f"{folder}/{file}", encoding="utf-8") as page:
                again = f"make it again: hpcenv {' '.join(['recipes', *words, '--markdown'])} > docs/reference/recipes/{file}"
                self.assertEqual(self.run_program("recipes", *words, "--markdown", check=0).stdout, page.read(), again)

    def test_the_recipe_of_the_page_can_be_read(self):
        with open(f"{SOURCE}/docs/reference/recipes/README.md", encoding="utf-8") as page:
            text = page.read().split("```yaml\n")[1].split("```")[0]
        os.makedirs(f"{self.home}/.config/hpcenv/recipes")
        with open(f"{self.home}/.config/hpcenv/recipes/climate.yml", "w", encoding="utf-8") as out:
            out.write(text)
        answer = self.run_json("recipes", "climate")
        self.assertEqual(len(answer["recipes"][0]["tests"]), 3)


if __name__ == "__main__":
    unittest.main()
