"""The commands of guides and what they print.

Blocks marked `console` hold commands (`$ ...`) and what they print. A line `...` stands for any lines, `...` within a line
for any text; runs of blanks are one blank.
"""
import re


def steps_of(page: str) -> list[tuple[str, list[str]]]:
    """(command, expected lines) of every console block."""
    steps: list[tuple[str, list[str]]] = []
    with open(page, encoding="utf-8") as file:
        blocks = re.findall(r"```console\n(.*?)```", file.read(), re.DOTALL)
    for block in blocks:
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
    return steps


def pattern_of(lines: list[str]) -> str:
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
            continue
        words = re.split(r"\s+", line.strip())
        parts.append(r"[ \t]*" + r"[ \t]+".join(re.escape(word).replace(r"\.\.\.", ".*") for word in words) + r"[ \t]*\n")
    return "".join(parts)
