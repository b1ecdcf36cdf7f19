#!/usr/bin/env python3
"""What sites do to jobs: submit plugins with rules of their own, modules that put libraries in front, activation scripts."""
from slurm_case import SlurmCase, run_tests

# Rules as real sites have them: an account in words of the site's own, no --mem, advice on jobs that are fine.
PLUGIN = """
function slurm_job_submit(desc, parts, uid)
  if desc.account == nil then
    slurm.log_user("Please tell us which project to charge.")
    return slurm.ERROR
  end
  if desc.min_mem_per_node ~= nil and desc.min_mem_per_node ~= slurm.NO_VAL64 then
    slurm.log_user("Do not use --mem here.")
    return slurm.ERROR
  end
  if desc.account == "silent" then
    return 2050
  end
  slurm.log_user("Thank you for travelling with us.")
  return slurm.SUCCESS
end
function slurm_job_modify(desc, rec, parts, uid)
  return slurm.SUCCESS
end
return slurm.SUCCESS
"""


class Bare(SlurmCase):
    """With an environment that is empty but for what a test puts there."""
    needs_environment = False
    prefix = "/home/alice/env"

    def setUp(self):
        super().setUp()
        self.on("alice", "sh", "-c", "mkdir -p env/conda-meta env/etc/conda/activate.d env/bin env/lib && touch env/conda-meta/history")

    def run_job(self, *command: str, **more):
        return self.submit(*command, prefix=self.prefix, **more)


class Rules(Bare):
    submit_plugin = PLUGIN

    def test_a_rule_in_the_sites_own_words(self):
        done, _ = self.run_job("true", check=1)
        self.assertIn("Slurm refuses the job: Please tell us which project to charge.", done.err)
        self.assertIn("name the account with --account", done.err)
        self.assertEqual(self.queue(), "")

    def test_an_option_that_is_unwelcome(self):
        done, _ = self.run_job("true", options=["--account", "p1", "--mem", "1G"], check=1)
        self.assertIn("Do not use --mem here.", done.err)
        self.assertIn("or leave it out", done.err)

    def test_a_refusal_without_a_word(self):
        done, _ = self.run_job("true", options=["--account", "silent"], check=1)
        self.assertIn("Slurm refuses the job: ", done.err)
        self.assertIn("hint: ", done.err)

    def test_advice_on_a_job_that_is_accepted(self):
        done, text = self.run_job("echo", "ran", options=["--account", "p1"])
        self.assertRegex(done.out, r"^[0-9]+\nran\n$")
        self.assertEqual(text, "ran\n")


class Contamination(Bare):
    def test_a_modules_library_does_not_win_and_the_drivers_still_loads(self):
        self.make_cuda_programs("/home/alice/env", "/home/alice/modules")
        loaded = {"LD_LIBRARY_PATH": "/home/alice/modules/cuda/11.8:/home/alice/modules/driver"}
        plain = self.on("alice", "srun", "/home/alice/env/bin/runpath", env=loaded).out
        self.assertEqual(plain, "the module's, driver found\n")
        for kind in ("runpath", "rpath"):
            with self.subTest(kind):
                _, text = self.run_job(kind, env=loaded, output=f"{self.directory}/{kind}")
                self.assertTrue(text.endswith("\nours, driver found\n"), text)
                self.assertIn("hpcenv: not in LD_LIBRARY_PATH: /home/alice/modules/cuda/11.8 (its libcudart.so.12 hides", text)

    def test_activation_scripts_run_on_the_node_in_order(self):
        folder = self.cluster.home / "alice/env/etc/conda/activate.d"
        (folder / "~last.sh").write_text("export ORDER=$ORDER:last\nexport NODE=$(hostname)\necho noise\n")
        (folder / "B.sh").write_text("set -e\nfalse_name=$UNSET\nexport ORDER=first\n")
        (folder / "a.sh").write_text("export ORDER=$ORDER:second\n")
        self.addCleanup(lambda: [path.unlink() for path in folder.iterdir()])
        _, text = self.run_job("sh", "-c", "echo $ORDER $NODE; exit 0", options=["--partition", "gpu"], output=f"{self.directory}/o")
        self.assertEqual(text, "noise\nfirst:second:last gpu01\n")

    def test_a_job_goes_on_without_an_activation_script_that_calls_exit(self):
        folder = self.cluster.home / "alice/env/etc/conda/activate.d"
        (folder / "bad.sh").write_text("export BAD=1\nexit 0\n")
        (folder / "good.sh").write_text("export GOOD=1\n")
        self.addCleanup(lambda: [path.unlink() for path in folder.iterdir()])
        done, text = self.run_job("sh", "-c", "echo started $GOOD ${BAD-without}")
        self.assertEqual(text, "started 1 without\n")
        self.assertIn(f"the activation script {self.prefix}/etc/conda/activate.d/bad.sh is never run: it ends the shell (exit)", done.err)
        told = self.on("alice", "/scratch/bin/hpcenv", "doctor", "P15", "-p", self.prefix).out
        self.assertIn("bad.sh: ends the shell (exit)", " ".join(told.split()))


if __name__ == "__main__":
    run_tests()
