#!/usr/bin/env python3
"""`hpcenv image build`: what makes an image right in the eyes of every engine (the traps), and bad input."""

from __future__ import annotations

import collections
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import unittest
from pathlib import Path

from image_case import LONG, PREFIX, TESTS, ImageCase, debian
from oci_image import Image, run_in, unpack

# Trivy finds conda packages by this path (pkg/fanal/analyzer/language/conda/meta).
TRIVY = re.compile(r".*/envs/.+/conda-meta/.+-.+-.+\.json")


class Reproducible(ImageCase):
    def test_trap_01_builds_are_equal_everywhere(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        first = self.build("-n", "app")
        other_root = self.folder / "elsewhere" / "a-root-of-another-length"
        other_root.mkdir(parents=True)
        variables = {"HPCENV_ROOT": str(other_root), "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}
        user = None
        if os.geteuid() == 0:
            user = 64_322
            for path in (self.folder, *self.folder.rglob("elsewhere/**")):
                os.chown(path, user, user)
        self.hpcenv("create", "-y", "-n", "app", "odd", "scripted", "twin-b", "big", user=user, umask=0o077, **variables)
        second = self.build("-n", "app", out="second", user=user, umask=0o077, **variables)
        self.assertEqual((first / "index.json").read_bytes(), (second / "index.json").read_bytes())

    def test_trap_02_threads_do_not_show(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        one = self.build("-n", "app", "--jobs", "1")
        many = self.build("-n", "app", "--jobs", "8", out="many")
        self.assertEqual((one / "index.json").read_bytes(), (many / "index.json").read_bytes())

    def test_trap_03_environments_share_the_layer_of_a_package(self) -> None:
        def layer_of_big(image: Image) -> str:
            return next(layer["digest"] for layer in image.layers
                        if layer["annotations"].get("org.hpcenv.packages") == "big-1.0-0")
        first = Image(self.build("-f", self.explicit("big", "odd"), "--image-prefix", "/opt/envs/app"))
        second = Image(self.build("-f", self.explicit("big", "p7"), "--image-prefix", "/opt/envs/app", out="second"))
        self.assertEqual(layer_of_big(first), layer_of_big(second))
        self.assertNotEqual(first.descriptor["digest"], second.descriptor["digest"])

    def test_the_date_is_the_packages_or_the_one_that_is_given(self) -> None:
        file = self.explicit("odd")
        self.assertEqual(Image(self.build("-f", file)).config["created"], "2023-11-14T22:13:20Z")
        dated = Image(self.build("-f", file, out="dated", SOURCE_DATE_EPOCH="1600000000"))
        self.assertEqual(dated.config["created"], "2020-09-13T12:26:40Z")
        for layer in dated.layers:
            for info, _ in dated.entries(layer):
                self.assertLessEqual(info.mtime, 1_600_000_000, info.name)
        done = self.hpcenv("image", "build", "-f", file, "-o", self.folder / "x", check=2, SOURCE_DATE_EPOCH="soon")
        self.assertIn("SOURCE_DATE_EPOCH 'soon' is no number of seconds", done.stderr)

    def test_an_explicit_file_and_the_environment_of_it_give_one_image(self) -> None:
        file = self.explicit("odd", "big", "twin-a")
        if not (self.root / "envs/app-by-file").exists():
            self.hpcenv("create", "-y", "-n", "app-by-file", "-f", file)
        by_file = Image(self.build("-f", file, "--image-prefix", "/opt/envs/app"))
        by_name = Image(self.build("-n", "app-by-file", "--image-prefix", "/opt/envs/app", out="by-name"))
        self.assertEqual([layer["digest"] for layer in by_file.layers if by_file.content(layer) != "metadata"],
                         [layer["digest"] for layer in by_name.layers if by_name.content(layer) != "metadata"])


class Layers(ImageCase):
    def test_trap_04_diff_ids_are_those_of_the_contents(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        for compression in ("gzip", "zstd", "none"):
            image = Image(self.build("-n", "app", "--compress", compression, out=compression))
            found = ["sha256:" + hashlib.sha256(image.tar(layer)).hexdigest() for layer in image.layers]
            self.assertEqual(found, image.config["rootfs"]["diff_ids"])
            if compression != "zstd":
                target = self.folder / f"unpacked-{compression}"
                target.mkdir()
                unpack(self.folder / compression, target)
        ids = {Image(self.folder / name).manifest["config"]["digest"] for name in ("gzip", "zstd", "none")}
        self.assertEqual(len(ids), 1, "the image's id does not depend on the compression")

    def test_trap_05_one_file_for_every_tool(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        file = self.build("-n", "app", "--tag", "lab.example/team/app:1.2", out="app.tar", form="oci-archive")
        for kind in ("oci-archive", "docker-archive"):
            done = subprocess.run(["skopeo", "copy", f"{kind}:{file}", f"dir:{self.folder / kind}"], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        with tarfile.open(file) as archive:
            names = archive.getnames()
            self.assertEqual(names[:3], ["oci-layout", "index.json", "manifest.json"])
            index = json.load(archive.extractfile("index.json"))
            docker = json.load(archive.extractfile("manifest.json"))
        self.assertEqual(len(index["manifests"]), 1)
        annotations = index["manifests"][0]["annotations"]
        self.assertEqual(annotations["io.containerd.image.name"], "lab.example/team/app:1.2")
        self.assertEqual(annotations["org.opencontainers.image.ref.name"], "1.2")
        self.assertEqual(docker[0]["RepoTags"], ["lab.example/team/app:1.2"])

    def test_trap_08_no_path_is_twice_in_a_layer(self) -> None:
        image = Image(self.build("-f", self.explicit("twin-a", "twin-b", "odd"), "--image-prefix", "/opt/envs/app"))
        for layer in image.layers:
            names = collections.Counter(info.name for info, _ in image.entries(layer))
            self.assertEqual([name for name, count in names.items() if count > 1], [])
        self.assertEqual(image.files()[f"{PREFIX}/share/twin"], b"of b")

    def test_trap_09_no_hard_link_leaves_its_layer(self) -> None:
        image = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app"))
        for layer in image.layers:
            inside = {info.name for info, _ in image.entries(layer)}
            for info, _ in image.entries(layer):
                if info.islnk():
                    self.assertIn(info.linkname, inside)
        self.assertEqual(image.files()[f"{PREFIX}/share/two"], b"same" * 500)

    def test_trap_10_names_of_any_kind(self) -> None:
        image = self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", LC_ALL="C")
        root = unpack(image, self.folder)
        share = root / PREFIX / "share"
        self.assertEqual((share / "übung" / "naïve 中文.txt").read_text(), "u")
        self.assertEqual((share / LONG / f"{LONG}.txt").read_text(), "l")
        self.assertEqual(os.readlink(share / "dangling"), "/nonexistent/x")

    def test_trap_12_never_more_layers_than_engines_take(self) -> None:
        base = self.folder / "base"
        subprocess.run(["umoci", "init", "--layout", base], check=True)
        subprocess.run(["umoci", "new", "--image", f"{base}:x"], check=True)
        for i in range(12):
            file = self.folder / f"{i}.tar"
            with tarfile.open(file, "w") as archive:
                info = tarfile.TarInfo(f"base-{i}")
                archive.addfile(info)
            subprocess.run(["umoci", "raw", "add-layer", "--image", f"{base}:x", file], check=True)
        subprocess.run(["umoci", "gc", "--layout", base], check=True)
        names = [f"p{i}" for i in range(300)]
        image = Image(self.build("-f", self.explicit(*names), base=base))
        self.assertLessEqual(len(image.layers), 100)
        self.assertEqual(sum(f"base-{i}" in image.files() for i in range(12)), 12)
        few = Image(self.build("-f", self.explicit(*names), "--max-layers", "15", base=base, out="few"))
        self.assertLessEqual(len(few.layers), 15)
        self.assertEqual(sum(name.startswith("opt/envs/") and "/share/p/" in name for name in few.files()), 300)
        done = self.hpcenv("image", "build", "-f", self.explicit("odd"), "--base", base, "--max-layers", "13", "-o",
                           self.folder / "none", check=1)
        self.assertIn("more than 13 layers", done.stderr)

    def test_trap_13_the_path_is_the_images_alone(self) -> None:
        image = Image(self.build("-f", self.explicit("odd", "scripted"), "--image-prefix", "/opt/envs/app"))
        files = image.files()
        self.assertTrue(files[f"{PREFIX}/bin/tool"].startswith(b"#!/opt/envs/app/bin/sh\n"))
        library = files[f"{PREFIX}/lib/libodd.so.1"]
        self.assertIn(b"/opt/envs/app/lib:/opt/envs/app\0", library)
        here = str(self.work).encode()
        for name, data in files.items():
            if "/conda-meta/" in name or "/share/sbom/" in name:
                data = data.replace(b"file://" + self.channel.encode(), b"")  # where the packages come from
            self.assertNotIn(here, data, name)
            self.assertNotIn(b"placeholder_placeholder_", data if "/conda-meta/" not in name else b"", name)

    def test_modes_are_for_every_user(self) -> None:
        image = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", umask=0o077))
        for layer in image.layers:
            for info, _ in image.entries(layer):
                if info.name.endswith(("/share/one", "/bin/tool")):
                    self.assertEqual(info.mtime, 1_690_000_000, "the date that the package gives it")
                if not info.issym():
                    self.assertIn(info.mode, (0o755,) if info.isdir() else (0o755, 0o644), info.name)
                self.assertEqual((info.uid, info.gid, info.uname, info.gname), (0, 0, "", ""))

    def test_a_layer_that_was_made_is_kept(self) -> None:
        file = self.explicit("odd", "big")
        words = ["image", "build", "-f", file, "--base", "none", "--format", "oci-dir", "-o", self.folder / "image", "--json"]
        first = json.loads(self.hpcenv(*words).stdout)
        again = json.loads(self.hpcenv(*words).stdout)
        self.assertEqual(first["digest"], again["digest"])
        states = [layer["state"] for layer in again["layers"] if layer["content"].startswith("package")]
        self.assertEqual(set(states), {"kept"})
        self.assertEqual({layer["state"] for layer in first["layers"]}, {"made"})

    def test_weights_that_nobody_changed_are_kept(self) -> None:
        weights = self.folder / "weights"
        with weights.open("wb") as file:
            file.truncate(65 << 20)
        words = ["image", "build", "-f", self.explicit("odd"), "--base", "none", "--format", "oci-dir", "-o", self.folder / "image",
                 "--add", f"{weights}:/opt/w", "--json"]
        def state() -> str:
            return json.loads(self.hpcenv(*words).stdout)["layers"][-1]["state"]
        self.assertEqual([state(), state()], ["made", "kept"])
        with weights.open("r+b") as file:
            file.write(b"changed")
        self.assertEqual(state(), "made")
        self.assertEqual(Image(self.folder / "image").files()["opt/w"][:7], b"changed")

    def test_a_slim_image_lacks_what_only_builders_need(self) -> None:
        whole = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app")).files()
        slim = Image(self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", "--slim", out="slim")).files()
        gone = {name for name in set(whole) - set(slim) if whole[name]}
        self.assertEqual(gone, {f"{PREFIX}/lib/libodd.a", f"{PREFIX}/share/man/man1/odd.1"})
        record = json.loads(slim[f"{PREFIX}/conda-meta/odd-1.0-0.json"])
        self.assertNotIn("lib/libodd.a", record["files"])


class Contents(ImageCase):
    def test_trap_15_scanners_find_the_packages_and_the_variables_activate(self) -> None:
        self.create("app", "odd", "scripted")
        image = Image(self.build("-n", "app", base=debian()))
        records = [name for name in image.files() if "/conda-meta/" in name and name.endswith(".json")]
        self.assertEqual(len(records), 2)
        for name in records:
            self.assertRegex("/" + name, TRIVY)
        self.assertNotIn("Entrypoint", image.config["config"])
        self.assertEqual(image.env["CONDA_PREFIX"], "/opt/envs/app")
        self.assertEqual(image.env["SCRIPTED_HOME"], "/opt/envs/app/share")
        self.assertTrue(image.env["PATH"].startswith("/opt/envs/app/bin:"))
        root = unpack(self.folder / "image", self.folder)
        done = run_in(root, ["/bin/sh", "-c", "echo $CONDA_PREFIX; ls $SCRIPTED_HOME/odd* 2>&1; tool"],
                      {"CONDA_PREFIX": "/home/me/conda", **image.env})
        self.assertEqual(done.stdout.splitlines()[0], "/opt/envs/app", done)

    def test_what_is_on_record_of_activation_needs_no_stage(self) -> None:
        self.create("act", "activated")
        log = self.folder / "points"
        by_name = Image(self.build("-n", "act", HPCENV_FAULT_LOG=str(log)))
        self.assertNotIn("prepare.mkdir", log.read_text().split())
        self.assertEqual(by_name.env["ACTIVATED"], "/opt/envs/act/share")
        by_file = Image(self.build("-f", self.explicit("activated"), "--image-prefix", "/opt/envs/act", out="by-file",
                                   HPCENV_FAULT_LOG=str(log)))
        self.assertIn("prepare.mkdir", log.read_text().split())
        self.assertEqual(by_file.env["ACTIVATED"], "/opt/envs/act/share")

    def test_a_stage_that_a_killed_build_left_goes_after_a_day(self) -> None:
        self.create("app", "odd", "scripted")
        old, young = self.root / "images/stage-old", self.root / "images/stage-young"
        for path in (old, young):
            path.mkdir(parents=True)
        os.utime(old, (1_600_000_000, 1_600_000_000))
        self.build("-n", "app")
        self.assertEqual((old.exists(), young.exists()), (False, True))
        self.assertEqual([path.name for path in (self.root / "images").glob("stage-*")], ["stage-young"])
        young.rmdir()

    def test_what_scripts_leave_is_in_the_top_layer_and_named(self) -> None:
        self.create("app", "odd", "scripted")
        done = self.hpcenv("image", "build", "-n", "app", "--base", "none", "--format", "oci-dir", "-o", self.folder / "image")
        self.assertIn("share/made-by-script is of no package: a script wrote it into the image", done.stderr)
        image = Image(self.folder / "image")
        top = {info.name: data for info, data in image.entries(image.layers[-1])}
        self.assertEqual(top[f"{PREFIX}/share/made-by-script"], b"made\n" b"in /opt/envs/app\n")

    def test_files_of_nobody_are_named_and_left_out(self) -> None:
        self.create("mine", "p1")
        (self.root / "envs/mine/share/notes").write_text("mine")
        done = self.hpcenv("image", "build", "-n", "mine", "--base", "none", "--format", "oci-dir", "-o", self.folder / "image")
        self.assertIn("share/notes", done.stderr)
        self.assertNotIn("opt/envs/mine/share/notes", Image(self.folder / "image").files())

    def test_trap_16_nothing_that_misleads_gpu_runtimes(self) -> None:
        base = self.folder / "base"
        shutil.copytree(debian(), base)
        subprocess.run(["umoci", "config", "--image", f"{base}:base", "--config.env", "CUDA_VERSION=11.0", "--config.env",
                        "LD_LIBRARY_PATH=/usr/local/cuda/lib64", "--config.entrypoint", "/start"], check=True)
        subprocess.run(["umoci", "gc", "--layout", base], check=True)
        image = Image(self.build("-f", self.explicit("gpu", "cuda-version"), base=base))
        self.assertNotIn("CUDA_VERSION", image.env)
        self.assertNotIn("LD_LIBRARY_PATH", image.env)
        self.assertNotIn("Entrypoint", image.config["config"])
        self.assertEqual([name for name in image.files() if "libcuda.so" in name], [])

    def test_labels_are_the_users_then_ours_then_the_bases(self) -> None:
        base = self.folder / "base"
        shutil.copytree(debian(), base)
        subprocess.run(["umoci", "config", "--image", f"{base}:base", "--config.label", "org.opencontainers.image.title=debian",
                        "--config.label", "kept=yes"], check=True)
        subprocess.run(["umoci", "gc", "--layout", base], check=True)
        def labels(*words: str) -> dict[str, str]:
            done = self.build("-f", self.explicit("odd"), "--image-prefix", "/opt/envs/app", *words, base=base)
            return Image(done).config["config"]["Labels"]
        found = labels()
        self.assertEqual((found["org.opencontainers.image.title"], found["kept"]), ("odd", "yes"))
        self.assertEqual(found["org.hpcenv.prefix"], "/opt/envs/app")
        self.assertEqual(labels("--label", "org.opencontainers.image.title=mine")["org.opencontainers.image.title"], "mine")

    def test_a_build_for_cpus_is_told_where_the_target_has_a_gpu(self) -> None:
        profile = self.folder / "node.json"
        profile.write_text(self.hpcenv("probe", "--captured", TESTS / "host/h100-node", "--json").stdout)
        words = ["image", "build", "--override-channels", "-c", f"file://{self.channel}", "-f", self.specs("pytorch"), "--base", "none",
                 "--dry-run", "-o", self.folder / "x"]
        says = "pytorch 1.0 cpu_0 is a build for CPUs: the image cannot use a GPU"
        self.assertIn(says, self.hpcenv(*words, "--on", profile).stderr)
        self.assertNotIn(says, self.hpcenv(*words, CONDA_OVERRIDE_CUDA="").stderr)

    def test_trap_17_the_floor_is_that_of_minor_version_compatibility(self) -> None:
        self.create("gpu", "gpu")
        image = Image(self.build("-n", "gpu"))
        self.assertEqual(image.env["NVIDIA_REQUIRE_CUDA"], "cuda>=12.0")
        self.assertEqual(image.env["NVIDIA_VISIBLE_DEVICES"], "all")
        self.assertEqual(image.env["NVIDIA_DRIVER_CAPABILITIES"], "compute,utility")
        self.assertEqual(image.config["config"]["Labels"]["org.hpcenv.cuda"], "12.8")
        plain = Image(self.build("-n", "gpu", "--no-gpu-env", out="plain"))
        self.assertEqual([name for name in plain.env if name.startswith("NVIDIA")], [])

    def test_trap_25_a_bill_of_materials_inside_and_beside(self) -> None:
        self.create("app", "odd", "scripted")
        image = Image(self.build("-n", "app"))
        inside = image.files()[f"{PREFIX}/share/sbom/app.cdx.json"]
        self.assertEqual(inside, Path(f"{self.folder}/image.cdx.json").read_bytes())
        self.assertEqual(len(json.loads(inside)["components"]), 2)
        self.assertTrue(Path(f"{self.folder}/image.spdx.json").exists())

    def test_added_files_are_layers_above(self) -> None:
        code = self.folder / "code"
        code.mkdir()
        (code / "main.py").write_text("print()")
        weights = self.folder / "weights"
        with weights.open("wb") as file:
            file.truncate(70 << 20)
        self.create("app", "odd", "scripted")
        image = Image(self.build("-n", "app", "--add", f"{code}:/srv/app", "--add", f"{weights}:/opt/weights/w",
                                 "--workdir", "/srv/app", "--env", "A=b", "--label", "l=1", "--user", "1000", "--cmd", "tool x"))
        self.assertEqual([image.content(layer) for layer in image.layers[-3:]], ["metadata", "files", "files"])
        self.assertEqual([layer["annotations"].get("org.hpcenv.path") for layer in image.layers[-2:]],
                         ["/opt/weights/w", "/srv/app"])
        self.assertTrue(image.layers[-2]["mediaType"].endswith(".tar"), "weights are not compressed")
        config = image.config["config"]
        self.assertEqual((config["WorkingDir"], config["User"], config["Cmd"]), ("/srv/app", "1000", ["/bin/sh", "-c", "tool x"]))
        self.assertEqual((image.env["A"], config["Labels"]["l"]), ("b", "1"))

    def test_the_plan_is_shown_and_what_another_image_has_of_it(self) -> None:
        file = self.explicit("odd", "big")
        self.build("-f", file, "--image-prefix", "/opt/envs/app")
        before = sorted(self.folder.iterdir())
        plan = json.loads(self.hpcenv("image", "build", "-f", self.explicit("big", "p3"), "--image-prefix", "/opt/envs/app",
                                      "--base", "none", "--dry-run", "--json", "--against", self.folder / "image").stdout)
        self.assertEqual(sorted(self.folder.iterdir()), sorted([*before, self.folder / "big-p3.txt"]))
        self.assertNotIn("digest", plan)
        shared = {tuple(layer["packages"]): layer["shared"] for layer in plan["layers"] if layer["packages"]}
        self.assertTrue(shared[("big-1.0-0",)])
        self.assertFalse(shared[("p3-1.0-0",)])


class Killed(ImageCase):
    def test_trap_20_nothing_half_made_has_a_name(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        for form in ("oci-archive", "oci-dir"):
            whole = self.build("-n", "app", out=f"whole-{form}", form=form)
            log = self.folder / "points"
            self.build("-n", "app", out=f"log-{form}", form=form, HPCENV_FAULT_LOG=str(log))
            points = log.read_text().splitlines()
            log.unlink()
            first = points.index("image.blob.create")
            ours = [i for i in range(first, len(points)) if points[i].startswith("image.")]
            # The first and last of each name, and some between.
            chosen = sorted({points.index(name, first) for name in {points[i] for i in ours}} | {ours[-1]} | set(ours[::29]))
            for number in chosen:
                out = self.folder / f"killed-{form}-{number}"
                words = ["image", "build", "-n", "app", "--base", "none", "--format", form, "-o", out]
                done = self.hpcenv(*words, check=None, HPCENV_FAULT_KILL=str(number + 1))
                self.assertEqual(done.returncode, -signal.SIGKILL, f"point {points[number]}: {done.stderr}")
                if out.exists() and form == "oci-archive":
                    self.assertEqual(out.read_bytes(), whole.read_bytes())
                for blob in Path(f"{out}.partial").glob("layout/blobs/sha256/*"):
                    self.assertEqual(hashlib.sha256(blob.read_bytes()).hexdigest(), blob.name)
                self.hpcenv(*words)
                self.assertFalse(Path(f"{out}.partial").exists())
                same = (out / "index.json", whole / "index.json") if form == "oci-dir" else (out, whole)
                self.assertEqual(same[0].read_bytes(), same[1].read_bytes())

    def test_an_interrupt_leaves_finished_layers_for_the_next_run(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        log = self.folder / "points"
        self.build("-n", "app", out="log", HPCENV_FAULT_LOG=str(log))
        commit = log.read_text().splitlines().index("image.commit")
        words = ["image", "build", "-n", "app", "--base", "none", "--format", "oci-dir", "-o", self.folder / "image", "--json"]
        self.hpcenv(*words, check=-signal.SIGKILL, HPCENV_FAULT_KILL=str(commit + 1))
        answer = json.loads(self.hpcenv(*words).stdout)
        self.assertEqual({layer["state"] for layer in answer["layers"] if layer["content"].startswith("package")}, {"kept"})


class BadInput(ImageCase):
    def refused(self, *words: str | Path, code: int, says: str, **options: object) -> str:
        done = self.hpcenv("image", "build", *words, check=code, **options)
        self.assertIn(says, done.stderr)
        for path in self.folder.iterdir():
            self.assertNotIn(".partial", path.name)
        return done.stderr

    def test_words_that_do_not_fit(self) -> None:
        file, out = self.explicit("odd"), self.folder / "x"
        none = ["--base", "none", "-o", out]
        self.refused("-f", file, code=2, says="where the image goes is not said")
        self.refused("-o", out, code=2, says="what goes into the image is not said")
        self.create("app", "odd", "scripted")
        self.refused("-n", "app", "-f", file, *none, code=2, says="both named")
        self.refused("-f", file, *none, "--compress", "xz", code=2, says="--compress 'xz' is not known")
        self.refused("-f", file, *none, "--format", "zip", code=2, says="--format 'zip' is not known")
        self.refused("-f", file, *none, "--max-layers", "126", code=2, says="--max-layers '126'")
        self.refused("-f", file, *none, "--tag", "Bad Name", code=2, says="Bad Name")
        self.refused("-f", file, *none, "--add", "nowhere", code=2, says="does not say where it goes")
        self.refused("-f", file, *none, "--add", "a:/opt/../etc", code=2, says="'..'")
        self.refused("-n", "nothere", *none, code=1, says="no environment")
        self.refused("-f", file, *none, "--env", "X", code=2, says="--env 'X' is no NAME=VALUE")
        self.assertFalse(out.exists())

    def test_trap_19_a_base_with_a_changed_byte(self) -> None:
        base = self.folder / "base"
        shutil.copytree(debian(), base)
        blob = max(base.glob("blobs/sha256/*"), key=lambda path: path.stat().st_size)
        blob.chmod(0o644)
        with blob.open("r+b") as file:
            file.seek(1_000_000)
            byte = file.read(1)
            file.seek(1_000_000)
            file.write(bytes([byte[0] ^ 1]))
        self.refused("-f", self.explicit("odd"), "--base", base, "-o", self.folder / "x", code=1, says="damaged")

    def test_bases_that_are_none(self) -> None:
        file, out = self.explicit("odd"), self.folder / "x"
        text = self.folder / "text"
        text.write_text("x" * 2000)
        self.refused("-f", file, "--base", text, "-o", out, code=1, says="no tar file")
        self.refused("-f", file, "--base", self.folder, "-o", out, code=1, says="is no image")
        packed = self.folder / "packed.tar.gz"
        subprocess.run(["tar", "-czf", packed, "-C", debian(), "."], check=True)
        self.assertIn("gunzip", self.refused("-f", file, "--base", packed, "-o", out, code=1, says="is compressed"))
        foreign = self.folder / "foreign"
        shutil.copytree(debian(), foreign)
        subprocess.run(["umoci", "config", "--image", f"{foreign}:base", "--architecture", "arm64"], check=True)
        subprocess.run(["umoci", "gc", "--layout", foreign], check=True)
        self.refused("-f", file, "--base", foreign, "-o", out, code=1, says="is for linux/arm64, not for linux/amd64")

    def test_a_base_that_is_too_old(self) -> None:
        self.refused("-f", self.explicit("newglibc"), "--base", debian(), "-o", self.folder / "x", code=1, says="needs __glibc >=9.9")

    def test_paths_that_cannot_be_added(self) -> None:
        file, base = self.explicit("odd"), debian()
        rest = ["--base", base, "--image-prefix", "/opt/envs/app", "-o", self.folder / "x"]
        own = self.folder / "own"
        own.write_text("x")
        self.refused("-f", file, *rest, "--add", "missing:/srv/x", code=1, says="there is no missing")
        self.refused("-f", file, *rest, "--add", f"{own}:/opt/envs/app/x", code=1, says="into the environment")
        self.refused("-f", file, *rest, "--add", f"{own}:/bin/x", code=1, says="/bin is a link in the base")
        tree = self.folder / "tree"
        (tree / "bin").mkdir(parents=True)
        (tree / "bin/tool").write_text("x")
        self.refused("-f", file, *rest, "--add", f"{tree}:/", code=1, says="/bin is a link in the base")
        os.mkfifo(self.folder / "pipe")
        self.refused("-f", file, *rest, "--add", f"{self.folder / 'pipe'}:/srv/p", code=1, says="neither a file")

    def test_names_that_a_layer_cannot_say(self) -> None:
        says = "'.wh.trap' means the removal of a file"
        self.refused("-f", self.explicit("unsayable"), "--base", "none", "-o", self.folder / "x", code=1, says=says)
        own = self.folder / "own"
        own.mkdir()
        (own / ".wh.trap").write_text("x")
        self.refused("-f", self.explicit("odd"), "--base", "none", "--add", f"{own}:/srv/x", "-o", self.folder / "x", code=1,
                     says=says)

    def test_a_place_of_something_else(self) -> None:
        file = self.explicit("odd")
        full = self.folder / "full"
        full.mkdir()
        (full / "mine").write_text("x")
        self.refused("-f", file, "--base", "none", "-o", full, code=1, says="is a directory")
        self.refused("-f", file, "--base", "none", "--format", "oci-dir", "-o", full, code=1, says="no OCI layout")
        self.assertEqual((full / "mine").read_text(), "x")

    def test_a_full_disk(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        place = self.folder / "place"
        place.mkdir()
        for size in (1 << 20, 16 << 20):
            before = ["bwrap", "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(place)]
            done = self.hpcenv("image", "build", "-n", "app", "--base", "none", "--compress", "none", "-o", place / "x.tar",
                               check=3, before=before)
            self.assertIn("no space for", done.stderr)
            self.assertIn("--format oci-dir", done.stderr)

    def test_no_room_for_what_has_to_be_fetched(self) -> None:
        place = self.folder / "place"
        place.mkdir()
        before = ["bwrap", "--dev-bind", "/", "/", "--size", str(4 << 20), "--tmpfs", str(place)]
        done = self.hpcenv("image", "build", "-f", self.specs("big"), "--base", "none", "-o", self.folder / "x", check=3, before=before,
                           HPCENV_ROOT=str(place / "root"))
        self.assertRegex(done.stderr, r"no space for .*/pkgs: it needs 10\.5 MiB")

    def test_a_disk_that_fills_while_a_layer_is_written(self) -> None:
        self.create("app", "odd", "scripted", "twin-b", "big")
        # The room is there when it is counted, and taken by another program before it is used.
        place = self.folder / "place"
        place.mkdir()
        script = (f'"$@" & own=$!; while [ -d /proc/$own ] && ! grep -q "^State:.T" /proc/$own/status; do sleep 0.02; done; '
                  f'cat /dev/zero > {place}/other 2>/dev/null; kill -CONT $own; wait $own; code=$?; ls {place} >&2; exit $code')
        before = ["bwrap", "--dev-bind", "/", "/", "--size", str(128 << 20), "--tmpfs", str(place), "sh", "-c", script, "sh"]
        done = self.hpcenv("image", "build", "-n", "app", "--base", "none", "--compress", "none", "-o", place / "x.tar",
                           check=3, before=before, HPCENV_FAULT_STOP="image.blob.write:2")
        self.assertIn("No space left on device", done.stderr)
        self.assertNotIn("x.tar\n", done.stderr)

    def test_a_weights_file_that_changes_meanwhile(self) -> None:
        weights = self.folder / "weights"
        with weights.open("wb") as file:
            file.truncate(400 << 20)
        program = subprocess.Popen(["sh", "-c", f"while :; do printf x >> {weights}; sleep 0.002; done"])
        try:
            self.refused_changed(weights)
        finally:
            program.kill()
            program.wait()

    def refused_changed(self, weights: Path) -> None:
        done = self.hpcenv("image", "build", "-f", self.explicit("odd"), "--base", "none", "--add", f"{weights}:/opt/w", "-o",
                           self.folder / "x", check=1)
        self.assertIn("changed while it was read", done.stderr)
        self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
