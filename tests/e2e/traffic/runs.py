"""The two runs: rotator with its gate, and the naive order, before the same verifiers and under the same traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rotator.adapters.clock import SystemClock
from tests.e2e.place import ISSUER, REGIONS, Place, file_config
from tests.e2e.traffic import numbers
from tests.e2e.traffic.driver import Driver, Rejection, Report
from tests.e2e.traffic.naive import Naive, kid_of
from tests.e2e.traffic.regions import AP, EU, US, Edges, Verifiers, edges, verifiers
from tests.e2e.year import OneProcess
from tests.servers.verifiers import Verifier

RATE: Final = 1500.0
"""Tokens a second, in all regions together."""
RUN_EVERY_S: Final = 1.0
AFTERWARDS_S: Final = 8.0
"""How long traffic goes on after the last removal: until every cache has met the document without the key."""


SPEAKS_FOR: Final = {US: ["our-jose"], EU: ["our-pyjwt"], AP: ["our-jose", "our-pyjwt"]}
"""Whose keys the health documents of each region tell."""


@dataclass(frozen=True, slots=True)
class Gated:
    """What came of a run with rotator: its keys as `history` tells them, and the exit codes of its runs."""

    report: Report
    keys: tuple[dict[str, Any], ...]
    codes: tuple[int, ...]

    @property
    def rotated(self) -> int:
        """How many switches there were after the first key's."""
        return sum(key["retired_at"] is not None for key in self.keys)

    @property
    def removed(self) -> int:
        """How many old keys left every document."""
        return sum(key["phase"] == "removed" for key in self.keys)

    @property
    def signed_with(self) -> tuple[str, ...]:
        """The kids that signed the traffic."""
        return tuple(key["kid"] for key in self.keys if key["activated_at"])


@dataclass(frozen=True, slots=True)
class Ungated:
    """What came of a naive run; `switches` are the moments of its rotations, in milliseconds since 1970."""

    report: Report
    switches: tuple[float, ...]

    def too_new(self, rejection: Rejection) -> bool:
        """Whether its key was the newest there was: not learned yet. Else it was not known any more."""
        begun = sum(moment <= rejection.at for moment in self.switches)
        return rejection.kid == kid_of(begun)


def gated(folder: Path, *, tokens: int, removals: int, limit_s: float) -> Gated:
    """rotator runs every second until so many tokens were checked and so many old keys have left."""
    with at_work(folder, numbers.POLICY) as (place, driver, _):
        codes = _keep_running(place, driver, tokens, removals, limit_s)
        report = driver.finish()
        return Gated(report, tuple(place.history()), tuple(codes))


@contextmanager
def at_work(
    folder: Path, policy: Mapping[str, Any]
) -> Iterator[tuple[Place, Driver, tuple[Verifier, ...]]]:
    """Three regions that sign with their first key, under traffic; the last are the verifiers that keep keys longest."""
    place = Place(folder / "place", file_config(**policy), clock=SystemClock())
    place.wiring = OneProcess()
    roots = {name: place.folder / "regions" / name for name in REGIONS}
    with edges(folder / "edges", roots) as at:
        _look_at(place, at)
        _first_key(place)
        signing = {name: place.folder / "signing" / name / "signing.json" for name in REGIONS}
        with (
            verifiers(folder / "verifiers", at) as behind,
            Driver(folder / "traffic", place.folder, signing, behind, RATE) as driver,
        ):
            _ask_verifiers(place, behind)
            yield place, driver, behind.longest


def naive(folder: Path, *, rotations: int, every_s: float) -> Ungated:
    """So many naive rotations, each with a purge of every edge; traffic before, between and after them."""
    base = folder / "place"
    roots = {name: base / "regions" / name for name in REGIONS}
    signing = {name: base / "signing" / name / "signing.json" for name in REGIONS}
    order = Naive(
        base, {name: root / ISSUER / "jwks.json" for name, root in roots.items()}, signing
    )
    switches = [order.publish_and_switch()]
    with (
        edges(folder / "edges", roots) as at,
        verifiers(folder / "verifiers", at) as behind,
        Driver(folder / "traffic", base, signing, behind, RATE) as driver,
    ):
        for _ in range(rotations):
            time.sleep(every_s)
            switches.append(order.publish_and_switch())
            at.purge()
        time.sleep(every_s)
        return Ungated(driver.finish(), tuple(switches))


def _look_at(place: Place, at: Edges) -> None:
    """The regions' edges are what rotator looks at; signing.json lies where no edge serves it."""
    for name, region in place.config["regions"].items():
        region["checks"] = [{"kind": "http", "url": at.url(name)}]
        region["signing"]["path"] = f"signing/{name}/signing.json"
    place.write_config()


def _ask_verifiers(place: Place, behind: Verifiers) -> None:
    """Those that can tell which keys they hold gate the switches from now on."""
    for name, region in place.config["regions"].items():
        check = {"kind": "verifier", "urls": behind.health[name], "covers": SPEAKS_FOR[name]}
        region["checks"].append(check)
    place.write_config()


def _first_key(place: Place) -> None:
    """Run until the first key signs everywhere: nobody asks before."""
    until = time.monotonic() + 30
    while "active" not in place.phases():
        ran = place.run("apply", "--yes")
        assert time.monotonic() < until, ran
        time.sleep(RUN_EVERY_S / 2)


@dataclass
class _Patience:
    """Ends a run when all was seen, with some traffic after it; an AssertionError when it takes too long."""

    tokens: int
    removals: int
    limit_s: float
    began: float = field(default_factory=time.monotonic)
    seen_at: float | None = None

    def over(self, place: Place, report: Report) -> bool:
        now = time.monotonic()
        if self.seen_at is None and place.phases().count("removed") >= self.removals:
            self.seen_at = now
        done = self.seen_at is not None and now - self.seen_at > AFTERWARDS_S
        assert now - self.began < self.limit_s, (report, place.history())
        return done and report.tokens >= self.tokens


def _keep_running(
    place: Place, driver: Driver, tokens: int, removals: int, limit_s: float
) -> list[int]:
    codes = []
    patience = _Patience(tokens, removals, limit_s)
    while not patience.over(place, driver.so_far()):
        begun = time.monotonic()
        codes.append(place.run("apply", "--yes").code)
        time.sleep(max(0.0, RUN_EVERY_S - (time.monotonic() - begun)))
    return codes
