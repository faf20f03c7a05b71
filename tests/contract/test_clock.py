"""What every `Clock` promises; nobody waits here for longer than a moment."""

from datetime import UTC, datetime, timedelta

import pytest

from rotator.adapters.clock import SystemClock
from rotator.ports import Clock
from tests.fakes.clock import START, FakeClock


@pytest.fixture(params=["fake", "system"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return FakeClock() if request.param == "fake" else SystemClock()


def test_now_is_aware_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_sleeping_takes_at_least_as_long_as_asked(clock: Clock) -> None:
    began, before = clock.monotonic(), clock.now()
    clock.sleep(timedelta(milliseconds=20))
    assert clock.monotonic() - began >= 0.019
    assert clock.now() > before


@pytest.mark.parametrize("duration", [timedelta(), timedelta(seconds=-5)])
def test_no_wait_is_no_wait(clock: Clock, duration: timedelta) -> None:
    began = clock.monotonic()
    clock.sleep(duration)
    assert clock.monotonic() - began < 1


def test_the_system_clock_is_the_systems() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_virtual_time_moves_only_when_it_is_moved() -> None:
    clock = FakeClock()
    assert clock.now() == clock.now() == START
    assert clock.advance(timedelta(days=400)) == START + timedelta(days=400)
    began = clock.monotonic()
    clock.set(START)
    assert (clock.now(), clock.monotonic()) == (START, began)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))
