"""The fakes that other tests stand on: faults of a region, and an edge that serves what it kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.errors import TargetConflict, TargetDenied, TargetUnreachable, TargetUnsafe
from rotator.ports import DocumentTarget, HttpAnswer, NoAnswer, Probe
from tests.fakes.clock import FakeClock
from tests.fakes.probe import FakeProbe
from tests.fakes.targets import Fault, MemoryRegion

_URL = "https://one.example.com/jwks.json"


def see(probe: Probe) -> tuple[int, bytes, str | None]:
    answer = probe.get(_URL)
    assert isinstance(answer, HttpAnswer)
    return answer.status, answer.body, answer.headers.get("age")


def test_an_edge_serves_its_copy_until_max_age_has_passed() -> None:
    clock, region = FakeClock(), MemoryRegion("one", documents={"jwks.json": b"old"})
    probe = FakeProbe(clock)
    edge = probe.serve(
        _URL, lambda: region.documents.get("jwks.json"), max_age=timedelta(seconds=300)
    )

    assert see(probe) == (200, b"old", "0")
    region.documents["jwks.json"] = b"new"
    clock.advance(timedelta(seconds=299))
    assert see(probe) == (200, b"old", "299")
    clock.advance(timedelta(seconds=1))
    assert see(probe) == (200, b"new", "0")
    region.documents["jwks.json"] = b"newer"
    edge.purge()
    assert see(probe) == (200, b"newer", "0")


def test_an_edge_keeps_a_404_too() -> None:
    clock, region = FakeClock(), MemoryRegion("one")
    probe = FakeProbe(clock)
    probe.serve(_URL, lambda: region.documents.get("jwks.json"))

    assert see(probe)[0] == 404
    region.documents["jwks.json"] = b"here"
    assert see(probe)[0] == 404
    clock.advance(timedelta(minutes=5))
    assert see(probe)[:2] == (200, b"here")


def test_an_edge_lies_as_told() -> None:
    probe = FakeProbe(FakeClock())
    edge = probe.serve(_URL, lambda: b"truth", max_age=None)
    edge.status, edge.body, edge.headers = 503, b"lie", {"retry-after": "9"}
    answer = probe.get(_URL)

    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"lie", "9")
    assert "cache-control" not in answer.headers
    edge.down = "refused"
    assert probe.get(_URL) == NoAnswer("refused")
    assert isinstance(probe.get("https://unknown.example.com/"), NoAnswer)
    assert probe.asked == [_URL, _URL, "https://unknown.example.com/"]


def test_a_region_fails_as_told() -> None:
    region = MemoryRegion("one", documents={"k": b"old"})
    target: DocumentTarget = region.target("k")
    for fault, kind in ((Fault.DOWN, TargetUnreachable), (Fault.DENIED, TargetDenied)):
        region.fault = fault
        with pytest.raises(kind):
            target.read()
        with pytest.raises(kind):
            target.write(b"new", region.etag("k"))
    region.fault = None

    stored = target.read()
    assert stored is not None
    assert stored.body == b"old"
    assert region.writes == []


def test_one_write_fails_as_told() -> None:
    region = MemoryRegion("one")
    target = region.target("k")
    target.next_writes = [Fault.CONFLICT, Fault.ANSWER_LOST]

    with pytest.raises(TargetConflict):
        target.write(b"first", None)
    with pytest.raises(TargetUnreachable):
        target.write(b"second", None)
    target.write(b"third", region.etag("k"))

    assert region.writes == [("k", b"second"), ("k", b"third")]


def test_a_region_that_ignores_conditions_says_so() -> None:
    region = MemoryRegion("one", documents={"k": b"old"}, keeps_conditions=False)

    assert region.target("k").write(b"new", None)
    with pytest.raises(TargetUnsafe):
        region.target("k").prove_conditional_writes()
