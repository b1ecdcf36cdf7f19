#!/usr/bin/env python3
"""`hpcenv target add` at sites with rules of their own: what it finds out by itself, and what it says where it cannot."""
import json
import os
import pathlib
import pty
import select
import subprocess

import cluster_config as config
from slurm_case import HPCENV, LOGIN, run_tests, skip_without_modules
from target_test import TargetCase

# Each partition is a site.
RULES = """
local function gpus(desc)
  local node = desc.tres_per_node or desc.gres
  return node, desc.tres_per_job
end
local rules = {}
function rules.tell(desc)
  if desc.account == nil then return "Please tell us which project to charge." end
end
function rules.silent(desc)
  if desc.account == nil then return 2050 end
end
function rules.chatty(desc)
  slurm.log_user("Maintenance on Friday. Account usage: 12 of 100 GPU hours.")
end
function rules.strict(desc)
  if desc.qos == nil then return "A QOS is needed: short or long." end
  if desc.time_limit == slurm.NO_VAL then return "A walltime is needed." end
end
function rules.nomem(desc)
  if desc.min_mem_per_node ~= nil and desc.min_mem_per_node ~= slurm.NO_VAL64 then return "Do not use --mem here." end
end
function rules.needmem(desc)
  if desc.min_mem_per_node == nil or desc.min_mem_per_node == slurm.NO_VAL64 then return "Jobs must ask for memory." end
end
function rules.gresonly(desc)
  local node, job = gpus(desc)
  if job ~= nil or node == nil then return "Ask for GPUs with --gres=gpu:N, not otherwise." end
end
function rules.gpusonly(desc)
  local node, job = gpus(desc)
  if job == nil then return "We do not use gres here, ask with --gpus=N" end
end
function rules.nogpus(desc)
  local node, job = gpus(desc)
  if job ~= nil or node ~= nil then return "GPUs come with the node: leave GPU options out." end
end
function rules.needsgpu(desc)
  local node = gpus(desc)
  if node == nil then return "This partition is for GPU jobs only." end
  if node == "gres:gpu:1" then desc.tres_per_node = "gres:gpu:a100:1" end
end
function rules.nonames(desc)
  if desc.req_nodes ~= nil then return "Do not ask for nodes by name (--nodelist)." end
end
function rules.puzzle(desc)
  return "The moon is in the wrong house."
end
function rules.taken(desc)
  if desc.account == "other" then return "Account other has no budget left." end
end
function slurm_job_submit(desc, parts, uid)
  if desc.partition == nil then
    slurm.log_user("Name a partition, please.")
    return slurm.ERROR
  end
  local rule = rules[desc.partition]
  local said = rule and rule(desc)
  if type(said) == "number" then return said end
  if said then
    slurm.log_user(said)
    return slurm.ERROR
  end
  return slurm.SUCCESS
end
function slurm_job_modify(desc, rec, parts, uid) return slurm.SUCCESS end
return slurm.SUCCESS
"""
PARTITIONS = ("tell", "silent", "chatty", "strict", "nomem", "needmem", "gresonly", "gpusonly", "nogpus", "needsgpu", "nonames", "puzzle", "taken")


