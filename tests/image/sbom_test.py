#!/usr/bin/env python3
"""Bills of materials before their judges: the validators of CycloneDX and SPDX. argv: the program that writes them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

PROGRAM = sys.argv.pop(1)
FORGE = "https://conda.anaconda.org/conda-forge"

# How packages of real channels name their licence.
LICENSES = [
    "MIT", "BSD-3-Clause", "Apache-2.0 WITH LLVM-exception", "GPL-3.0-only WITH GCC-exception-3.1",
    "(MIT OR Apache-2.0) AND PSF-2.0", "mit and isc", "LicenseRef-NVIDIA-End-User-License-Agreement",
    "LicenseRef-nvCOMP-Software-License-Agreement AND LicenseRef-NVIDIA-End-User-License-Agreement",
    "LGPL-2.1-or-later AND LicenseRef-LGPL-2.1-or-later-with-unRAR-restriction", "BSD", "BSD 3-Clause", "GPL (>= 2)",
    "MIT/X derivate (http://curl.haxx.se/docs/copyright.html)", "perl_5", "Public Domain", "LGPL-2.0-or-later WITH exceptions",
    "Free software (MIT-like)", "Varies; see https://genome.ucsc.edu/license", "unknown", "", "curl AND zlib-acknowledgement",
    "0BSD", "bzip2-1.0.6", "blessing", "FTL OR GPL-2.0-or-later", "MIT-CMU", "licence für José", "\"quoted\" <b>&amp;</b>",
]


def record(number: int, **changes: object) -> dict[str, object]:
    name = f"package_{number}.x"
    entry = {
        "name": name, "version": f"1.{number}", "build": f"py312h{number:07x}_0", "build_number": 0, "subdir": "linux-64",
        "depends": [f"package_{number // 2}.x >=1.0,<2.0a0", "__glibc >=2.17", "not_installed"],
        "license": LICENSES[number % len(LICENSES)], "sha256": f"{number:064x}", "channel": FORGE,
    }
    entry.update(changes)
    entry["fn"] = f"{entry['name']}-{entry['version']}-{entry['build']}.conda"
    return entry


class Sbom(unittest.TestCase):
    """Trap 25: as many components as records, and both validators pass."""

    records = [record(number) for number in range(300)] + [
        record(300, version="1!2.0+cu129"), record(301, channel="file:///srv/a channel"), record(302, subdir="noarch"),
        record(303, channel="https://user:secret@mirror.example/conda-forge"),
    ]

    def text_of(self, format: str, **changes: object) -> str:
        document = {"name": "registry.example:5000/team/torch", "version": "2026.1", "created": "2026-01-31T12:00:00Z",
                    "packages": self.records, **changes}
        done = subprocess.run([PROGRAM, format], input=json.dumps(document).encode(), capture_output=True, check=True)
        return done.stdout.decode()

    def check_cyclonedx(self, text: str) -> dict:
        error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
        self.assertIsNone(error)
        return json.loads(text)

    def check_spdx(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "image.spdx.json")
            file.write_text(text)
            document = parse_file(str(file))
        self.assertEqual([], [message.validation_message for message in validate_full_spdx_document(document)])
        self.assertEqual(len(self.records) + 1, len(document.packages))

    def test_cyclonedx_strict_validator(self) -> None:
        document = self.check_cyclonedx(self.text_of("cyclonedx"))
        self.assertEqual(len(self.records), len(document["components"]))
        self.assertEqual(len(self.records), len({component["bom-ref"] for component in document["components"]}))
        for component in document["components"]:
            purl = PackageURL.from_string(component["purl"])
            self.assertEqual((component["name"], component["version"], None), (purl.name, purl.version, purl.namespace))
            self.assertEqual({"build", "channel", "subdir", "type"}, set(purl.qualifiers))

    def test_spdx_validator(self) -> None:
        self.check_spdx(self.text_of("spdx"))

    def test_an_image_without_a_name(self) -> None:
        self.check_cyclonedx(self.text_of("cyclonedx", name="", version=""))
        self.check_spdx(self.text_of("spdx", name="", version=""))

    def test_the_judges_see_a_broken_document(self) -> None:
        document = json.loads(self.text_of("cyclonedx"))
        document["components"][0]["licenses"] = [{"license": {"id": "BSD"}}]
        self.assertIsNotNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)))
        document = json.loads(self.text_of("spdx"))
        document["packages"][1]["licenseDeclared"] = "BSD"
        with self.assertRaises(AssertionError):
            self.check_spdx(json.dumps(document))


if __name__ == "__main__":
    unittest.main()
