"""Light: nothing heavy is loaded without need, and N regions cost the slowest one's round trips, not their sum."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Barrier

import pytest

from rotator.app.apply import apply
from rotator.app.plan import make_plan
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.checks import HttpCheck
from rotator.domain.policy import IssuerSetup, Policy, RegionSetup
from rotator.ports import DocumentTarget, HttpAnswer, NoAnswer, Stored
from tests.e2e.place import ISSUER, URL, Place
from tests.fakes.clock import FakeClock
from tests.fakes.keys import MemoryKeys
from tests.fakes.probe import FakeProbe
from tests.fakes.reporter import RecordingReporter
from tests.fakes.state import MemoryState
from tests.fakes.targets import MemoryRegion
from tests.fakes.time_source import FakeTimeSource

HEAVY = {"boto3", "botocore", "apscheduler", "urllib3"}
MANY = 12
PATIENCE_S = 30
"""How long one waits for the others before the test has failed; nobody waits when all are there."""


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
class MeetingTarget:
    """A document whose reads, or whose writes, go on only when all the others are under way as well."""

    inner: DocumentTarget
    reads: Barrier | None
    writes: Barrier | None

    @property
    def location(self) -> str:
        return self.inner.location

    def read(self) -> Stored | None:
        if self.reads:
            self.reads.wait()
        return self.inner.read()

    def write(self, body: bytes, expected_etag: str | None) -> str:
        if self.writes:
            self.writes.wait()
        return self.inner.write(body, expected_etag)

    def oldest_version(self) -> datetime | None:
        return self.inner.oldest_version()

    def prove_conditional_writes(self) -> None:
        self.inner.prove_conditional_writes()


class MeetingProbe(FakeProbe):
    """URLs that are looked at only when all the others are."""

    meeting: Barrier | None = None

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        if self.meeting:
            self.meeting.wait()
        return super().get(url, address=address, token=token)


def meeting_world(*, reads: Barrier | None = None, writes: Barrier | None = None) -> World:
    """One issuer over many regions, each with a public URL."""
    clock = FakeClock()
    names = [f"region-{number}" for number in range(MANY)]
    stores = {name: MemoryRegion(name) for name in names}
    probe = MeetingProbe(clock)
    probe.meeting = reads
    for name, store in stores.items():
        probe.serve(f"https://{name}/", partial(store.documents.get, "jwks"))
    setups = tuple(RegionSetup(name, f"{name}/jwks", f"{name}/signing") for name in names)
    ports = {
        name: RegionPorts(
            MeetingTarget(store.target("jwks"), reads, writes),
            MeetingTarget(store.target("signing"), reads, writes),
            (HttpCheck(f"https://{name}/", samples=1),),
        )
        for name, store in stores.items()
    }
    issuer = IssuerWorld(IssuerSetup(ISSUER, URL, Policy(), setups), ports, MemoryKeys())
    state, reporter = MemoryState(clock), RecordingReporter()
    return World(
        clock, state, probe, FakeTimeSource(clock), reporter, (issuer,), "sha256:many", "test"
    )


def test_all_documents_and_urls_are_looked_at_together():
    """Three looks a region; one that waited for another would wait for ever."""
    plan = make_plan(meeting_world(reads=Barrier(3 * MANY, timeout=PATIENCE_S)))
    assert not plan.blocked
    assert plan.due == 2 + MANY


def test_all_regions_are_written_together():
    report = apply(meeting_world(writes=Barrier(MANY, timeout=PATIENCE_S)))
    assert not report.failed
    assert sum(result.step.kind == "write_jwks" for result in report.results) == MANY
