"""A scratch folder in which a page's commands run in process: time stands still, kids are always the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import shlex
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.cli import main
from rotator.domain.jwk import Algorithm
from rotator.errors import TargetUnreachable
from rotator.ports import DocumentTarget, Generated, KeyName, Stored
from tests.docs.pages import ROOT
from tests.fakes.clock import FakeClock
from tests.fakes.keys import MemoryKeys
from tests.fakes.probe import FakeProbe
from tests.fakes.time_source import FakeTimeSource

BEGIN = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class SameKeys(MemoryKeys):
    """Makes the same key for the same name each time, so that a page may print its kid."""

    def generate(self, asked: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        name = f"{asked.issuer}/{asked.generation}"
        if algorithm is Algorithm.ES256 and name not in self._keys:
            secret = int.from_bytes(hashlib.sha256(name.encode()).digest()) % _P256_ORDER
            self._keys[name] = ec.derive_private_key(secret, ec.SECP256R1())
            self.made.append(name)
        return super().generate(asked, algorithm, rsa_bits)


@dataclass(frozen=True)
class Reachable:
    """A region's document that answers unless the story says that the region is down."""

    target: DocumentTarget
    region: str
    story: Story

    @property
    def location(self) -> str:
        return str(Path(self.target.location).relative_to(self.story.folder))

    def read(self) -> Stored | None:
        self._answer()
        return self.target.read()

    def oldest_version(self) -> datetime | None:
        self._answer()
        return self.target.oldest_version()

    def write(self, body: bytes, expected_etag: str | None) -> str:
        self._answer()
        return self.target.write(body, expected_etag)

    def prove_conditional_writes(self) -> None:
        self._answer()
        self.target.prove_conditional_writes()

    def _answer(self) -> None:
        if self.region in self.story.down:
            raise TargetUnreachable(
                f"cannot reach {self.location}", detail="connection refused, or no way to the host"
            )


@dataclass
class Story:
    """One folder with its clock, keys, edges and regions that may be down."""

    folder: Path
    clock: FakeClock = field(default_factory=lambda: FakeClock(BEGIN))
    keys: SameKeys = field(default_factory=SameKeys)
    down: set[str] = field(default_factory=set)
    code: int = 0

    def __post_init__(self) -> None:
        self.probe = FakeProbe(self.clock)
        self.environ = {"TZ": "UTC"}

    def run(self, text: str) -> str:
        """What a command prints, stdout and stderr as a terminal shows them."""
        program, _, rest = text.partition(" ")
        actions: dict[str, Callable[[str], str]] = {
            "rotator": self.rotator,
            "make": _make,
            "cat": lambda path: (self.folder / path).read_text("utf-8"),
            "echo": self._echo,
        }
        return actions[program](rest)

    def rotator(self, line: str) -> str:
        """Run one command line of rotator's; `code` is how it ended."""
        printed = io.StringIO()
        with contextlib.chdir(self.folder), redirect_stdout(printed), redirect_stderr(printed):
            self.code = main(
                shlex.split(line), clock=self.clock, environ=self.environ, wiring=self._wired
            )
        return printed.getvalue()

    def _echo(self, what: str) -> str:
        assert what == "$?", "a page shows nothing else"
        code, self.code = self.code, 0
        return f"{code}\n"

    def quietly(self, line: str) -> None:
        """Run a command of the background, however it ends."""
        self.rotator(line)
        self.code = 0

    def pass_time(self, duration: timedelta) -> None:
        """Time passes and nobody runs anything."""
        self.clock.advance(duration)

    def daily_runs(self, days: int) -> None:
        """A schedule applies once a day."""
        for _ in range(days):
            self.pass_time(timedelta(days=1))
            self.quietly("apply --yes")

    def runs_now_and_then(self, days: int) -> None:
        """Ten days apart, and once more on the last day."""
        for _ in range(days // 10):
            self.pass_time(timedelta(days=10))
            self.quietly("apply --yes")
        self.daily_runs(days % 10)

    def document(self, region: str, name: str = "jwks.json") -> Path:
        """Where a region's document lies."""
        return self.folder / "regions" / region / "accounts" / name

    def _wired(self, world: World) -> World:
        return replace(
            world,
            owner="ops-1:4711",
            probe=self.probe,
            time=FakeTimeSource(self.clock),
            issuers=tuple(self._issuer(issuer) for issuer in world.issuers),
        )

    def _issuer(self, issuer: IssuerWorld) -> IssuerWorld:
        regions = {
            name: RegionPorts(
                Reachable(ports.jwks, name, self),
                Reachable(ports.signing, name, self),
                ports.checks,
            )
            for name, ports in issuer.regions.items()
        }
        return replace(issuer, keys=self.keys, regions=regions)


def _make(target: str) -> str:
    """Only that there is such a target; what it does is tested where it belongs."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"no make {target}"
    return ""
