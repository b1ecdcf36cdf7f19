#!/usr/bin/env python3
"""tests/host/on-gpu.sh as far as a machine without a GPU can show it, and the tool that makes its channel small."""

from __future__ import annotations

import os
import struct
import sys
import unittest
from pathlib import Path

import backports.zstd as zstd
from thread_support import TESTS, Answer, World, machine_has_driver, skip

sys.path.insert(0, str(TESTS / "host"))

import gpu_channel  # noqa: E402
from ending import leave  # noqa: E402

WORLD = World()
SCRIPT = TESTS / "host/on-gpu.sh"


def script() -> Path:
    return WORLD.tool(SCRIPT, SCRIPT.with_name("on_gpu.cu"))


def on_gpu(*arguments: str | Path, **more: str) -> Answer:
    """What the script says, as the test user, with no network to be had and no compiler of the machine."""
    WORLD.channel("cuda")
    return WORLD.run([script(), *arguments, WORLD.program, WORLD.channels / "cuda", WORLD.home / "gpu"],
                     PATH=WORLD.plain_path(), **more)


class Script(unittest.TestCase):
    def test_without_a_driver_it_says_so(self) -> None:
        if machine_has_driver():
            skip("this machine has a driver")
        answer = on_gpu()
        self.assertEqual((answer.code, answer.out), (77, "SKIP: no GPU: no driver answers on this machine\n"), answer)

    def test_a_driver_that_is_too_old_is_told_apart(self) -> None:
        answer = on_gpu(LD_LIBRARY_PATH=str(WORLD.driver("real-535")))
        self.assertEqual(answer.code, 77, answer)
        self.assertRegex(answer.out, r"^SKIP: no GPU that this toolkit can use: the driver has CUDA 12\.2, the channel CUDA 13\n")

    def test_a_folder_that_is_no_channel(self) -> None:
        answer = WORLD.run([script(), WORLD.program, WORLD.home])
        self.assertEqual(answer.code, 1, answer)
        self.assertRegex(answer.err, r"on-gpu: no channel: .*/home has no linux-64/repodata\.json")

    def test_all_but_the_gpu(self) -> None:
        answer = on_gpu("--without-gpu")
        self.assertEqual(answer.code, 0 if machine_has_driver() else 77, answer)
        for said in (r"== cuda-nvcc-13\.0\.88", r"== libcublas-13\.1\.0\.3", r"== libcudnn-9\.13\.0\.50", r"compiled with nvcc in \d+ s",
                     r"libraries: runtime 130\d\d driver \d+ cublas 13\.1\.0 cudnn 91300 cudnn-built-for 130\d\d nccl 228\d\d",
                     r"== on_gpu in the image's tree\n(?:.*\n)*?libraries: runtime 130\d\d",
                     r"SKIP: no GPU: environment made and program built"):
            self.assertRegex(answer.out, said)
        self.assertEqual(WORLD.requests() if WORLD.log.exists() else [], [])


class Thinning(unittest.TestCase):
    """gpu_channel.py: device code for other architectures becomes zeros, all else stays."""

    def entry(self, kind: int, architecture: int, payload: bytes) -> bytes:
        head = struct.pack("<HHIQIIHHI", kind, 0x101, 64, len(payload), 0, 0, 0, 0, architecture)
        return head + bytes(64 - len(head)) + payload

    def fatbin(self, *entries: bytes) -> bytes:
        return struct.pack("<4sHHQ", gpu_channel.FATBIN, 1, 16, sum(map(len, entries))) + b"".join(entries)

    def test_entries_of_one_architecture_stay(self) -> None:
        parts = [self.entry(2, 80, b"a" * 32), self.entry(2, 90, b"b" * 24), self.entry(1, 120, b"c" * 40), self.entry(1, 75, b"d" * 16)]
        before = bytearray(b"front   " + self.fatbin(*parts) + self.fatbin(parts[0]) + b"behind")
        data = bytearray(before)
        self.assertEqual(gpu_channel.thin_fatbins(data, 0, len(data), 90), 32 + 40 + 32)
        self.assertEqual(bytes(data), bytes(before).replace(b"a", b"\0").replace(b"c" * 40, bytes(40)))
        self.assertIn(b"b" * 24, data)
        self.assertIn(b"d" * 16, data)

    def test_compressed_cubins_of_one_architecture_stay(self) -> None:
        def cubin(flags: int) -> bytes:
            return zstd.compress(gpu_channel.ELF + bytes(44) + struct.pack("<I", flags) + os.urandom(64))

        kept, other = [cubin(0x5A055A), cubin(0x6005A02)], [cubin(0x500550), zstd.compress(b"no cubin at all")]
        data = bytearray(b"x".join([kept[0], other[0], kept[1], other[1]]))
        self.assertEqual(gpu_channel.thin_cubins(data, 0, len(data), 90), len(other[0]))
        for whole in (*kept, other[1]):
            self.assertIn(whole, bytes(data))
        self.assertNotIn(other[0], bytes(data))


if __name__ == "__main__":
    leave(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
