"""Asked to stop: by signals, between stages, while waiting for somebody else's lease."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest

from rotator.daemon.signals import AT_ONCE, Signals
from rotator.daemon.stopping import StoppableClock, StoppableState, Stopping
from rotator.ports import AuditEntry
from tests.daemon.control import FakeControl
from tests.fakes.clock import START, FakeClock
from tests.fakes.state import MemoryState

TERM = timedelta(minutes=3)
SECOND = timedelta(seconds=1)


@pytest.fixture
def control() -> FakeControl:
    return FakeControl(FakeClock())


@pytest.fixture
def state(control) -> StoppableState:
    beats: list[int] = []
    clock = StoppableClock(control.clock, control)
    return StoppableState(MemoryState(clock), clock, lambda: beats.append(1))


class TestTheState:
    def test_it_is_the_one_behind_it(self, state):
        lease = state.acquire("me", TERM)
        state.renew(lease, TERM)
        state.note(lease, [AuditEntry(START, "accounts", "noted", {})])
        assert state.holder() == lease
        assert [record.entry.event for record in state.audit()] == ["noted"]
        assert [record.entry.event for record in state.newest()] == ["noted"]
        assert state.load("accounts") is None
        assert state.issuers() == ()
        assert state.break_lease() == lease

    def test_no_lease_and_no_next_stage_once_it_is_to_stop(self, state, control):
        lease = state.acquire("me", TERM)
        control.stopping = True
        with pytest.raises(Stopping):
            state.renew(lease, TERM)
        with pytest.raises(Stopping):
            state.acquire("me", TERM)
        state.note(lease, [])
        state.release(lease)
        assert state.holder() is None


class TestTheClock:
    def test_waits_are_real_unless_they_may_be_called_off(self, control):
        clock = StoppableClock(control.clock, control)
        control.stopping = True
        clock.sleep(SECOND)
        assert control.clock.slept == [SECOND]
        with clock.calling_off(), pytest.raises(Stopping):
            clock.sleep(SECOND)
        assert not clock.may_stop

    def test_what_may_be_called_off_and_is_not_goes_on(self, control):
        clock = StoppableClock(control.clock, control)
        with clock.calling_off():
            clock.sleep(SECOND)
        assert control.waited == [SECOND]
        assert clock.monotonic() == control.clock.monotonic()


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stop(self, number):
        left: list[int] = []
        signals = Signals(left.append)
        with signals.installed():
            os.kill(os.getpid(), number)
            signals.wait(timedelta(seconds=30))
            assert signals.stopping
            assert left == []
            os.kill(os.getpid(), number)
        assert left == [AT_ONCE]

    def test_reload_is_asked_once(self):
        signals = Signals()
        with signals.installed():
            os.kill(os.getpid(), signal.SIGHUP)
            signals.wait(timedelta(seconds=30))
        assert signals.reload_asked()
        assert not signals.reload_asked()
        assert not signals.stopping

    def test_what_was_there_before_is_there_again(self):
        before = signal.getsignal(signal.SIGTERM)
        with Signals().installed():
            assert signal.getsignal(signal.SIGTERM) is not before
        assert signal.getsignal(signal.SIGTERM) is before

    def test_no_wait_once_it_is_to_stop(self):
        signals = Signals()
        signals.stop()
        signals.wait(timedelta(days=1))
        assert signals.stopping

    def test_a_handler_in_the_middle_of_a_wait(self):
        """Whichever line of the wait a signal comes at, the handler ends, and so does the wait."""
        reached = 0
        while interrupted(Signals(), at_line=reached + 1):
            reached += 1
        assert reached > 1


def interrupted(signals: Signals, *, at_line: int) -> bool:
    """Whether the wait has so many lines; at that one it was interrupted by a handler, as a signal does."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        nonlocal lines
        lines += event == "line"
        if lines == at_line:
            sys.settrace(None)
            signals.reload()
            return None
        return trace

    def wait() -> None:
        sys.settrace(trace)
        try:
            signals.wait(timedelta(milliseconds=1))
        finally:
            sys.settrace(None)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(30)
    assert not waiting.is_alive(), f"a handler at line {at_line} of the wait never ends"
    return lines >= at_line