def at_a_terminal(words: list[str], prompt: bytes, answer: bytes) -> tuple[int, str]:
    """The exit code of a command at a terminal, and what it showed; it gets the answer at the prompt."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(words[0], words)
    said = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            said += os.read(terminal, 4096)
        except OSError:
            break
        if prompt in said and answer:
            os.write(terminal, answer)
            answer = b""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode(errors="replace")


class SiteCase(TargetCase):
    """With an environment without packages, for jobs on the targets."""
    static_program = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.on(LOGIN, "alice", "sh", "-c", "mkdir -p -m 755 /scratch/env/conda-meta && touch /scratch/env/conda-meta/history")

    def tearDown(self):
        self.assertEqual(self.leftovers(), [])

    def use(self, target: str, gpu: str = "0", env=None):
        """A job and a session get to the target, with the GPU that it promises."""
        job = ("-p", "/scratch/env", "--on", target)
        done = self.on("alice", "sh", "-c", 'cd /scratch && exec "$@"', "sh", HPCENV, "slurm", "submit", *job, "--wait", "--", "sh", "-c",
                       "echo $CONDA_PREFIX $CUDA_VISIBLE_DEVICES", env=env)
        self.assertIn(f"/scratch/env {gpu}".strip() + "\n", done.out)
        words = self.cluster.command(LOGIN, "alice", ["env", *(f"{name}={value}" for name, value in (env or {}).items()),
                                                      "sh", "-c", 'cd /scratch && exec "$@"', "sh", HPCENV, "slurm", "shell", *job])
        code, said = at_a_terminal(words, b"leave it with: exit", b"echo on-$CUDA_VISIBLE_DEVICES-; exit 7\n")
        self.assertEqual(code, 7, said)
        self.assertIn(f"on-{gpu}-", said)


class Rules(SiteCase):
    submit_plugin = RULES
    site = {"nodes": (config.Node("cpu01"), config.Node("gpu01", 2, features="a100,old"), config.Node("gpu02", 2, features="a100,new")),
            "partitions": (config.Partition("cpu", "cpu01", "Default=YES OverSubscribe=EXCLUSIVE MaxTime=02:00:00"),
                           config.Partition("closed", "gpu01", "AllowAccounts=physics,art"),
                           *(config.Partition(name, "gpu01,gpu02") for name in PARTITIONS))}

    @staticmethod
    def tried(answer: dict) -> list[str]:
        return [note for note in answer["notes"] if "; tried " in note]

    def reach_of(self, partition: str, *options: str, env=None) -> dict:
        self.answer = self.add(partition, "--partition", partition, *options, env=env)
        return self.reach(partition)

    def test_01_an_account_in_words_of_the_sites_own(self):
        done = self.target("add", "tell", "--partition", "tell", check=1)
        self.assertIn("Slurm refuses the job that would look at the node: Please tell us which project to charge.", done.err)
        self.assertIn("give --account NAME: hpcenv target add tell --partition tell --account NAME", done.err)
        self.assertEqual(self.reach_of("tell", "--account", "p1")["account"], ("p1", "user"))

    def test_01_somebody_at_a_terminal_is_asked(self):
        words = self.cluster.command(LOGIN, "alice", ["env", "SCRATCH=/scratch", HPCENV, "target", "add", "asked", "--partition", "tell"])
        code, said = at_a_terminal(words, b"The site wants an account: ", b"Proj1\n")
        self.assertEqual(code, 0, said)
        self.assertEqual(self.reach("asked")["account"], ("Proj1", "asked"))
        self.assertRegex(self.target("show", "asked").out, r"\n +account +Proj1 +you, when asked\n")

    def test_02_a_refusal_without_a_word(self):
        done = self.target("add", "silent", "--partition", "silent", check=1)
        self.assertIn("Job violates accounting/QOS policy", done.err)
        self.assertIn("hpcenv target add silent --partition silent --account NAME", done.err)
        self.reach_of("silent", "--account", "p1")

    def test_03_advice_on_a_job_that_is_accepted(self):
        self.assertEqual(self.reach_of("chatty")["gpu_option"], ("gres", "slurm"))
        self.assertEqual(self.tried(self.answer), [])
        self.use("chatty")

    def test_04_options_that_are_demanded_one_at_a_time(self):
        done = self.target("add", "strict", "--gpus", "1", check=1)
        self.assertIn("give --partition NAME: hpcenv target add strict --gpus 1 --partition NAME", done.err)
        done = self.target("add", "strict", "--partition", "strict", check=1)
        self.assertIn("A QOS is needed: short or long.", done.err)
        self.assertIn("give --qos NAME: ", done.err)
        reach = self.reach_of("strict", "--qos", "short", "--time", "30")
        self.assertEqual((reach["qos"], reach["time"]), (("short", "user"), ("30", "user")))
        self.use("strict")

    def test_05_memory(self):
        self.assertNotIn("memory", self.reach_of("nomem"))
        self.assertEqual(self.reach_of("needmem")["memory"], ("4G", "plugin"))
        self.use("nomem")
        self.use("needmem")

    def test_06_spellings_of_a_gpu_request(self):
        self.assertEqual(self.reach_of("gresonly")["gpu_option"], ("gres", "slurm"))
        self.assertEqual(self.reach_of("gpusonly")["gpu_option"], ("gpus", "plugin"))
        self.assertIn("tried --gpus=a100:1 in place of --gres=gpu:a100:1", self.tried(self.answer)[0])
        self.assertEqual(self.reach_of("nogpus")["gpu_option"], ("none", "plugin"))
        self.use("gresonly")
        self.use("gpusonly")
        self.use("nogpus", gpu="")
        # Asked again, the target knows.
        again = json.loads(self.target("refresh", "gpusonly", "--json").out)
        self.assertEqual((self.tried(again), again["changes"]), ([], []))
        self.assertEqual(self.reach("gpusonly")["gpu_option"], ("gpus", "plugin"))

    def test_07_a_partition_that_wants_gpus_and_their_type(self):
        reach = self.reach_of("needsgpu")
        self.assertEqual((reach["gpu_option"], reach["gpu_type"]), (("gres", "slurm"), ("a100", "slurm")))
        self.use("needsgpu")

    def test_08_nodes_are_not_asked_for_by_name(self):
        reach = self.reach_of("nonames", "--all-nodes")
        self.assertEqual(reach["pick_node"], ("constraint", "plugin"))
        self.assertIn("nodes may not be asked for by name here, so one of each kind is looked at", self.answer["notes"])
        self.assertNotIn("constraint", reach)
        again = json.loads(self.target("refresh", "nonames", "--json").out)
        self.assertEqual(len(again["notes"]), 1)
        self.use("nonames")

    def test_09_a_default_partition_without_gpus_that_gives_whole_nodes(self):
        reach = self.reach_of("cpu")
        self.assertEqual((reach["gpu_option"], reach["whole_node"]), (("none", "slurm"), ("implied", "slurm")))
        self.use("cpu", gpu="")

    def test_11_accounts_without_a_database(self):
        done = self.target("add", "closed", "--partition", "closed", check=1)
        self.assertIn("partition closed takes jobs of these accounts only: physics, art", done.err)
        self.assertIn("--account NAME", done.err)
        # Slurm knows nobody's account without a database: the job would wait for ever, and is cancelled.
        # (24.11 believes the name.)
        done = self.target("add", "closed", "--partition", "closed", "--account", "art", check=None)
        if not self.on("alice", "sinfo", "--version").out.startswith("slurm-wlm 22."):
            self.assertEqual((done.code, self.reach("closed")["account"]), (0, ("art", "user")), done.err)
            return
        self.assertEqual(done.code, 1)
        self.assertRegex(done.err, r"error: job \d+ would wait for ever \(Job's account not known, so it can't use this partition")
        self.assertIn("hint: name an --account that may use the partition, or another --partition", done.err)

    def test_12_variables_of_the_login_shell(self):
        for variables in ({"SBATCH_EXPORT": "NONE"}, {"SLURM_EXPORT_ENV": "NONE"}, {"SBATCH_PARTITION": "cpu", "SBATCH_TIMELIMIT": "9-0"},
                          {"SBATCH_WAIT": "1"}, {"SBATCH_OUTPUT": "/nothing/x"}):
            with self.subTest(variables):
                self.reach_of("chatty", env=variables)
                if any("EXPORT" in name for name in variables):
                    self.use("chatty", env=variables)
        self.assertEqual(self.reach_of("chatty", env={"SBATCH_ACCOUNT": "other"})["account"], ("other", "user"))
        self.assertNotIn("account", self.reach_of("taken", env={"SBATCH_ACCOUNT": "other"}))

    def test_the_sites_file_knows(self):
        self.on("alice", "mkdir", "-p", "/scratch/site")
        (self.cluster.scratch / "site/slurm.yml").write_text(
            "defaults: {partition: tell, account: p9, gpu_option: gpus, time: 20, probe_partition: chatty, mpi: pmi2}\n")
        answer = self.add("filed", "--gpus", "2", env={"HPCENV_SITE": "/scratch/site"})
        reach = self.reach("filed")
        self.assertEqual({key: reach[key] for key in ("partition", "account", "gpu_option", "time", "mpi", "probe_partition")},
                         {"partition": ("tell", "site_file"), "account": ("p9", "site_file"), "gpu_option": ("gpus", "site_file"),
                          "time": ("20", "site_file"), "mpi": ("pmi2", "site_file"), "probe_partition": ("chatty", "site_file")})
        self.assertEqual(reach["gpus"], ("2", "user"))
        self.assertEqual(answer["notes"], ["of 2 kinds of nodes that jobs may land on one is looked at; --per-feature looks at one of each, "
                                           "--constraint chooses"])
        self.add("mine", "--account", "p1", env={"HPCENV_SITE": "/scratch/site"})
        self.assertEqual(self.reach("mine")["account"], ("p1", "user"))

    def test_what_nobody_can_tell(self):
        done = self.target("add", "puzzle", "--partition", "puzzle", check=1)
        self.assertIn("The moon is in the wrong house.", done.err)
        self.assertIn("give them with --sbatch", done.err)
        self.assertFalse((self.cluster.home / "alice/.config/hpcenv/targets/puzzle.json").exists())


class Nodes(SiteCase):
    """Nodes that are not as one would like."""
    site = {"nodes": (config.Node("gpu01", 2, tmp_noexec=True, features="one"), config.Node("gpu02", 2, home=False, features="two"),
                      config.Node("gpu03", 2, hostname="n3", dead_network="up", features="three"),
                      config.Node("gpu04", 2, arch="aarch64", features="four"),
                      config.Node("gpu05", 2, dead_network="down", features="five")),
            "partitions": (config.Partition("gpu", "gpu01,gpu02,gpu03,gpu05", "Default=YES"), config.Partition("gh", "gpu04"))}

    def look(self, feature: str, *options: str, env=None) -> dict:
        self.answer = self.add(feature, "--partition", "gpu", "--constraint", feature, *options, env=env)
        return self.reach(feature)

    def test_13_home_is_not_mounted(self):
        reach = self.look("two")
        self.assertEqual(reach["workdir"], (["/scratch"], "probe"))
        self.assertIn("/home/alice is not mounted on gpu02", " ".join(self.answer["warnings"]))
        self.use("two")
        # Where nothing but home is named, the job does not even begin.
        done = self.on("alice", HPCENV, "target", "add", "blind", "--partition", "gpu", "--constraint", "two", check=1, timeout=90)
        self.assertIn("nothing was seen of the nodes", done.err)
        # HPCENV_ROOT comes before home.
        self.on("alice", "mkdir", "-p", "/scratch/own-root")
        env = {"SCRATCH": "", "HPCENV_ROOT": "/scratch/own-root"}
        self.assertEqual(self.look("two", env=env)["workdir"], (["/scratch/own-root"], "probe"))

    def test_13_programs_do_not_run_from_tmp(self):
        self.assertEqual(self.look("one")["workdir"], (["/home/alice", "/scratch"], "probe"))

    def test_13_the_shared_directory_runs_no_programs(self):
        for node, feature in (("gpu01", "one"), ("gpu05", "five")):  # on gpu01 /tmp does not either: /dev/shm is left
            self.on("root", "sh", "-c", "mkdir -p -m 1777 /scratch/nx; mount --bind /scratch/nx /scratch/nx; mount -o remount,bind,noexec /scratch/nx",
                    host=node)
            self.addCleanup(self.on, "root", "umount", "/scratch/nx", host=node)
            with self.subTest(node):
                self.assertIn("/scratch/nx", self.look(feature, env={"SCRATCH": "/scratch/nx"})["workdir"][0])

    def test_what_killed_jobs_left_on_a_node_is_swept(self):
        self.on("root", "sh", "-c", """cd /tmp
            for name in dead alive; do mkdir -m 700 hpcenv-probe.9.$name; touch hpcenv-probe.9.$name/hpcenv; done
            echo 999999 >hpcenv-probe.9.dead/pid; echo $$ >hpcenv-probe.9.alive/pid; chown -R alice hpcenv-probe.9.*
            mkdir hpcenv-probe.8.others; ln -s /scratch hpcenv-probe.8.link; chown -h alice hpcenv-probe.8.link
            echo 1 >hpcenv-probe.9.alive/pid""", host="gpu05")
        self.addCleanup(self.on, "root", "sh", "-c", "rm -rf /tmp/hpcenv-probe.*", host="gpu05")
        self.on("alice", "sh", "-c", "mkdir -m 700 /scratch/.hpcenv-probe-old /scratch/.hpcenv-probe-new; touch -d '10 days ago' /scratch/.hpcenv-probe-old")
        self.look("five")
        self.assertEqual(self.on("root", "ls", "/tmp", host="gpu05").out.split(), ["hpcenv-probe.8.link", "hpcenv-probe.8.others"])
        self.assertEqual(self.on("alice", "sh", "-c", "ls -d /scratch/.hpcenv-probe-*").out, "/scratch/.hpcenv-probe-new\n")
        self.on("alice", "rmdir", "/scratch/.hpcenv-probe-new")
        self.on("root", "sh", "-c", "rm -rf /tmp/hpcenv-probe.*", host="gpu05")

    def test_only_the_program_that_was_sent_is_run(self):
        for change in ("echo >>hpcenv", "cp hpcenv x; rm hpcenv; ln -s x hpcenv"):
            with self.subTest(change):
                self.fill("-w", "gpu05", "--exclusive")
                answer = json.loads(self.target("add", "changed", "--partition", "gpu", "--constraint", "five", "--no-wait", "--json").out)
                folder = next(path for path in self.cluster.scratch.iterdir() if path.name.startswith(".hpcenv-probe-"))
                self.on("alice", "sh", "-c", f"cd /scratch/{folder.name} && {change}")
                self.on("root", "scancel", "-n", "wrap")
                self.wait_until_no_job()
                said = self.target("list").err
                self.assertIn(f"Target changed was not made: job {answer['queued']['jobs'][0]} ended without an answer (FAILED)", said)
                self.assertIn("is not the program that was sent; nothing was run", said)

    def test_a_network(self):
        self.assertEqual(self.look("five")["net"], ("none", "probe"))
        server = self.cluster.command(LOGIN, "root", ["python3", "-m", "http.server", "8099", "--bind", self.cluster.site.address(LOGIN), "-d", "/scratch"])
        process = subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        url = f"http://{self.cluster.site.address(LOGIN)}:8099"
        (self.cluster.home / "alice/.condarc").write_text(f"channel_alias: {url}\n")
        self.addCleanup((self.cluster.home / "alice/.condarc").unlink)
        for _ in range(100):
            if self.on("alice", "python3", "-c", f"import urllib.request as u; u.urlopen('{url}')", check=None).code == 0:
                break
        self.assertEqual(self.look("one")["net"], ("direct", "probe"))
        self.assertEqual(self.look("one", env={"http_proxy": url})["net"], ("proxy", "probe"))

    def test_14_another_host_name_and_a_dead_network(self):
        reach = self.look("three")
        self.assertEqual(reach["interface"], ("ib0", "probe"))
        self.assertNotIn("host_suffix", reach)
        self.use("three")
        reach = self.look("five")
        self.assertEqual(reach["interface"], ("ib0", "probe"))
        self.assertEqual(reach["host_suffix"], ("i", "probe"))

    def test_15_another_processor(self):
        done = self.target("add", "gh", "--partition", "gh", check=1)
        self.assertIn("the nodes are aarch64, this hpcenv is for x86_64", done.err)
        self.assertIn("/scratch/bin/hpcenv-aarch64", done.err)
        self.assertEqual(self.queue(), "")
        # A build for it is sent where there is one; this machine cannot run it, and that is said.
        foreign = bytearray(pathlib.Path(self.cluster.scratch / "bin/hpcenv").read_bytes())
        foreign[18:20] = (183).to_bytes(2, "little")
        sent = self.cluster.scratch / "bin/hpcenv-aarch64"
        sent.write_bytes(foreign)
        sent.chmod(0o755)
        self.addCleanup(sent.unlink)
        done = self.target("add", "gh", "--partition", "gh", check=1)
        self.assertIn("the program can be executed nowhere on gpu04", done.err)
        self.assertIn("processor aarch64", done.err)
        self.assertFalse((self.cluster.home / "alice/.config/hpcenv/targets/gh.json").exists())

    def test_all_of_them_at_once(self):
        answer = self.add("all", "--partition", "gpu", "--all-nodes")
        self.assertEqual(len(self.stored("all")["nodes"]), 1)  # four nodes, one kind: no driver anywhere
        self.assertEqual(self.reach("all")["workdir"], (["/scratch"], "probe"))
        self.assertEqual(len(answer["warnings"]), 1)


class Modules(TargetCase):
    """Slurm is known to a module only, and the login shell is tcsh."""
    static_program = True

    @classmethod
    def setUpClass(cls):
        skip_without_modules()
        cls.site = {"modules": "lmod", "slurm_conf_by_module": True, "nodes": (config.Node("gpu01", 2),),
                    "partitions": (config.Partition("gpu", "gpu01"),)}
        super().setUpClass()

    def test_15_a_module_and_tcsh(self):
        add = f"env SCRATCH=/scratch {HPCENV} target add gpu --partition gpu"
        done = self.on("root", "su", "-", "tina", "-c", add, check=3)
        self.assertIn("some sites want `module load slurm` first", done.err)
        done = self.on("root", "su", "-", "tina", "-c", f"module load slurm/virtual; {add} --json")
        self.assertEqual(json.loads(done.out)["target"]["reach"]["workdir"]["value"], ["/home/tina", "/scratch"])


if __name__ == "__main__":
    run_tests()
