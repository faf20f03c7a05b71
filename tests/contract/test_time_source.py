"""What every `TimeSource` promises, over the fake and over servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.time_source import SystemTime
from rotator.ports import Clock, NoAnswer, NtpAnswer, TimeSource
from tests.fakes.clock import FakeClock
from tests.fakes.time_source import FakeTimeSource
from tests.servers.ntp import Manner, ntp_server
from tests.servers.process import free_port

_SLACK = timedelta(seconds=0.5)


class Place(Protocol):
    """A source, the clock beside it, and servers of every sort."""

    @property
    def source(self) -> TimeSource: ...
    @property
    def clock(self) -> Clock: ...
    def ahead(self, offset: timedelta) -> str: ...
    def unsynchronised(self) -> str: ...
    def nobody(self) -> str: ...


@dataclass
class _Memory:
    source: FakeTimeSource
    clock: FakeClock

    def ahead(self, offset: timedelta) -> str:
        self.source.serve("time.test", offset)
        return "time.test"

    def unsynchronised(self) -> str:
        self.source.serve("time.test").down = "the NTP server says that it is not synchronised"
        return "time.test"

    def nobody(self) -> str:
        server = self.source.serve("time.test")
        server.down, server.unreachable = "nothing listens for NTP there", True
        return "time.test"


@dataclass
class _Loopback:
    servers: ExitStack
    source: SystemTime
    clock: SystemClock

    def ahead(self, offset: timedelta) -> str:
        return self.servers.enter_context(ntp_server(Manner(ahead=offset))).name

    def unsynchronised(self) -> str:
        return self.servers.enter_context(ntp_server(Manner(leap=3))).name

    def nobody(self) -> str:
        return f"127.0.0.1:{free_port()}"


@pytest.fixture(params=["fake", "system"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with ExitStack() as servers:
        if request.param == "fake":
            clock = FakeClock()
            yield _Memory(FakeTimeSource(clock), clock)
        else:
            yield _Loopback(servers, SystemTime(), SystemClock())


@pytest.mark.parametrize("offset", [timedelta(), timedelta(minutes=3), timedelta(seconds=-90)])
def test_the_time_is_within_its_error_of_the_servers(place: Place, offset: timedelta) -> None:
    answer = place.source.ntp(place.ahead(offset))

    assert isinstance(answer, NtpAnswer)
    assert answer.time.tzinfo is UTC
    assert timedelta() < answer.error < _SLACK
    assert abs(answer.time - place.clock.now() - offset) <= answer.error + _SLACK


def test_a_server_that_is_not_synchronised_gives_no_time(place: Place) -> None:
    answer = place.source.ntp(place.unsynchronised())

    assert isinstance(answer, NoAnswer)
    assert "not synchronised" in answer.detail
    assert not answer.unreachable


def test_where_nobody_listens_is_unreachable(place: Place) -> None:
    answer = place.source.ntp(place.nobody())

    assert isinstance(answer, NoAnswer)
    assert answer.unreachable


def test_a_name_that_nobody_knows_gives_no_time(place: Place) -> None:
    assert place.source.ntp("nowhere.invalid") == NoAnswer("the NTP server's name does not resolve")


def test_the_kernel_says_whether_it_is_disciplined_or_nothing(place: Place) -> None:
    told = place.source.kernel()

    assert told is None or told.max_error >= timedelta()


def test_virtual_servers_follow_virtual_time() -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    source = FakeTimeSource(clock)
    source.serve("time.test", timedelta(seconds=7))
    clock.advance(timedelta(days=1))
    answer = source.ntp("time.test")

    assert isinstance(answer, NtpAnswer)
    assert answer.time == datetime(2026, 1, 2, 0, 0, 7, tzinfo=UTC)
