"""How many AWS calls rotator's commands make over three regions, for one issuer and for a thousand.

Run it: .venv/bin/python -m benchmarks.aws_calls [ISSUERS]
It takes some minutes. Nothing is stubbed but AWS, which ministack plays; the many issuers are copies of one that was
really set up. Of their plan it also tells the wall time, as a multiple of that of the same calls made by bare clients.
"""

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.config import Config

from benchmarks.aws_world import FIRST, REGIONS, Call, Setup, anybody, recorded
from rotator.app.apply import apply
from rotator.app.looking import MOST_AT_ONCE, side_by_side
from rotator.app.plan import make_plan
from rotator.app.verify import verify
from rotator.config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.servers.ministack import Ministack, ministack

KEYS = ("local", "kms", "kms-wrapped")
STATES = ("sqlite", "s3")
PARTS = ("documents", "state", "keys")
HEAD = ("issuers", "keys", "state", "command", "calls", "documents", "state", "KMS")
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ROUNDS = 3


def main(issuers: int) -> None:
    """Print the table of calls, then the times."""
    print("|" + " | ".join(HEAD) + "|\n|" + " --- |" * len(HEAD))
    times = []
    with anybody(), tempfile.TemporaryDirectory() as folder:
        for keys in KEYS:
            for state in STATES:
                place = Path(folder, f"{keys}-{state}")
                one_issuer(place / "one", keys, state)
                times.append((keys, state, many_issuers(place / "many", keys, state, issuers)))
    print(f"\nplan, nothing due, {issuers} issuers, as a multiple of its calls by bare clients:")
    for keys, state, (plan, bare) in times:
        print(f"{keys:12} {state:7} {plan / bare:5.2f} ×   ({plan:.1f} s)")


def one_issuer(folder: Path, keys: str, state: str) -> None:
    """The rows of a single issuer's life."""
    with ministack(folder, time_travel=True) as server:
        clock = FakeClock()
        server.travel_to(clock.now())
        setup = prepared(folder, keys, state, clock, server)
        settings = setup.settings([FIRST])
        with row(1, setup, "first apply"):
            assert not apply(setup.world(settings)).failed
        clock.advance(MINUTE)
        with row(1, setup, "plan, nothing due"):
            assert not make_plan(setup.world(settings)).due
        with row(1, setup, "apply, nothing due"):
            assert not apply(setup.world(settings)).results
        with row(1, setup, "verify"):
            assert verify(setup.world(settings)).gate_open
        runs, calls = rotation(setup, settings, clock, server)
        tell(1, setup, f"rotation: {runs} times apply", calls)


def many_issuers(folder: Path, keys: str, state: str, issuers: int) -> tuple[float, float]:
    """The row of many issuers, and the seconds that their plan takes, and that its calls take by themselves."""
    with ministack(folder) as server:
        clock = FakeClock()
        setup = prepared(folder, keys, state, clock, server)
        assert not apply(setup.world(setup.settings([FIRST]))).failed
        names = [f"issuer-{number:04}" for number in range(1, issuers)]
        setup.copy_first(names)
        clock.advance(MINUTE)
        settings = setup.settings([FIRST, *names])
        with row(issuers, setup, "plan, nothing due") as calls:
            assert not make_plan(setup.world(settings)).due
        bare = Bare(server)
        plan = seconds(lambda: make_plan(setup.world(settings)))
        return plan, seconds(lambda: bare.replay(calls))


def prepared(folder: Path, keys: str, state: str, clock: FakeClock, server: Ministack) -> Setup:
    """A setup with its buckets and wrapping keys."""
    setup = Setup(folder, keys, state, clock, dict.fromkeys(REGIONS, server.endpoint.url))
    setup.prepare()
    return setup


def rotation(
    setup: Setup, settings: Settings, clock: FakeClock, server: Ministack
) -> tuple[int, list[Call]]:
    """From a warm standby until the key before it is destroyed: the runs that do something of it, and their calls."""
    state = setup.world(settings).state.load(FIRST)
    assert state is not None
    (old, *_), runs, calls = state.keys, 0, list[Call]()
    while not destroyed(setup, settings, old.kid):
        server.travel_to(next_moment(setup, settings, clock))
        with recorded() as during:
            report = apply(setup.world(settings))
        assert not report.failed
        if report.results:
            runs, calls = runs + 1, [*calls, *during]
    return runs, calls


def destroyed(setup: Setup, settings: Settings, kid: str) -> bool:
    """Whether the private half of a key is gone."""
    state = setup.world(settings).state.load(FIRST)
    key = state.key(kid) if state else None
    return key is not None and key.moments.destroyed_at is not None


def next_moment(setup: Setup, settings: Settings, clock: FakeClock) -> datetime:
    """Time passes until something that waits for time is due."""
    (plan,) = make_plan(setup.world(settings)).issuers
    coming = [wait.until for wait in plan.waiting if wait.until and wait.until > clock.now()]
    clock.set(min(coming) + SECOND)
    return clock.now()


@contextmanager
def row(issuers: int, setup: Setup, command: str) -> Iterator[list[Call]]:
    """One row of the table: the calls that are made meanwhile."""
    with recorded() as calls:
        yield calls
    tell(issuers, setup, command, calls)


def tell(issuers: int, setup: Setup, command: str, calls: Sequence[Call]) -> None:
    """Print a row: all calls, then by part of the work."""
    parts = (_words(call.operation for call in calls if call.part == part) for part in PARTS)
    cells = (f"{issuers:,}", setup.keys, setup.state, command, f"{len(calls):,}", *parts)
    print(f"| {' | '.join(cells)} |", flush=True)


def _words(operations: Iterable[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in Counter(operations).most_common())


def seconds(work: Callable[[], object]) -> float:
    """The median of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


class Bare:
    """The same calls by clients that do nothing else, all of them side by side."""

    def __init__(self, server: Ministack) -> None:
        self._url = server.endpoint.url
        self._clients = {
            (service, region): self._client(service, region)
            for service in ("s3", "kms")
            for region in REGIONS
        }

    def replay(self, calls: Sequence[Call]) -> None:
        """Make the calls once more; what is written is as large as it was."""
        side_by_side(self._again, calls)

    def _client(self, service: str, region: str) -> Any:
        config = Config(
            max_pool_connections=MOST_AT_ONCE,
            request_checksum_calculation="when_required",
            s3={"addressing_style": "path"},
        )
        return boto3.client(
            cast("Any", service), region_name=region, endpoint_url=self._url, config=config
        )

    def _again(self, call: Call) -> None:
        s3 = self._clients["s3", call.region]
        match call.operation:
            case "GetObject":
                s3.get_object(Bucket=call.bucket, Key=call.key)["Body"].read()
            case "PutObject":
                s3.put_object(Bucket=call.bucket, Key=f"{call.key}.again", Body=b"x" * call.size)
            case "ListObjectsV2":
                s3.list_objects_v2(Bucket=call.bucket)
            case "ListAliases":
                self._clients["kms", call.region].list_aliases()
            case other:
                raise ValueError(f"a plan makes no {other}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
