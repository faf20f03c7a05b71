"""Light: nothing heavy is loaded without need, and N regions cost the slowest one's round trips, not their sum."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial

import pytest

from rotator.adapters.clock import SystemClock
from rotator.app.apply import apply
from rotator.app.plan import make_plan
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.policy import IssuerSetup, Policy, RegionSetup
from rotator.ports import DocumentTarget, HttpAnswer, NoAnswer, Stored
from tests.e2e.place import ISSUER, URL, Place
from tests.fakes.keys import MemoryKeys
from tests.fakes.probe import FakeProbe
from tests.fakes.reporter import RecordingReporter
from tests.fakes.state import MemoryState
from tests.fakes.targets import MemoryRegion

HEAVY = {"boto3", "botocore", "apscheduler", "urllib3"}
ROUND_TRIP_S = 0.05
MANY = 12


@pytest.mark.parametrize("line", ["plan", "status", "apply --yes", "history", "token accounts"])
def test_with_keys_that_live(place: Place, line: str) -> None:
    """What the command line's own test looks at without a key, here with keys that are served and sign."""
    place.ok("apply", "--yes")
    words = ["--config", str(place.file), *line.split()]
    words += ["--region", "us-east-1"] if line.startswith("token") else []
    code = (
        "import sys\nfrom rotator.cli import main\n"
        f"code = main({words!r})\n"
        "print(code, *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, *modules = done.stderr.splitlines()[-1].split()
    assert exit_code == "0", done
    assert not HEAVY & {name.partition(".")[0] for name in modules}


@dataclass(frozen=True)
class FarTarget:
    """A document that is a round trip away."""

    inner: DocumentTarget

    @property
    def location(self) -> str:
        return self.inner.location

    def read(self) -> Stored | None:
        time.sleep(ROUND_TRIP_S)
        return self.inner.read()

    def write(self, body: bytes, expected_etag: str | None) -> str:
        time.sleep(ROUND_TRIP_S)
        return self.inner.write(body, expected_etag)

    def prove_conditional_writes(self) -> None:
        self.inner.prove_conditional_writes()


class FarProbe(FakeProbe):
    """URLs that are a round trip away."""

    def get(self, url: str) -> HttpAnswer | NoAnswer:
        time.sleep(ROUND_TRIP_S)
        return super().get(url)


def far_world(regions: int) -> World:
    """One issuer over so many regions, each with a public URL, all far away, at the real time."""
    clock = SystemClock()
    names = [f"region-{number}" for number in range(regions)]
    stores = {name: MemoryRegion(name) for name in names}
    probe = FarProbe(clock)
    for name, store in stores.items():
        probe.serve(f"https://{name}/", partial(store.documents.get, "jwks"))
    setups = tuple(RegionSetup(name, f"{name}/jwks", f"{name}/signing") for name in names)
    ports = {
        name: RegionPorts(
            FarTarget(store.target("jwks")),
            FarTarget(store.target("signing")),
            (f"https://{name}/",),
        )
        for name, store in stores.items()
    }
    issuer = IssuerWorld(IssuerSetup(ISSUER, URL, Policy(), setups), ports, MemoryKeys())
    state, reporter = MemoryState(clock), RecordingReporter()
    return World(clock, state, probe, reporter, (issuer,), "sha256:far", "test")


def seconds(work: str, regions: int) -> float:
    """The best of three: a shared machine stalls now and then."""
    times = []
    for _ in range(3):
        world = far_world(regions)
        started = time.monotonic()
        if work == "plan":
            make_plan(world)
        else:
            report = apply(world)
            assert not report.failed
        times.append(time.monotonic() - started)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize("work", ["plan", "apply"])
def test_regions_are_worked_side_by_side(work: str) -> None:
    """Twelve regions one after the other would take twelve times as long as one; half of that is more than enough."""
    one, many = seconds(work, 1), seconds(work, MANY)
    assert many < one * MANY / 2, f"{many:.2f} s for {MANY} regions, {one:.2f} s for one"
