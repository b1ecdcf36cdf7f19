"""The commands as a user types them, on a small channel."""
import json
import os
import subprocess
import unittest

import tiny_channel
from cli_case import PROGRAM, CliCase  # noqa: F401 (PROGRAM fails early where the variable is missing)


class Create(CliCase):
    def test_makes_an_environment_that_runs(self):
        done = self.run_program("create", "-n", "work", "hello", "-y", check=0)
        self.assertIn("hello", done.stdout)
        self.assertIn("hpcenv run -n work", done.stderr)
        done = self.run_program("run", "-n", "work", "hello", check=0)
        self.assertEqual(done.stdout, f"hello from {self.prefix} with work\n")

    def test_dry_run_changes_nothing_and_gives_the_plan(self):
        answer = self.run_json("create", "-n", "work", "hello", "--dry-run")
        self.assertEqual([p["name"] for p in answer["plan"]["link"]], ["greeter", "hello"])
        first = answer["plan"]["link"][0]
        for key in ("version", "build", "build_number", "channel", "subdir", "fn", "url", "sha256", "size"):
            self.assertIn(key, first)
        self.assertEqual(first["url"], f"file://{self.channel}/linux-64/greeter-2.0-0.tar.bz2")
        self.assertEqual(answer["plan"]["unlink"], [])
        self.assertEqual(len(answer["plan"]["fetch"]), 2)
        self.assertFalse(os.path.exists(self.prefix))

    def test_json_of_a_real_run_says_what_was_linked(self):
        answer = self.run_json("create", "-p", f"{self.home}/here", "hello")
        self.assertEqual(answer["prefix"], f"{self.home}/here")
        self.assertEqual(len(answer["plan"]["link"]), 2)
        self.assertTrue(os.path.exists(f"{self.home}/here/conda-meta/history"))

    def test_an_environment_that_exists_is_not_touched(self):
        self.run_program("create", "-n", "work", "greeter=1.0", check=0)
        before = self.tree(self.prefix)
        done = self.run_program("create", "-n", "work", "hello", check=1)
        self.assertIn(self.prefix, done.stderr)
        self.assertEqual(self.tree(self.prefix), before)

    def test_conflict_names_both_sides(self):
        done = self.run_program("create", "-n", "work", "picky", "greeter=2", check=1)
        self.assertIn("picky", done.stderr)
        self.assertIn("greeter", done.stderr)
        self.assertFalse(os.path.exists(self.prefix))

    def test_unknown_name_says_what_was_probably_meant(self):
        answer = self.run_json("create", "-n", "work", "greetr", check=1)
        self.assertEqual(answer["error"]["kind"], "not_found")
        self.assertIn("greeter", json.dumps(answer["error"]))

    def test_the_driver_decides(self):
        self.run_program("create", "-n", "gpu", "gpuonly", check=1, env={"CONDA_OVERRIDE_CUDA": "12.2"})
        self.run_program("create", "-n", "gpu", "gpuonly", check=0, env={"CONDA_OVERRIDE_CUDA": "13.0"})
        done = self.run_program("create", "-n", "x", "cuda-version=13", check=1, env={"CONDA_OVERRIDE_CUDA": "12.2"})
        self.assertIn("cuda-version 13.0 goes only with '__cuda >=13', but __cuda is 12.2 (set by CONDA_OVERRIDE_CUDA)", done.stderr)
        self.assertIn("what runs there: CONDA_OVERRIDE_CUDA=12.2 hpcenv create -n x cuda-version=12.2\n", done.stderr)
        done = self.run_program("create", "-n", "x", "gpuonly", check=1, env={"CONDA_OVERRIDE_CUDA": ""})
        self.assertIn("there is no __cuda (CONDA_OVERRIDE_CUDA is empty)", done.stderr)
        done = self.run_program("create", "-n", "x", "nothere", check=1)
        self.assertIn(f"channels looked in: file://{self.channel}; another one is added with -c CHANNEL", done.stderr)
        answer = self.run_json("create", "-n", "x", "cuda-version", "--dry-run", env={"CONDA_OVERRIDE_CUDA": "12.2"})
        self.assertEqual(answer["plan"]["link"][0]["version"], "12.2")

    def test_libsolv_can_be_told_to_search_by_itself(self):
        # It takes the first wish as new as it can be, where a dive sees what that costs the second.
        channel = f"{self.home}/versions"
        tiny_channel.write_repodata(channel, [
            tiny_channel.add_package(channel, "a", "1.0.1", depends=["python <3.9"]),
            tiny_channel.add_package(channel, "a", "1.0.0"),
            tiny_channel.add_package(channel, "python", "3.8"),
            tiny_channel.add_package(channel, "python", "3.12"),
        ])
        command = ["create", "-n", "x", "-c", channel, "--override-channels", "a", "python", "--dry-run"]
        for solver, versions in (("dive", ["3.12", "1.0.0"]), ("libsolv", ["3.8", "1.0.1"])):
            answer = self.run_json(*command, env={"HPCENV_SOLVER": solver})
            found = {p["name"]: p["version"] for p in answer["plan"]["link"]}
            self.assertEqual([found["python"], found["a"]], versions)
        done = self.run_program(*command, check=1, env={"HPCENV_SOLVER": "none"})
        self.assertIn("solver 'none' (from HPCENV_SOLVER)", done.stderr)

    def test_environment_file(self):
        with open(f"{self.home}/environment.yml", "w", encoding="utf-8") as out:
            out.write(f"name: fromfile\nchannels:\n  - file://{self.channel}\ndependencies:\n  - hello\n"
                      "variables:\n  COLOUR: 'it''s blue'\n")
        self.run_program("create", "-f", f"{self.home}/environment.yml", check=0)
        done = self.run_program("run", "-n", "fromfile", "printenv", "COLOUR", check=0)
        self.assertEqual(done.stdout, "it's blue\n")

    def test_environment_file_with_pip_is_refused_in_words(self):
        with open(f"{self.home}/environment.yml", "w", encoding="utf-8") as out:
            out.write("name: x\ndependencies:\n  - hello\n  - pip:\n    - requests\n")
        done = self.run_program("create", "-f", f"{self.home}/environment.yml", check=1)
        self.assertIn("pip", done.stderr)

    def test_unreadable_yaml_names_the_line(self):
        path = f"{self.home}/broken.yml"
        with open(path, "w", encoding="utf-8") as out:
            out.write("name: x\ndependencies: [hello\n")
        done = self.run_program("create", "-f", path, check=1)
        self.assertIn("broken.yml:", done.stderr)
        self.assertFalse(os.path.exists(f"{self.root}/envs"))

    def test_channel_that_is_not_there(self):
        done = self.run_program("create", "-n", "x", "--override-channels", "-c", f"file://{self.home}/nothing", "hello",
                                check=1)
        self.assertIn(f"{self.home}/nothing", done.stderr)

    def test_spec_that_cannot_be_read(self):
        answer = self.run_json("create", "-n", "x", "hello >>1", check=2)
        self.assertEqual(answer["error"]["kind"], "bad_spec")


