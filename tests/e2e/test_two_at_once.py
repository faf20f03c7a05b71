"""Two `apply --yes` started together: one works, the other finds the lease held or nothing to do, nothing is torn."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from rotator.adapters.clock import SystemClock
from tests.e2e.consumers import key_set
from tests.e2e.place import ISSUER, REGIONS, Place, file_config
from tests.fakes.clock import FakeClock
from tests.servers.s3 import S3Endpoint

pytestmark = pytest.mark.slow

DONE, BUSY = 0, 75
DAY = timedelta(days=1)
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


class LaterClock(SystemClock):
    """The machine's clock, days ahead: it goes on by itself and really waits."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


def contender(
    folder: Path,
    config: dict[str, object],
    aws: dict[str, str],
    ahead: timedelta,
    start: Barrier,
) -> None:
    """One of the two; its exit code is rotator's, its answer lies beside the configuration."""
    name = multiprocessing.current_process().name
    os.environ.update(aws)  # the server was forked off before this test had its credentials
    place = Place(folder, config, LaterClock(ahead))
    start.wait(30)
    ran = place.run("apply", "--yes", "--json")
    (folder / f"{name}.json").write_text(ran.out)
    raise SystemExit(ran.code)


def race(place: Place, ahead: timedelta) -> list[int | None]:
    """Start two together and look at how they ended; their exit codes."""
    start = SERVER.Barrier(2)
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    arguments = (place.folder, place.config, aws, ahead, start)
    names = ("left", "right")
    both = [SERVER.Process(target=contender, args=arguments, name=name) for name in names]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    answers = [json.loads((place.folder / f"{name}.json").read_text()) for name in names]
    codes = [process.exitcode for process in both]
    agree_on_it(codes, answers)
    return codes


def agree_on_it(codes: list[int | None], answers: list[dict[str, object]]) -> None:
    """One worked; the other was turned away or found nothing to do."""
    assert set(codes) <= {DONE, BUSY}, json.dumps([codes, answers])
    worked = [answer for answer in answers if answer.get("results")]
    assert len(worked) == 1, (codes, answers)
    for code, answer in zip(codes, answers, strict=True):
        if code == BUSY:
            assert answer["error"]["code"] == "E_LEASE_HELD", answer  # type: ignore[index]


def state_and_documents_agree(place: Place, phases: list[str]) -> None:
    keys = place.history()
    assert [key["phase"] for key in keys] == phases
    assert place.pems().keys() == {str(key["generation"]) for key in keys}
    bodies = {place.jwks(name) for name in REGIONS}
    assert len(bodies) == 1
    assert list(key_set(bodies.pop() or b"")) == [key["kid"] for key in keys]
    (active,) = [key["kid"] for key in keys if key["phase"] == "active"]
    orders = [json.loads(place.signing(name) or b"") for name in REGIONS]
    assert {order["active"]["kid"] for order in orders} == {active}
    assert len({order["generation"] for order in orders}) == 1
    (state,) = json.loads(place.ok("state", "show"))["issuers"]
    assert state["issuer"] == ISSUER
    assert state["intent"] is None
    assert "nobody held it" in place.ok("state", "unlock")
    place.ok("audit", "--verify")


SITUATIONS = {"first run": timedelta(), "switch due": 91 * DAY}
"""Situations in which both have work: how far ahead of the last run, if any, the clock is."""


def rounds(makers: Sequence[Callable[[], Place]], ahead: timedelta) -> None:
    """A race in each place; both endings of the one who lost must have been seen."""
    codes: list[int | None] = []
    for make in makers:
        place = make()
        place.clock = FakeClock(datetime.now(UTC))
        if ahead:
            place.ok("apply", "--yes")
        codes += race(place, ahead)
        place.clock = FakeClock(datetime.now(UTC) + ahead + timedelta(minutes=1))
        state_and_documents_agree(place, [*["retired"] * bool(ahead), "active", "published"])
        assert place.json("apply", "--yes")["results"] == []
    assert BUSY in codes, "they never met: this was no race"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_on_files(tmp_path: Path, situation: str) -> None:
    makers = [partial(Place, tmp_path / str(n), file_config()) for n in range(8)]
    rounds(makers, SITUATIONS[situation])


@pytest.mark.s3
@pytest.mark.parametrize("situation", SITUATIONS)
def test_on_buckets(
    s3_place: Callable[..., Place], seaweedfs_endpoint: S3Endpoint, situation: str
) -> None:
    makers = [partial(s3_place, seaweedfs_endpoint, name=str(n)) for n in range(4)]
    rounds(makers, SITUATIONS[situation])


@pytest.mark.parametrize("round_", range(6))
def test_whole_processes(tmp_path: Path, round_: int) -> None:
    """`python -m rotator` twice, as a scheduler and a person at a terminal would."""
    place = Place(tmp_path / "place", file_config(), SystemClock())
    both = []
    for _ in range(2):
        both.append(place.start("apply", "--yes", "--json"))
        time.sleep(round_ * 0.04)
    answers = [process.communicate(timeout=60)[0] for process in both]
    agree_on_it([process.returncode for process in both], [json.loads(text) for text in answers])
    state_and_documents_agree(place, ["active", "published"])
