"""Runs `main` in this process: its own folder, clock, environment and streams."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotator.app.world import World
from rotator.cli import main
from tests.fakes.clock import FakeClock

CONFIG = """\
version: 1
state: {kind: sqlite, path: .rotator/state.db}
keys: {kind: local, path: .rotator/keys}
regions:
  us-east-1:
    jwks: {kind: file, path: "regions/us-east-1/{issuer}/jwks.json"}
    signing: {kind: file, path: "regions/us-east-1/{issuer}/signing.json"}
  eu-central-1:
    jwks: {kind: file, path: "regions/eu-central-1/{issuer}/jwks.json"}
    signing: {kind: file, path: "regions/eu-central-1/{issuer}/signing.json"}
issuers:
  accounts: {url: "https://auth.example.com"}
"""


CTRL_C = "\x03"
"""What a terminal is typed to end a program."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


class _Terminal(io.StringIO):
    """A stream that says it is a terminal; Ctrl-C interrupts whoever reads it."""

    def isatty(self) -> bool:
        return True

    def readline(self, *_size: Any) -> Any:
        line = super().readline()
        if line.startswith(CTRL_C):
            raise KeyboardInterrupt
        return line


@dataclass
class Cli:
    """A folder with a configuration; `wiring` changes the ports of every run."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    wiring: Callable[[World], World] | None = None
    environ: dict[str, str] = field(default_factory=lambda: {"TZ": "UTC", "TERM": "xterm"})

    def __post_init__(self) -> None:
        self.write_config(CONFIG)

    @property
    def config(self) -> Path:
        return self.folder / "rotator.yaml"

    def write_config(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")

    def run(self, *argv: str | Path, answer: str | None = None) -> Result:
        """Run a command line; with `answer` on a terminal at which somebody types that."""
        words = ["--config", str(self.config), *map(str, argv)]
        out, err = (io.StringIO() if answer is None else _Terminal() for _ in range(2))
        typed = io.StringIO() if answer is None else _Terminal(answer)
        with redirect_stdout(out), redirect_stderr(err), _stdin(typed):
            code = main(words, clock=self.clock, environ=self.environ, wiring=self.wiring)
        return Result(code, out.getvalue(), err.getvalue())

    def ok(self, *argv: str | Path) -> str:
        """Run a command that must succeed; its stdout."""
        result = self.run(*argv)
        assert result.code == 0, result
        return result.out

    def first_keys(self) -> None:
        """Bring the issuer to life."""
        self.ok("apply", "--yes")


@contextmanager
def _stdin(stream: Any) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before