class Run(CliCase):
    def setUp(self):
        super().setUp()
        self.run_program("create", "-n", "work", "hello", check=0)

    def test_hands_the_exit_code_on(self):
        self.run_program("run", "-n", "work", "hello", "7", check=7)

    def test_options_of_the_program_are_its_own(self):
        done = self.run_program("run", "-n", "work", "sh", "-c", "echo $0 $1", "--json", "-n", check=0)
        self.assertEqual(done.stdout, "--json -n\n")

    def test_variables_and_directory(self):
        os.makedirs(f"{self.home}/there")
        done = self.run_program("run", "-n", "work", "-e", "A=1=2", "--env", "GREETER=", "--cwd", f"{self.home}/there", "sh", "-c",
                                "echo $A [$GREETER]; pwd", check=0)
        self.assertEqual(done.stdout, f"1=2 []\n{self.home}/there\n")
        self.run_program("run", "-n", "work", "-e", "A", "true", check=2)
        done = self.run_program("run", "-n", "work", "--cwd", f"{self.home}/none", "true", check=125)
        self.assertIn(f"{self.home}/none", done.stderr)

    def test_the_active_environment_is_meant_where_none_is_named(self):
        done = self.run_program("run", "sh", "-c", "echo $CONDA_DEFAULT_ENV", check=0,
                                env={"CONDA_PREFIX": self.prefix})
        self.assertEqual(done.stdout, "work\n")
        self.run_program("run", "true", check=2)

    def test_own_failures_have_their_own_codes(self):
        done = self.run_program("run", "-n", "work", "no-such-program", check=127)
        self.assertEqual(done.stderr.splitlines()[-1], "error: no-such-program: no such program in PATH")
        self.run_program("run", "-n", "work", "/etc/passwd", check=126)
        self.run_program("run", "-n", "nowhere", "true", check=125)
        self.run_program("run", "-n", "work", check=2)

    def test_starts_from_a_clean_state(self):
        done = self.run_program("run", "-n", "work", "env", check=0,
                                env={"PYTHONPATH": "/wrong", "CONDA_PREFIX": "/other", "CONDA_SHLVL": "3",
                                     "__CONDA_SHLVL_1_X": "y", "PYTHONHOME": "/wrong"})
        variables = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        self.assertEqual(variables["CONDA_PREFIX"], self.prefix)
        self.assertEqual(variables["CONDA_SHLVL"], "1")
        self.assertEqual(variables["PYTHONNOUSERSITE"], "1")
        self.assertTrue(variables["PATH"].startswith(f"{self.prefix}/bin:"))
        for name in ("PYTHONPATH", "PYTHONHOME", "__CONDA_SHLVL_1_X"):
            self.assertNotIn(name, variables)


