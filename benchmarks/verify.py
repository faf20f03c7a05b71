"""What `verify` over many regions costs, as multiples of its slowest chain of round trips, measured in one run.

Each region has a check of each kind. All URLs are behind one server process that answers after 150 ms; the longest chain
is the canary's: the document, then its token and a forged one together. Each measurement is made in a process of its own.

Run it: .venv/bin/python -m benchmarks.verify
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

from rotator.adapters.clock import SystemClock
from rotator.app.reports import VerifyReport
from rotator.app.verify import verify
from rotator.app.world import World
from rotator.domain.evidence import Verdict
from tests.e2e.place import Place, file_config
from tests.servers.wide import Wide, wide

ROUND_TRIP = 0.15
CHAIN = 2 * ROUND_TRIP
COUNTS = (3, 30, 60)
RUNS = 5


@dataclass(frozen=True)
class Measured:
    """Seconds of the quickest and of the middle `verify`, and the most memory in MiB: traced objects of one, and resident."""

    quickest: float
    middle: float
    traced: float
    resident: float


def main() -> None:
    """Print time and memory for each number of regions, and the time where half of thirty hang."""
    few = measured(COUNTS[0], hanging=0)
    print("regions    time / chain (middle)    objects    resident")
    for count in COUNTS:
        found = few if count == COUNTS[0] else measured(count, hanging=0)
        times = f"{found.quickest / CHAIN:9.2f} × ({found.middle / CHAIN:.2f} ×)"
        memory = f"{found.traced / few.traced:6.1f} ×   {found.resident / few.resident:6.2f} ×"
        print(
            f"{count:7}    {times}      {memory}   ({found.traced:.1f}, {found.resident:.0f} MiB)"
        )
    half = measured(30, hanging=15)
    print(f"half of 30 hang: {half.quickest:.2f} s, given up after {PATIENCE} s without an answer")


PATIENCE = 5
"""Seconds that the probe waits for an answer by default."""


def measured(count: int, *, hanging: int) -> Measured:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.verify", str(count), str(hanging)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure(count: int, hanging: int) -> Measured:
    """Apply in `count` regions, then verify them again and again while some of them hang."""
    names = tuple(f"region-{number:02}" for number in range(count))
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "place"
        with wide(there, Path(folder) / "wide.log") as server:
            world = applied(there, names, server)
            server.answer(after=ROUND_TRIP, hanging=names[:hanging])
            runs = 1 if hanging else RUNS
            times = sorted(seconds(world, hanging) for _ in range(runs))
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            tracemalloc.start()
            seconds(world, hanging)
            traced = tracemalloc.get_traced_memory()[1] / 2**20
    return Measured(times[0], times[len(times) // 2], traced, resident)


def applied(there: Path, names: tuple[str, ...], server: Wide) -> World:
    """A first key that signs and a second that stands by, in all regions; the world of a run after that."""
    config = file_config(
        names, passes_required=1, propagation="0s", edge_cache="1s", max_clock_drift="0s"
    )
    for name in names:
        config["regions"][name]["checks"] = server.checks(name)
    worlds: list[World] = []

    def keep(world: World) -> World:
        worlds.append(world)
        return world

    place = Place(there, config, SystemClock(), wiring=keep)
    place.ok("apply", "--yes")
    time.sleep(1.5)  # the URLs answered 404 before, which may be cached for a second
    place.ok("apply", "--yes")
    assert place.phases() == ["active", "published"]
    assert json.loads(place.ok("verify", "--json"))["verdict"] == "pass"
    return worlds[-1]


def seconds(world: World, hanging: int) -> float:
    """The time of one `verify`, whose every verdict is as it must be."""
    start = time.perf_counter()
    report = verify(world)
    took = time.perf_counter() - start
    check(report, hanging)
    return took


def check(report: VerifyReport, hanging: int) -> None:
    """What hangs is unknown, everything else passes."""
    for number, region in enumerate(report.regions):
        origin, *others = region.checks
        due = Verdict.UNKNOWN if number < hanging else Verdict.PASS
        assert (origin.verdict, *(c.verdict for c in others)) == (Verdict.PASS, *[due] * 4), region


if __name__ == "__main__":
    if len(sys.argv) > 1:
        result = measure(int(sys.argv[1]), int(sys.argv[2]))
        print(json.dumps({name: getattr(result, name) for name in Measured.__dataclass_fields__}))
    else:
        main()
