"""A page of documentation as something that can be run: situations in comments, commands with their output in blocks.

    <!-- setup: the first keys -->      a new folder, in this situation
    <!-- then: a day passes -->         something happens there

A ```console block has lines `$ command`, each followed by what it prints. `…` stands for anything within a line, a line
that is nothing but `…` for any number of lines. `$ echo $?` shows how the command before it ended; without it, it must
have ended well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TAKEOVERS = sorted(
    page for page in (ROOT / "docs/takeover").glob("*.md") if page.name != "README.md"
)
PAGES = [
    ROOT / "README.md",
    ROOT / "docs/history.md",
    *sorted((ROOT / "runbooks").glob("*.md")),
    *TAKEOVERS,
]

_DIRECTIVE = re.compile(r"<!-- (setup|then): (.+) -->")


@dataclass(frozen=True, slots=True)
class Directive:
    """A situation to set up, or something that happens."""

    line: int
    fresh: bool
    name: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command with the output that the page shows; `end` is the line behind it."""

    line: int
    text: str
    shown: tuple[str, ...]

    @property
    def end(self) -> int:
        """The number of the first line that is not its output."""
        return self.line + 1 + len(self.shown)


def parts(page: Path) -> Iterator[Directive | Command]:
    """What a page says, in order; line numbers from 1."""
    lines = page.read_text("utf-8").splitlines()
    inside = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("```"):
            inside = line == "```console"
        elif found := _DIRECTIVE.fullmatch(line):
            yield Directive(number, found[1] == "setup", found[2])
        elif inside and line.startswith("$ "):
            yield Command(number, line[2:], tuple(_output(lines[number:])))


def matches(shown: tuple[str, ...], printed: str) -> bool:
    """Whether a command printed what the page shows."""
    rows = [
        r"(?:.*\n)*" if row == "…" else ".*".join(map(re.escape, row.rstrip().split("…"))) + r"\n"
        for row in shown
    ]
    return re.fullmatch("".join(rows), tidy(printed)) is not None


def tidy(printed: str) -> str:
    """Output as a page shows it: no spaces at the ends of lines, no empty lines at the end."""
    text = "\n".join(row.rstrip() for row in printed.splitlines()).rstrip("\n")
    return text + "\n" if text else ""


def _output(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith(("$ ", "```")):
            return
        yield line
