#!/usr/bin/env python3
"""`hpcenv doctor --html FILE`: one page that loads nothing and runs nothing, whatever the machine is called."""
import json
import os
import re
import shutil
import unittest
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

from cli_case import HOSTS, CliCase, captured_machines

HOSTILE = "<script>alert(1)</script>&amp;\"'><img src=http://evil.example/x>"
ALLOWED = {"html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "ul", "li", "a", "b", "span", "small", "section",
           "article", "pre", "footer"}


class Page(HTMLParser):
    """Elements, attributes and text, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.words, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def text(self):
        return " ".join(self.words)


class DoctorPage(CliCase):
    def page(self, machine, *words, **options):
        file = f"{self.home}/report.html"
        done = self.run_program("doctor", "--captured", str(machine), "--html", file, *words, **options)
        self.assertIn(f"Wrote {file}\n", done.stderr)
        with open(file, encoding="utf-8") as page:
            return page.read(), done

    def assert_self_contained(self, text):
        page = Page(text)
        self.assertEqual(page.open, [])
        self.assertLessEqual(set(page.elements), ALLOWED)
        for tag, name, value in page.attributes:
            self.assertIn(name, ("lang", "charset", "name", "content", "http-equiv", "class", "id", "title", "href"), tag)
            if name == "href":
                self.assertRegex(value, r"^#[a-z]+$")
        style = text.split("<style>")[1].split("</style>")[0]
        self.assertNotRegex(style, r"url\(|@import|http|//")
        self.assertIn("default-src 'none'", text)
        ids = [value for _, name, value in page.attributes if name == "id"]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual({value[1:] for _, name, value in page.attributes if name == "href"}, set(ids))
        ElementTree.fromstring(text)
        return page

    def test_machines_give_a_page_with_all_findings(self):
        for machine in captured_machines():
            with self.subTest(machine.name):
                text, done = self.page(machine, "--json")
                page = self.assert_self_contained(text)
                answer = json.loads(done.stdout)
                for finding in answer["findings"]:
                    self.assertIn(finding["id"], page.words)
                    self.assertIn(finding["text"], page.words)
                    for command in finding.get("remedy", {}).get("commands", []):
                        if finding["severity"] != "pass":
                            self.assertIn(command, page.words)
                self.assertEqual(page.elements.count("article"), sum(
                    finding["severity"] != "pass" and "remedy" in finding for finding in answer["findings"]))

    def test_names_of_others_are_text(self):
        machine = f"{self.home}/machine"
        shutil.copytree(HOSTS / "sick-node", machine)
        with open(f"{machine}/host.json", encoding="utf-8") as file:
            host = json.load(file)
        host["hostname"] = HOSTILE
        host["environment"]["LD_PRELOAD"] = HOSTILE + "\x1b[31m"
        with open(f"{machine}/host.json", "w", encoding="utf-8") as file:
            json.dump(host, file)
        text, done = self.page(machine)
        page = self.assert_self_contained(text)
        self.assertIn(HOSTILE, page.text())
        self.assertIn("\\x1b[31m", page.text())
        self.assertNotIn("\x1b", text + done.stdout)
        self.assertEqual(len(re.findall("<(?:script|img)", text)), 0)

    def test_bytes_that_are_no_text(self):
        prefix = os.fsencode(self.home) + b"/env-\xff"
        os.makedirs(prefix + b"/conda-meta")
        with open(prefix + b"/conda-meta/history", "w", encoding="utf-8"):
            pass
        text, _ = self.page(HOSTS / "login-node", "-p", os.fsdecode(prefix), errors="surrogateescape")
        self.assert_self_contained(text)
        self.assertIn("env-\ufffd", text)

    def test_the_page_says_what_the_text_says(self):
        text, done = self.page(HOSTS / "contaminated-shell")
        page = Page(text)
        for line in done.stdout.splitlines():
            if line.startswith("["):
                title = line[5:].split(": ")[0]
                self.assertIn(title, page.words)
        self.assertEqual(done.returncode, 1)
        self.assertIn(" checks on login02.cluster.example: 1 failure, 4 warnings", page.text())

    def test_it_replaces_an_older_one_whole_and_fails_without_a_trace(self):
        with open(f"{self.home}/report.html", "w", encoding="utf-8") as old:
            old.write("old")
        text, _ = self.page(HOSTS / "login-node", cwd=self.home)
        self.assertTrue(text.startswith("<!DOCTYPE html>\n"))
        self.assertEqual(os.listdir(self.home), ["report.html"])
        done = self.run_program("doctor", "--captured", str(HOSTS / "login-node"), "--html", f"{self.home}/none/report.html", check=3)
        self.assertIn(f"{self.home}/none", done.stderr)
        self.assertEqual(os.listdir(self.home), ["report.html"])
        self.run_program("doctor", "--captured", str(HOSTS / "v100-node"), "--html", "here.html", check=0, cwd=self.home)
        self.assertTrue(os.path.exists(f"{self.home}/here.html"), "relative to where the user is")


if __name__ == "__main__":
    unittest.main()
