#!/usr/bin/env python3
"""Runs the commands of the guide from the cluster to production, with a registry of the test's own. Those of Docker and podman
are not run here: engines_test.py and compose_up_test.py load the archive and bring services up."""

from __future__ import annotations

import os
import unittest

from guide_case import GuideCase
from registry_servers import Registry

SERVE = "import sys, requests\nprint('ready' if '--check' in sys.argv else requests.__version__)\n"


class ProductionGuide(GuideCase):
    def test_from_the_cluster_to_production(self) -> None:
        (self.home / "environment.yml").write_text("name: app\ndependencies:\n  - python\n  - requests\n")
        (self.home / "code").mkdir()
        (self.home / "code/serve.py").write_text(SERVE)
        (self.home / "weights.bin").write_bytes(os.urandom(1 << 20))
        registry = Registry(self.work / "registry")
        self.addCleanup(registry.close)
        self.run_guide("from-the-cluster-to-production.md", 10, REGISTRY=registry.name)


if __name__ == "__main__":
    unittest.main()
