"""Twenty traps of activation, each by its number, through the real program."""
from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import unittest

from activation_case import AS_STRANGER, PROGRAM, ActivationCase, skip

TOOLS = os.environ.get("HPCENV_SHELL_TOOLS", "")
SHOW = "/usr/bin/env -0"
# Words for shells of sh's kind, and for the others.
EVERY_SHELL = ("bash", "zsh", "posix", "fish", "tcsh")
ENTER_AND_LEAVE = "hpcenv activate {0}; hpcenv deactivate; " + SHOW


class Traps(ActivationCase):
    # ---- values of the user ----

    def test_01_backquotes_of_the_user_never_run(self) -> None:
        prefix = self.build("gcc", "gxx", "cuda-nvcc")
        executed = f"{self.home}/executed"
        nasty = f"-g `touch {executed}` $(touch {executed}) \"`touch {executed}`"
        mine = {name: nasty for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS", "CC", "CMAKE_PREFIX_PATH", "NVCC_PREPEND_FLAGS")}
        # Recorded while they are there, then entered in every way.
        seen = self.entered(prefix, env=mine)
        self.assertIn(nasty, seen["CFLAGS"])
        self.assertTrue(seen["CFLAGS"].startswith("-march=nocona"), seen["CFLAGS"])
        self.assertIn("cc", seen["CC"])
        self.assertIn(nasty, self.parsed(self.start(self.wrapped(prefix), env=mine).stdout)["CFLAGS"])
        self.assertIn(nasty, self.parsed(self.start("/bin/bash", self.job(prefix, "/usr/bin/env", "-0"), env={**self.variables, **mine}).stdout)["CFLAGS"])
        for name in EVERY_SHELL:
            with self.subTest(shell=name):
                after = self.parsed(self.shell(name, f"hpcenv activate {prefix}; {SHOW}", env=mine).stdout)
                self.assertIn(nasty, after["CFLAGS"])
                after = self.parsed(self.shell(name, ENTER_AND_LEAVE.format(prefix), env=mine).stdout)
                self.assertEqual({one: after.get(one) for one in mine}, mine)
        self.assertFalse(os.path.exists(executed))

    def test_02_origin_survives_entering_and_leaving(self) -> None:
        prefix = self.build("gcc", "gxx")
        mine = {"LDFLAGS": "-Wl,-rpath,$ORIGIN/../lib -Wl,-z,'$ORIGIN'"}
        self.assertTrue(self.entered(prefix, env=mine)["LDFLAGS"].endswith(" " + mine["LDFLAGS"]))
        for name in EVERY_SHELL:
            with self.subTest(shell=name):
                inside = self.parsed(self.shell(name, f"hpcenv activate {prefix}; {SHOW}", env=mine).stdout)
                self.assertTrue(inside["LDFLAGS"].endswith(" " + mine["LDFLAGS"]), inside["LDFLAGS"])
                after = self.parsed(self.shell(name, ENTER_AND_LEAVE.format(prefix), env=mine).stdout)
                self.assertEqual(after["LDFLAGS"], mine["LDFLAGS"])

    def test_03_cuda_nvcc_without_compilers_fails_nothing_and_keeps_stdout(self) -> None:
        prefix = self.build("cuda-nvcc")
        for _ in range(2):
            self.assertEqual(self.run_in(prefix, "echo", "mine").stdout, "mine\n")
        seen = self.entered(prefix)
        self.assertIn(f"-I{prefix}/targets/x86_64-linux/include", seen["CFLAGS"])
        job = self.job(prefix, "echo", "mine")
        self.assertEqual(self.start("/bin/bash", "-euo", "pipefail", job, env=self.variables).stdout, "mine\n")
        for name in ("bash", "zsh", "posix"):
            with self.subTest(shell=name):
                self.assertEqual(self.shell(name, f"set -eu; hpcenv activate {prefix}; echo mine; hpcenv deactivate; echo out").stdout, "mine\nout\n")

    def test_04_entering_twice_doubles_no_flag(self) -> None:
        prefix = self.build("gcc", "gxx", "gfortran", "cuda-nvcc", "perl", "libxml2", "xtb", "opentelemac")
        mine = {"CFLAGS": "-g", "LDFLAGS": "-s", "PERL5LIB": "/mine", "XML_CATALOG_FILES": "file:///mine", "LD_LIBRARY_PATH": "/none"}
        once = self.entered(prefix, env=mine)
        self.assertEqual(once["CFLAGS"].count("-march=nocona"), 1)
        self.assertEqual(once["NVCC_PREPEND_FLAGS"].count("-ccbin"), 1)
        job = self.job(prefix, "/usr/bin/env", "-0")
        enter = f"hpcenv activate {prefix}; hpcenv activate {prefix}; "
        found = {
            "run in run": self.run_in(prefix, PROGRAM, "run", "-p", prefix, "--", "/usr/bin/env", "-0", env=mine).stdout,
            "a job of an activated shell (--export=ALL)": self.shell("bash", f"{enter}bash {job}", env=mine).stdout,
            "run of an activated shell": self.shell("bash", f"{enter}command '{PROGRAM}' run -p {prefix} {SHOW}", env=mine).stdout,
            "activated twice": self.shell("bash", enter + SHOW, env=mine).stdout,
            "activated in run": self.run_in(prefix, "bash", "-c", f"eval \"$('{PROGRAM}' shell-hook bash)\"; {enter}{SHOW}", env=mine).stdout,
        }
        for how, text in found.items():
            with self.subTest(how):
                seen = self.parsed(text)
                names = {name for name in once if name not in ("CONDA_PROMPT_MODIFIER", "CONDA_DEFAULT_ENV")}
                self.assertEqual({name: seen.get(name) for name in names}, {name: once[name] for name in names})

    def test_05_an_empty_value_comes_back_empty(self) -> None:
        prefix = self.build("gcc", "libgdal", "libglib", "esmf", "esmpy", "tesseract", "udunits2", "libxml2")
        self.entered(prefix)
        mine = dict.fromkeys(("CFLAGS", "CC", "GDAL_DATA", "CPL_ZIP_ENCODING", "GSETTINGS_SCHEMA_DIR", "ESMFMKFILE", "TESSDATA_PREFIX",
                              "UDUNITS2_XML_PATH", "XML_CATALOG_FILES"), "")
        for name in EVERY_SHELL:
            with self.subTest(shell=name):
                after = self.parsed(self.shell(name, ENTER_AND_LEAVE.format(prefix), env=mine).stdout)
                self.assertEqual({one: after.get(one) for one in mine}, mine)

    # ---- when a record is worth nothing ----

    def test_06_a_tested_folder_that_is_made_shows_at_once(self) -> None:
        prefix = self.build("libgdal", "proj")
        self.assertNotIn("GDAL_DRIVER_PATH", self.entered(prefix))
        os.makedirs(f"{prefix}/lib/gdalplugins")
        self.assertEqual(self.entered(prefix)["GDAL_DRIVER_PATH"], f"{prefix}/lib/gdalplugins")
        os.rmdir(f"{prefix}/lib/gdalplugins")
        self.assertNotIn("GDAL_DRIVER_PATH", self.entered(prefix))

    def on_node(self, flags: str, *words: str) -> str:
        """What a program prints on a node whose processor can do that."""
        cpuinfo = f"{self.home}/cpuinfo-{flags.replace(' ', '-')}"
        self.write(cpuinfo, f"processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu sse2 {flags}\n\n")
        return self.start("/usr/bin/unshare", "-rm", "/bin/sh", "-c", 'mount --bind "$0" /proc/cpuinfo && exec "$@"', cpuinfo, *words,
                          env=self.variables).stdout

    def test_07_a_job_on_another_processor_gets_the_right_binary(self) -> None:
        probe = subprocess.run(["/usr/bin/unshare", "-rm", "mount", "--bind", "/dev/null", "/proc/cpuinfo"], capture_output=True, check=False)
        if probe.returncode != 0:
            skip("no mount namespace of one's own")
        prefix = self.build("gromacs")
        which = ["/bin/sh", "-c", "echo $GMXBIN; command -v gmx"]

        def found(simd: str) -> str:
            return f"{prefix}/bin.{simd}\n{prefix}/bin.{simd}/gmx\n"

        run = [PROGRAM, "run", "-p", prefix, "--", *which]
        self.assertEqual(self.on_node("login", *run), found("SSE2"))
        self.write(f"{prefix}/bin/which-gmx", "#!/bin/sh\necho $GMXBIN; command -v gmx\n", 0o755)
        wrapper = self.wrapped(prefix, "which-gmx")
        job = self.job(prefix, *which)
        hook = f"eval \"$('{PROGRAM}' shell-hook bash)\"; hpcenv activate {prefix}; echo $GMXBIN; command -v gmx"
        ways = {"run": run, "wrapper": [wrapper], "job": ["/bin/bash", job], "activate": ["/bin/bash", "--norc", "-c", hook]}
        for flags, simd in (("avx avx2", "AVX2_256"), ("avx avx2 avx512f", "AVX_512"), ("login", "SSE2")):
            for how, words in ways.items():
                with self.subTest(how, node=flags):
                    self.assertEqual(self.on_node(flags, *words), found(simd))
        self.assertGreaterEqual(len(self.records(prefix)), 3)

    def test_08_a_hundred_jobs_at_once_leave_makeconf_alone(self) -> None:
        # A hundred of a build with sanitizers need 22 GB.
        program = os.environ.get("HPCENV_RELEASE_PROGRAM", "")
        if not os.path.isfile(program):
            skip("no static program")
        prefix = self.build("r-base", "gcc")
        makeconf = f"{prefix}/lib/R/etc/Makeconf"
        before = os.stat(makeconf).st_mtime_ns
        jobs = [subprocess.Popen([program, "run", "-p", prefix, "--", "/usr/bin/stat", "-c", "%.9Y", makeconf], env=self.variables,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) for _ in range(100)]
        seen = set()
        for job in jobs:
            output, errors = job.communicate(timeout=300)
            self.assertEqual(job.returncode, 0, errors)
            seen.add(output.strip())
        after = os.stat(makeconf).st_mtime_ns
        written = {f"{time // 10**9}.{time % 10**9:09}" for time in (before, after)}
        self.assertLessEqual(seen, written)
        for _ in range(5):
            self.run_in(prefix, "true")
        self.assertEqual(os.stat(makeconf).st_mtime_ns, after)
        self.assertEqual(sorted(os.listdir(os.path.dirname(makeconf))), ["Makeconf", "ldpaths"])

    def test_09_a_prefix_of_somebody_else_gives_no_message(self) -> None:
        if os.geteuid() != 0:
            skip("no right to act as another user")
        prefix = self.build("libarrow", "gcc")
        for folder in (self.root, f"{self.root}/envs"):
            os.chmod(folder, 0o755)
        theirs = f"{self.home}/theirs"
        os.makedirs(f"{theirs}/tmp")
        for folder in (theirs, f"{theirs}/tmp"):
            os.chmod(folder, 0o777)
        env = {"HOME": theirs, "TMPDIR": f"{theirs}/tmp", "HPCENV_ROOT": f"{theirs}/root"}
        before = self.contents(prefix)
        for attempt in range(2):
            done = self.run_in(prefix, "echo", "mine", before=AS_STRANGER, env=env, cwd=theirs)
            self.assertEqual(done.stdout, "mine\n")
            self.assertNotIn("denied", done.stderr)
            self.assertNotIn("mkdir", done.stderr)
            if attempt == 1:
                self.assertEqual(done.stderr, "")
        self.assertEqual(len(os.listdir(f"{theirs}/root/activation")), 1)
        self.assertEqual(self.contents(prefix), before)
        done = self.start(*AS_STRANGER, "bash", "--norc", "-c", f"eval \"$('{PROGRAM}' shell-hook bash)\"; hpcenv activate {prefix}; echo $CC",
                          env={**self.variables, **env}, cwd=theirs)
        self.assertEqual((done.stdout, done.stderr), (f"{prefix}/bin/x86_64-conda-linux-gnu-cc\n", ""))

    @staticmethod
    def contents(prefix: str) -> list[str]:
        return sorted(os.path.join(folder, name) for folder, folders, files in os.walk(prefix) for name in [*folders, *files])

    # ---- scripts that misbehave ----

    def test_10_a_script_that_exits_stops_no_job_and_the_doctor_names_it(self) -> None:
        prefix = self.build("bad-exit", "proj")
        for how in ("first", "again"):
            with self.subTest(how):
                seen = self.entered(prefix)
                self.assertEqual(seen["PROJ_DATA"], f"{prefix}/share/proj")
        self.assertEqual(self.classes(prefix)["exit.sh"], "refused")
        self.assertEqual(self.start("/bin/bash", "-euo", "pipefail", self.job(prefix, "echo", "mine"), env=self.variables).stdout, "mine\n")
        self.assertIn("PROJ_DATA", self.parsed(self.start(self.wrapped(prefix), env=self.variables).stdout))
        for name in EVERY_SHELL:
            with self.subTest(shell=name):
                self.assertEqual(self.shell(name, f"hpcenv activate {prefix}; echo still here; hpcenv deactivate; echo here").stdout,
                                 "still here\nhere\n")
        report = self.program("doctor", "-p", prefix, "--verbose", "P15", check=None).stdout
        self.assertIn("exit.sh", report)
        self.assertIn("ends the shell", report)

    def test_11_sleepers_and_daemons_are_ended_by_a_deadline(self) -> None:
        for name, script in (("bad-hang", "hang.sh"), ("bad-background", "background.sh"), ("bad-fork", "fork.sh")):
            with self.subTest(name):
                prefix = self.build(name, "proj")
                done = self.run_in(prefix, "echo", "mine")
                self.assertEqual(done.stdout, "mine\n")
                self.assertIn(script, done.stderr)
                self.assertEqual(self.classes(prefix)[script], "refused")
                self.assert_nothing_left(prefix)
                self.assertEqual(self.entered(prefix)["PROJ_DATA"], f"{prefix}/share/proj")
                self.assert_nothing_left(prefix)

    # ---- what the caller has ----

    def test_12_conda_build_and_pkg_name_of_the_caller_change_nothing(self) -> None:
        prefix = self.build("gcc", "gxx", "cuda-nvcc", "dpcpp", "flang", "openmpi", "r-base", "ncl")
        theirs = {"CONDA_BUILD": "1", "PKG_NAME": "theirs", "PKG_VERSION": "2", "PREFIX": "/wrong", "SRC_DIR": "/src", "BUILD_PREFIX": "/build",
                  "CONDA_BUILD_STATE": "BUILD"}
        ways = {
            "run": lambda env: self.entered(prefix, env=env),
            "job": lambda env: self.parsed(self.start("/bin/bash", self.job(prefix, "/usr/bin/env", "-0"), env={**self.variables, **env}).stdout),
            "wrapper": lambda env: self.parsed(self.start(self.wrapped(prefix), env={**self.variables, **env}).stdout),
            "activate": lambda env: self.parsed(self.shell("bash", f"hpcenv activate {prefix}; {SHOW}", env=env).stdout),
        }
        for how, enter in ways.items():
            with self.subTest(how):
                recorded_with = enter(theirs)
                self.assertEqual({name: value for name, value in recorded_with.items() if name not in theirs}, enter({}))
        self.assertNotIn("live", [one for name, one in self.classes(prefix).items() if "ncl" not in name])

    def test_13_threads_of_the_job_that_an_environment_overrides_are_reported(self) -> None:
        prefix = self.build("caiman")
        said = "the environment sets OMP_NUM_THREADS to 1, in place of 32"
        env = {"OMP_NUM_THREADS": "32"}
        for _ in range(2):
            done = self.run_in(prefix, "sh", "-c", "echo $OMP_NUM_THREADS", env=env)
            self.assertEqual(done.stdout, "1\n")
            self.assertIn(said, done.stderr)
        self.assertNotIn("in place of", self.run_in(prefix, "true", env={"OMP_NUM_THREADS": "1"}).stderr)
        self.assertNotIn("in place of", self.run_in(prefix, "true").stderr)
        self.assertIn(said, self.start("/bin/bash", self.job(prefix, "true"), env={**self.variables, **env}).stderr)

    # ---- dialects ----

    def test_14_a_newline_for_lmod_is_refused_and_never_executed(self) -> None:
        executed = f"{self.home}/executed"
        prefix = self.build("proj", scripts={"lines.sh": f"export LINES_OF='one\ntouch {executed}\n'\"`printf x`\"\nexport FINE=1\n"})
        done = self.program("modulefile", "-p", prefix, "-o", f"{self.home}/modules", "--module", "own")
        self.assertEqual(self.classes(prefix)["lines.sh"], "recorded")
        self.assertIn("LINES_OF is left out of the file for Lmod, because it holds a newline", done.stderr)
        if not os.path.exists(f"{TOOLS}/versions"):
            skip("no module systems")
        starts = {"bash": ["bash", "--noprofile", "--norc"], "zsh": ["zsh", "-f"], "tcsh": ["tcsh", "-f"], "fish": ["fish", "--no-config"]}
        for name, words in starts.items():
            if shutil.which(words[0]) is None:
                continue
            with self.subTest(shell=name):
                script = f"{self.home}/lmod.{name}"
                init = f"{TOOLS}/usr/share/lmod/lmod/init/{name}"
                self.write(script, f"source {init}\nmodule use {self.home}/modules\nmodule load own\necho $FINE $PROJ_DATA\n")
                done = self.start(*words, script, env={**self.variables, "LC_ALL": "C.UTF-8", "LMOD_PAGER": "none"})
                self.assertIn(f"1 {prefix}/share/proj\n", done.stdout + done.stderr)
                self.assertFalse(os.path.exists(executed))

    def test_15_csh_with_backslash_quote(self) -> None:
        nasty = "it's!\\ \\\\ $x `y` \"!!\""
        prefix = self.build(scripts={"nasty.sh": "export NASTY='it'\\''s!\\'\nexport OWN=\"also it's!\\\\ $OWN\"\n"})
        for options in ("set backslash_quote", "unset backslash_quote"):
            for name in ("tcsh", "csh"):
                with self.subTest(shell=name):
                    lines = f"{options}\nhpcenv activate {prefix}\nprintenv NASTY\nprintenv OWN\nhpcenv deactivate\nprintenv NASTY\nprintenv OWN\n"
                    done = self.shell(name, lines, env={"NASTY": nasty, "OWN": nasty}, check=None)
                    self.assertEqual(done.stdout, f"it's!\\\nalso it's!\\ {nasty}\n{nasty}\n{nasty}\n", done.stderr)

    def test_16_bsd_csh_and_a_value_that_is_too_long_for_it(self) -> None:
        prefix = self.build(scripts={"cmake.sh": "printf -v CMAKE_ARGS '%9000s' ''\nexport CMAKE_ARGS=\"${CMAKE_ARGS// /-}\" FINE=1\n"})
        done = self.shell("csh", f"hpcenv activate {prefix}\nprintenv FINE\nprintenv CMAKE_ARGS | wc -c\n", check=None)
        self.assertIn("CMAKE_ARGS", done.stderr)
        self.assertNotIn("Word too long", done.stdout + done.stderr)
        done = self.shell("tcsh", f"hpcenv activate {prefix}\nprintenv CMAKE_ARGS | wc -c\n")
        self.assertEqual(done.stdout.split(), ["9001"])

    def test_17_fish_with_an_empty_element_in_path(self) -> None:
        prefix = self.build("ruby", "xtb", scripts={"lists.sh": "export OWNPATH=\"/own::${OWNPATH}\"\n"})
        mine = {"PATH": "/usr/bin::/bin", "OWNPATH": "/a::/b:", "XTBPATH": "::"}
        done = self.shell("fish", f"hpcenv activate {prefix}; printenv PATH OWNPATH XTBPATH; hpcenv deactivate; printenv PATH OWNPATH XTBPATH",
                          env=mine)
        inside, after = done.stdout.splitlines()[:3], done.stdout.splitlines()[3:]
        self.assertTrue(inside[0].startswith(f"{prefix}/"), inside)
        self.assertEqual(inside[1], "/own::/a::/b:")
        # fish itself makes the folder where one is of an empty element.
        self.assertIn(after[0], ("/usr/bin::/bin", "/usr/bin:.:/bin"))
        self.assertEqual(after[1:], ["/a::/b:", "::"])

    # ---- odd surroundings ----

    def test_18_no_home_no_folder_for_temporary_files_and_no_directory(self) -> None:
        prefix = self.build("zig", "gcc")
        self.wrapped(prefix)
        job = self.job(prefix, "/usr/bin/env", "-0")
        clean = {name: value for name, value in self.variables.items() if name not in ("HOME", "TMPDIR")}
        # A job's head looks up what is missing.
        looked_up = f"{pwd.getpwuid(os.geteuid()).pw_dir}/.cache/zig"
        hook = f"eval \"$('{PROGRAM}' shell-hook bash)\"; hpcenv activate {prefix}; {SHOW}; hpcenv deactivate"
        ways = {"run": [PROGRAM, "run", "-p", prefix, "--", "/usr/bin/env", "-0"], "wrapper": [f"{self.home}/wrappers/show"],
                "job": ["/bin/bash", job], "activate": ["/bin/bash", "--norc", "-c", hook]}
        states = {"no HOME": {}, "TMPDIR missing": {"HOME": self.home, "TMPDIR": "/missing/folder"},
                  "both": {"TMPDIR": "/missing/folder"}, "HOME empty": {"HOME": ""}}
        for fresh in (True, False):
            for how, words in ways.items():
                for state, env in states.items():
                    with self.subTest(how, state=state, fresh=fresh):
                        if fresh and how in ("run", "activate"):
                            shutil.rmtree(f"{prefix}/.hpcenv", ignore_errors=True)
                        gone = f"{self.home}/gone"
                        os.mkdir(gone)
                        done = self.start("/bin/sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, *words, env={**clean, **env})
                        seen = self.parsed(done.stdout)
                        expected = {"no HOME": "/tmp/zig-cache", "TMPDIR missing": f"{self.home}/.cache/zig", "both": "/missing/folder/zig-cache",
                                    "HOME empty": "/tmp/zig-cache"}[state]
                        if how == "job" and state != "TMPDIR missing":
                            expected = looked_up
                        self.assertEqual(seen["ZIG_GLOBAL_CACHE_DIR"], expected)
                        self.assertEqual(seen["CONDA_PREFIX"], prefix)
                        self.assertIn("-march=nocona", seen["CFLAGS"])

    def test_19_a_readonly_name_does_not_end_the_shell(self) -> None:
        prefix = self.build("proj", scripts={"timeout.sh": "export TMOUT=900 UID_OF=1\n"})
        self.entered(prefix)
        for name in ("bash", "zsh", "posix"):
            with self.subTest(shell=name):
                lines = (f"readonly TMOUT=5\nset -eu\nhpcenv activate {prefix}\necho $TMOUT $PROJ_DATA\n"
                         "hpcenv deactivate\necho $TMOUT ${PROJ_DATA-none}\n")
                self.assertEqual(self.shell(name, lines).stdout, f"5 {prefix}/share/proj\n5 none\n")

    def test_20_odd_values_of_the_environments_own_variables(self) -> None:
        prefix = self.build("proj")
        first = {"SINGLE": "it's", "DOLLAR": "$HOME ${x} $(id)", "TICK": "`id` \\ !", "GONE_BY_PACKAGE": "***unset***"}
        second = {"DOLLAR_TOO": "it's $SINGLE", "GONE": "***unset***", "EMPTY": "", "LINE": "a\nb"}

        self.write(f"{prefix}/etc/conda/env_vars.d/odd.json", json.dumps(first))
        self.write(f"{prefix}/conda-meta/state", json.dumps({"env_vars": second}))
        mine = {"GONE": "here", "GONE_BY_PACKAGE": "here", "SINGLE": "mine"}
        wanted = {**first, **second, "GONE": None, "GONE_BY_PACKAGE": None}

        def assert_as_wanted(text: str) -> None:
            seen = self.parsed(text)
            self.assertEqual({name: seen.get(name) for name in wanted}, wanted)

        assert_as_wanted(self.run_in(prefix, "/usr/bin/env", "-0", env=mine).stdout)
        assert_as_wanted(self.start(self.wrapped(prefix), env={**self.variables, **mine}).stdout)
        assert_as_wanted(self.start("/bin/bash", self.job(prefix, "/usr/bin/env", "-0"), env={**self.variables, **mine}).stdout)
        for name in (*EVERY_SHELL, "csh"):
            with self.subTest(shell=name):
                assert_as_wanted(self.shell(name, f"hpcenv activate {prefix}; {SHOW}", env=mine).stdout)
                after = self.parsed(self.shell(name, ENTER_AND_LEAVE.format(prefix), env=mine).stdout)
                self.assertEqual({one: after.get(one) for one in wanted}, {**dict.fromkeys(wanted), **mine})


if __name__ == "__main__":
    unittest.main()