class Around(CliCase):
    def test_list_env_list_and_remove(self):
        self.run_program("create", "-n", "work", "hello", "greeter=1.0", check=0)
        answer = self.run_json("list", "-n", "work")
        self.assertEqual([(p["name"], p["version"]) for p in answer["packages"]], [("greeter", "1.0"), ("hello", "1.0")])
        self.assertEqual(len(self.run_json("list", "-n", "work", "hel*")["packages"]), 1)
        self.assertEqual(self.run_json("env", "list")["environments"],
                         [{"name": "work", "prefix": self.prefix, "active": False}])
        self.run_program("env", "remove", "-n", "work", check=2)
        self.assertTrue(os.path.exists(self.prefix))
        self.run_program("env", "remove", "-n", "work", "-y", check=0)
        self.assertEqual(os.listdir(f"{self.root}/envs"), [])
        self.assertEqual(self.run_json("env", "list")["environments"], [])
        with open(f"{self.home}/.conda/environments.txt", encoding="utf-8") as registry:
            self.assertEqual(registry.read(), "")

    def test_a_name_that_is_not_there_finds_the_nearest(self):
        self.run_program("create", "-n", "torch", "greeter", check=0)
        done = self.run_program("list", "-n", "tosch", check=1)
        self.assertIn("did you mean: torch", done.stderr)
        self.assertIn("hpcenv env list", done.stderr)

    def test_info_says_where_values_come_from(self):
        answer = self.run_json("info", env={"CONDA_OVERRIDE_CUDA": "12.4", "CONDA_OVERRIDE_GLIBC": "2.28"})
        self.assertEqual(answer["settings"]["root"], {"value": self.root, "source": "HPCENV_ROOT"})
        packages = {p["name"]: p for p in answer["virtual_packages"]}
        self.assertEqual(packages["__cuda"]["version"], "12.4")
        self.assertEqual(packages["__cuda"]["origin"], "overridden")
        self.assertEqual(packages["__glibc"]["version"], "2.28")
        self.assertEqual(packages["__linux"]["origin"], "detected")

    def test_condarc_gives_channels(self):
        del self.variables["HPCENV_CHANNELS"]
        with open(f"{self.home}/.condarc", "w", encoding="utf-8") as out:
            out.write(f"channels:\n  - file://{self.channel}\n")
        self.run_program("create", "-n", "work", "hello", "--dry-run", check=0)
        answer = self.run_json("info")
        self.assertEqual(answer["settings"]["channels"]["source"], f"{self.home}/.condarc")

    def test_doctor_lists_its_checks_and_judges(self):
        checks = self.run_json("doctor", "--list")["checks"]
        ids = [check["id"] for check in checks]
        self.assertEqual(len(ids), len(set(ids)), ids)
        groups = [check["group"] for check in checks]
        self.assertEqual(groups, sorted(groups, key=groups.index), "the checks of a group stand together")
        first = ["D01", "D02", "D04", "D06", "D08", "D10", "G02", "P01", "P03", "P04", "P09", "E01", "E03", "E04", "F02", "F03", "H01",
                 "S03"]
        self.assertEqual([id for id in ids if id in first], first)



class Words(CliCase):
    def commands(self):
        done = self.run_program("--help", check=0)
        lines = done.stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        return [line[2:].split("  ")[0].strip() for line in lines]

    def test_every_command_has_help_with_examples(self):
        self.assertGreaterEqual(len(self.commands()), 12)
        for command in self.commands():
            done = self.run_program(*command.split(), "--help", check=0)
            self.assertIn("Examples:", done.stdout, command)
            self.assertIn("--json", done.stdout, command)
            for line in done.stdout.splitlines():
                self.assertLessEqual(len(line), 110, line)

    def test_wrong_words_lead_on(self):
        done = self.run_program("craete", check=2)
        self.assertIn("did you mean: create", done.stderr)
        done = self.run_program("create", "--overide-channels", "x", check=2)
        self.assertIn("--override-channels", done.stderr)
        self.assertIn("hpcenv create --help", done.stderr)
        self.run_program("env", check=2)
        self.run_program(check=2)

    def test_stdout_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PROGRAM, "recipes"], env=self.variables, stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("stdout", done.stderr)

    def test_words_of_conda_lead_on(self):
        for words, told in ((["env", "create"], "create -n NAME -f"), (["shell", "init"], "shell-hook"),
                            (["uninstall", "x"], "hpcenv remove"), (["env", "update", "-f", "x"], "hpcenv update")):
            done = self.run_program(*words, check=2)
            self.assertIn(f"type instead: {''}", done.stderr)
            self.assertIn(told, done.stderr)
        self.assertIn("did you mean: env list", self.run_program("env", "lst", check=2).stderr)

    def test_help_of_a_command(self):
        self.assertEqual(self.run_program("help", "create", check=0).stdout, self.run_program("create", "--help", check=0).stdout)
        self.assertIn("env export", self.run_program("help", "env", check=0).stdout)
        self.run_program("help", "craete", check=2)

    def test_the_reference_is_current(self):
        with open(f"{os.environ['HPCENV_SOURCE_DIR']}/docs/reference/cli.md", encoding="utf-8") as file:
            written = file.read()
        self.assertEqual(self.run_program("help", "--markdown", check=0).stdout, written,
                         "make it again: hpcenv help --markdown > docs/reference/cli.md")

    def test_no_colour_off_a_terminal(self):
        done = self.run_program("doctor", env={"TERM": "xterm-256color"})
        self.assertNotIn("\x1b", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
