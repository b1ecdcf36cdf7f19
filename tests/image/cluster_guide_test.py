#!/usr/bin/env python3
"""Runs the commands of the guide on images on clusters. Those of Apptainer, enroot and pyxis are not run: no Debian package
has them."""

from __future__ import annotations

import unittest

from guide_case import GuideCase


class ClusterGuide(GuideCase):
    def test_image_on_the_cluster(self) -> None:
        self.run_guide("image-on-the-cluster.md", 5)


if __name__ == "__main__":
    unittest.main()
