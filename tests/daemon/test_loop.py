"""The loop over a world in memory: what runs when, what is said, how it stops, and what it does about trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from rotator.app.apply import apply
from rotator.app.last_apply import last_apply
from rotator.daemon.health import unready
from rotator.daemon.observer import Observer
from rotator.daemon.schedule import schedule
from rotator.daemon.turns import TICK
from rotator.domain.evidence import Evidence
from rotator.errors import ConfigError, StateError
from rotator.ports import Clock, Lease
from tests.daemon.control import Daemon
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, NAMES, Regions

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TERM = timedelta(minutes=3)


class Refusing(MemoryState):
    """A state whose lease nobody gets."""

    def __init__(self, clock: Clock, error: Exception) -> None:
        super().__init__(clock)
        self.error = error

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        raise self.error


@pytest.fixture
def world() -> Regions:
    return Regions()


@pytest.fixture
def daemon(world) -> Daemon:
    return Daemon(world.world, world.clock)


def test_it_looks_then_applies_then_looks_again(daemon):
    daemon.steps(2)
    assert daemon.kinds() == ["verify", "apply", "verify"]


def test_it_says_when_the_next_one_is(daemon):
    daemon.steps(2)
    assert "apply: 8 done; next 2026-01-02T06:17:00Z" in daemon.reporter.messages


def test_a_day(daemon):
    daemon.until(DAY)
    assert daemon.kinds() == ["verify", "apply", "verify", *["verify"] * 3]
    daemon.until(MINUTE)
    assert daemon.kinds() == ["apply", "verify"]


def test_no_wait_is_longer_than_a_tick(world):
    daemon = Daemon(world.world, world.clock, tick=TICK)
    daemon.until(HOUR)
    assert max(daemon.control.waited) == timedelta(seconds=30)


class TestWhatWasBefore:
    def started(self, daemon: Daemon) -> list[str]:
        """What a new process does in its first minute."""
        daemon.control.passing = lambda _: setattr(daemon.control, "stopping", True)
        daemon.start()
        daemon.loop.run()
        return daemon.kinds()

    def test_nothing(self, daemon):
        assert self.started(daemon) == ["verify", "apply", "verify"]

    def test_an_apply_today_by_hand(self, world, daemon):
        apply(world.world())
        world.clock.advance(HOUR)
        assert self.started(daemon) == ["verify"]

    def test_an_apply_that_was_missed(self, world, daemon):
        apply(world.world())
        world.clock.advance(3 * DAY)
        assert self.started(daemon) == ["verify", "apply", "verify"]

    def test_an_apply_that_left_something_undone(self, world, daemon):
        world.jwks[NAMES[0]].next_writes = [Fault.DENIED]
        assert apply(world.world()).failed
        assert last_apply(world.world()) is None
        assert self.started(daemon) == ["verify", "apply", "verify"]


def test_a_state_that_cannot_be_read_at_the_start_is_tried_all_the_same(world, daemon):
    class Unreadable(MemoryState):
        def load_evidence(self, issuer: str) -> Evidence:
            raise StateError("the state cannot be read")

    world.state = Unreadable(world.clock)
    daemon.start()
    daemon.control.passing = lambda _: setattr(daemon.control, "stopping", True)
    daemon.loop.run()
    assert daemon.kinds() == ["verify", "apply"]
    assert daemon.reporter.warnings[0] == (
        "when the last apply was cannot be read: the state cannot be read"
    )


def test_metrics_take_in_every_run(world, daemon):
    observer = Observer()
    daemon.on_done = observer
    daemon.steps(2)
    shown = observer.metrics.text(world.clock.now()).decode()
    assert 'rotator_last_success_timestamp_seconds{command="apply"}' in shown
    assert "rotator_key_phase{" in shown
    world.state = Refusing(world.clock, StateError("the disk is full"))
    daemon.control.reload = True
    daemon.steps(3)
    shown = observer.metrics.text(world.clock.now()).decode()
    assert 'rotator_errors_total{code="E_STATE"} 1.0' in shown


def test_another_daemon_had_the_turn(world, daemon):
    daemon.steps(2)
    daemon.kinds()
    world.clock.advance(DAY - MINUTE)
    other = Daemon(world.world, world.clock)
    world.clock.advance(MINUTE)
    other.steps(2)
    assert other.kinds() == ["verify", "apply", "verify"]
    daemon.until(MINUTE)
    (skipped,) = [done for done in daemon.done if done.kind == "apply"]
    assert skipped.applied is None
    assert skipped.error is None
    said = "apply: another rotator has had this turn; next 2026-01-03T06:17:00Z"
    assert said in daemon.reporter.messages


def test_another_daemon_works(world, daemon):
    lease = world.state.acquire("the other", TERM)
    daemon.steps(2)
    (done,) = [done for done in daemon.done if done.kind == "apply"]
    assert done.busy
    assert not unready(daemon.board.facts, world.clock.monotonic()), "that is no fault"
    assert daemon.board.facts.ran("apply").busy == "the other holds the lease"
    world.state.release(lease)
    daemon.until(MINUTE)
    assert daemon.kinds().count("apply") == 2


def test_trouble_is_tried_again_with_longer_and_longer_pauses(world, daemon):
    full = StateError("the state cannot be written", detail="the disk is full")
    good, world.state = world.state, Refusing(world.clock, full)
    daemon.start()
    tries: list[datetime] = []
    daemon.on_done = lambda done: tries.append(world.clock.now()) if done.kind == "apply" else None
    daemon.until(10 * MINUTE)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    assert pauses == [30, 60, 120, 240]
    assert unready(daemon.board.facts, world.clock.monotonic()) == (
        "apply failed: E_STATE: the state cannot be written",
    )
    assert "apply: the state cannot be written: the disk is full" in daemon.reporter.warnings
    world.state = good
    daemon.control.reload = True
    daemon.until(MINUTE)
    assert unready(daemon.board.facts, world.clock.monotonic()) == ()


def test_a_bug_in_a_run_does_not_end_it(world, daemon):
    world.state = Refusing(world.clock, ZeroDivisionError("oops"))
    daemon.start()
    daemon.steps(3)
    assert daemon.board.facts.ran("apply").error.code == "E_INTERNAL"
    assert "ZeroDivisionError: oops" in " ".join(daemon.reporter.warnings)


def test_an_observer_that_fails_does_not_end_it(daemon):
    def fails(_done):
        raise OSError("no metrics today")

    daemon.on_done = fails
    daemon.steps(2)
    assert daemon.board.facts.ran("apply").succeeded_at
    assert "metrics or notices failed: OSError: no metrics today" in daemon.reporter.warnings


def test_a_closed_gate_is_said_once_and_is_no_fault(world, daemon):
    daemon.until(HOUR)
    world.down(NAMES[1])
    daemon.until(2 * DAY)
    said = f"verify: accounts in {NAMES[1]} (unknown)"
    assert daemon.reporter.messages.count(said) == 1
    assert not unready(daemon.board.facts, world.clock.monotonic())


class TestReload:
    def test_a_bad_configuration_is_refused_and_the_old_one_goes_on(self, world, daemon):
        daemon.steps(2)
        daemon.kinds()
        daemon.refuse = ConfigError("rotator.yaml is refused", detail="rotator.yaml:3: policy: no")
        daemon.control.reload = True
        daemon.until(DAY)
        assert daemon.kinds().count("apply") == 1
        (reason,) = unready(daemon.board.facts, world.clock.monotonic())
        assert reason == "the new configuration is refused: rotator.yaml is refused"
        assert "rotator.yaml:3: policy: no" in daemon.reporter.warnings[0]

    def test_a_bug_in_reading_it_ends_nothing_either(self, world, daemon):
        daemon.steps(2)
        daemon.kinds()
        daemon.refuse, daemon.control.reload = ZeroDivisionError("oops"), True
        daemon.until(DAY)
        assert daemon.kinds().count("apply") == 1
        (reason,) = unready(daemon.board.facts, world.clock.monotonic())
        assert reason == "the new configuration is refused: it cannot be read"
        assert daemon.reporter.warnings[0].endswith("it cannot be read: ZeroDivisionError: oops")

    def test_a_good_one_is_in_force_at_once(self, world, daemon):
        daemon.steps(2)
        daemon.kinds()
        daemon.refuse = ConfigError("no")
        daemon.control.reload = True
        daemon.steps(1)
        daemon.refuse, daemon.control.reload = None, True
        daemon.schedule = schedule("1h", "UTC", verify_every=HOUR)
        daemon.steps(1)
        assert daemon.kinds() == ["verify"], "it looks at what is new"
        assert not unready(daemon.board.facts, world.clock.monotonic())
        daemon.until(5 * HOUR)
        assert daemon.kinds().count("apply") == 5
        assert "the new configuration is in force" in daemon.reporter.messages


class TestStopping:
    def stop_at(self, world: Regions, daemon: Daemon, words: str) -> None:
        """The signal comes as soon as the run reports these words."""
        said = daemon.reporter.progress

        def progress(message: str, **facts: object) -> None:
            said(message, **facts)  # type: ignore[arg-type]
            if words in message:
                daemon.control.stopping = True

        daemon.reporter.progress = progress  # type: ignore[method-assign]

    def test_in_the_middle_of_an_apply_the_stage_ends_and_the_lease_is_free(self, world, daemon):
        self.stop_at(world, daemon, "write_jwks")
        daemon.loop.run()
        assert world.state.holder() is None
        assert all(world.document(name).kids() for name in NAMES), "the stage was finished"
        assert not [n for n in NAMES if "accounts/signing.json" in world.regions[n].documents]
        assert world.remembered().intent is None
        assert daemon.reporter.messages[-1] == "stopped between two stages; the lease is given back"

    def test_the_next_one_goes_on_from_there(self, world, daemon):
        self.stop_at(world, daemon, "write_jwks")
        daemon.loop.run()
        after = Daemon(world.world, world.clock)
        after.steps(2)
        assert {world.signing(name).active.kid for name in NAMES} == {world.key(0).kid}

    def test_while_it_waits_it_just_ends(self, daemon):
        daemon.steps(2)
        daemon.control.passing = lambda _: setattr(daemon.control, "stopping", True)
        daemon.loop.run()
        assert not daemon.reporter.warnings


def test_the_clock_set_back_does_not_stop_the_looks(world, daemon):
    daemon.steps(2)
    daemon.kinds()
    world.clock.set(world.clock.now() - HOUR)
    daemon.until(6 * HOUR)
    daemon.steps(1)
    assert "verify" in daemon.kinds()


@pytest.mark.parametrize("restarted", [False, True])
def test_years_ahead_and_back(world, daemon, restarted):
    daemon.steps(2)
    right = world.clock.now()
    world.clock.set(datetime(2031, 1, 1, tzinfo=UTC))
    daemon.until(HOUR)
    world.clock.set(right + HOUR)
    if restarted:
        daemon.start()
    daemon.kinds()
    daemon.until(2 * DAY)
    assert daemon.kinds().count("apply") >= 2


def test_a_step_that_fails_is_tried_again_before_tomorrow(world, daemon):
    world.jwks[NAMES[0]].next_writes = [Fault.DENIED]
    daemon.until(HOUR)
    tried = [done.applied for done in daemon.done if done.kind == "apply"]
    assert [bool(report.failed) for report in tried] == [True, False]
    assert "apply is tried again in 30 s" in daemon.reporter.messages
