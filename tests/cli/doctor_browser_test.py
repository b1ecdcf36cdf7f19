#!/usr/bin/env python3
"""The page of `hpcenv doctor --html` in a headless Chromium: wide, narrow, dark and printed.

With PICTURES=DIR in the environment it leaves pictures there, to look at.
"""
import json
import os
import shutil
import unittest
from pathlib import Path

import browser
from cli_case import HOSTS, CliCase, skip

NAMES = ("a100-job", "contaminated-shell", "h200-real", "login-node", "sick-node")
LONG = "/gpfs/projects/" + "averylongnameofaproject" * 8
WIDTHS = (360, 768, 1280)

# Elements that stick out of the window, or whose content sticks out of them.
STICKING_OUT = """[...document.querySelectorAll('body *')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.left < 0 || box.right > innerWidth + 0.5 || element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
}).map(element => element.outerHTML.slice(0, 200))"""

# The least contrast between a text and what it stands on (WCAG 2).
LEAST_CONTRAST = """(() => {
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = colour => parts(colour).slice(0, 3).map(value => value / 255)
    .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (parts(colour).length === 3 || parts(colour)[3] > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return Math.min(...[...document.querySelectorAll('main *')].filter(element => element.textContent.trim()).map(element => {
    const [a, b] = [getComputedStyle(element).color, ground(element)].map(luminance);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
})()"""


class InABrowser(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if browser.PROGRAM is None:
            skip("no chromium")
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)

    def page(self, machine):
        file = f"{self.home}/{Path(machine).name}.html"
        self.run_program("doctor", "--captured", str(machine), "--html", file)
        return f"file://{file}"

    def crowded(self):
        """A machine whose names are longer than any line."""
        machine = f"{self.home}/crowded"
        shutil.copytree(HOSTS / "contaminated-shell", machine)
        with open(f"{machine}/host.json", encoding="utf-8") as file:
            host = json.load(file)
        host["hostname"] = "login" + "x" * 120
        host["environment"]["LD_PRELOAD"] = f"{LONG}/lib/libtcmalloc.so.4"
        host["environment"]["PYTHONHOME"] = LONG
        with open(f"{machine}/host.json", "w", encoding="utf-8") as file:
            json.dump(host, file)
        return machine

    def look(self, address, width, scheme="light", media="screen"):
        self.browser.open(address, width, scheme, media)
        if folder := os.environ.get("PICTURES"):
            self.browser.picture(f"{folder}/{Path(address).stem}-{width}-{scheme}-{media}.png")

    def test_nothing_sticks_out_however_narrow_it_is(self):
        for machine in [*(HOSTS / name for name in NAMES), self.crowded()]:
            address = self.page(machine)
            for width in WIDTHS:
                with self.subTest(f"{Path(machine).name} in {width} px"):
                    self.look(address, width)
                    self.assertEqual(self.browser.value("innerWidth"), width)
                    self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), width)
                    self.assertEqual(self.browser.value(STICKING_OUT), [])
                    self.assertGreater(self.browser.value("document.querySelectorAll('section').length"), 4)

    def test_a_wide_window_does_not_make_long_lines(self):
        self.look(self.page(HOSTS / "sick-node"), 1920)
        self.assertLess(self.browser.value("document.querySelector('main').getBoundingClientRect().width"), 1000)

    def test_dark_is_dark_and_light_is_light(self):
        address = self.page(HOSTS / "sick-node")
        for scheme, is_dark in (("light", False), ("dark", True)):
            self.look(address, 1280, scheme)
            for x, y in ((5, 5), (1270, 450), (5, 890)):
                colour = self.browser.colour_at(x, y)
                self.assertTrue(max(colour) < 60 if is_dark else min(colour) > 230, (scheme, colour))
            text = self.browser.value("getComputedStyle(document.querySelector('h1')).color")
            self.assertEqual(min(int(part) for part in text[4:-1].split(",")) > 200, is_dark, text)
            self.assertGreaterEqual(self.browser.value(LEAST_CONTRAST), 4.5, scheme)
        self.look(address, 1280, "dark", "print")
        self.assertEqual(self.browser.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)",
                         "paper is white")

    def test_it_asks_nobody_and_runs_nothing(self):
        for machine in (HOSTS / "sick-node", self.crowded()):
            address = self.page(machine)
            self.look(address, 1280)
            self.assertEqual(self.browser.requests(), [address])
            self.assertEqual(self.browser.complaints(), [])
            self.assertEqual(self.browser.value("document.scripts.length"), 0)
            self.assertEqual(self.browser.value("performance.getEntriesByType('resource').length"), 0)

    def test_names_of_the_groups_lead_to_them(self):
        self.look(self.page(HOSTS / "sick-node"), 360)
        missing = """[...document.querySelectorAll('.groups a')].filter(link =>
            document.querySelector(link.getAttribute('href')).querySelector('h2').firstChild.textContent.trim() !== link.textContent)
            .length"""
        self.assertEqual(self.browser.value(missing), 0)
        self.assertGreater(self.browser.value("document.querySelectorAll('.groups a').length"), 5)


if __name__ == "__main__":
    unittest.main()
