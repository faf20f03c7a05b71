"""What many regions cost where each answers after 100 ms, as multiples of one region's time, measured in one run.

Run it: .venv/bin/python -m benchmarks.fan_out
"""

import time
from dataclasses import replace
from datetime import datetime

from rotator.adapters.clock import SystemClock
from rotator.app.apply import apply
from rotator.app.plan import make_plan
from rotator.app.world import RegionPorts, World
from rotator.ports import DocumentTarget, Stored
from tests.scenarios.world import Regions

ROUND_TRIP = 0.1
COUNTS = (1, 3, 10, 30)


class Far:
    """A document that is 100 ms away."""

    def __init__(self, target: DocumentTarget) -> None:
        self._target = target

    @property
    def location(self) -> str:
        """Where it is."""
        return self._target.location

    def read(self) -> Stored | None:
        """Read it."""
        time.sleep(ROUND_TRIP)
        return self._target.read()

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """Write it."""
        time.sleep(ROUND_TRIP)
        return self._target.write(body, expected_etag)

    def prove_conditional_writes(self) -> None:
        """Nothing to prove."""

    def oldest_version(self) -> datetime | None:
        """When it was first written."""
        time.sleep(ROUND_TRIP)
        return self._target.oldest_version()


def main() -> None:
    """Print the time of a first apply and of a plan for each number of regions."""
    results = {count: measure(count) for count in COUNTS}
    print("regions   first apply       plan")
    for count, (applied, planned) in results.items():
        first, plan = results[1]
        print(f"{count:7}   {applied / first:9.2f} ×   {planned / plan:6.2f} ×")


def measure(count: int) -> tuple[float, float]:
    """Seconds of a first apply and of a plan after it."""
    names = tuple(f"region-{number}" for number in range(count))
    world = far(replace_clock(Regions(names=names).world()))
    start = time.perf_counter()
    assert not apply(world).failed
    middle = time.perf_counter()
    make_plan(world)
    return middle - start, time.perf_counter() - middle


def replace_clock(world: World) -> World:
    """Real time, so that sleeping costs."""
    return replace(world, clock=SystemClock())


def far(world: World) -> World:
    """The same world, with every document 100 ms away."""
    (issuer,) = world.issuers
    regions = {
        name: RegionPorts(Far(ports.jwks), Far(ports.signing))
        for name, ports in issuer.regions.items()
    }
    return replace(world, issuers=(replace(issuer, regions=regions),))


if __name__ == "__main__":
    main()
