"""A hold: reason, owner and end, shown everywhere, and heeded by whoever writes, not only by whoever plans (design I5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.app.apply import apply, apply_saved
from rotator.app.hold import hold, release
from rotator.app.plan import make_plan
from rotator.app.status import status
from rotator.domain.audit import AuditEntry
from rotator.domain.plan import Gate, Reason
from rotator.domain.state import Hold, IssuerState
from rotator.errors import LeaseLost, StalePlan, StateConflict, UsageError
from rotator.ports import Fact, Lease
from tests.fakes.reporter import RecordingReporter
from tests.fakes.state import MemoryState
from tests.scenarios.world import DAY, NAMES, Regions

HOUR = timedelta(hours=1)


def due() -> Regions:
    world = Regions()
    world.apply()
    world.clock.advance(90 * DAY)
    return world


def signing(world: Regions) -> set[str]:
    return {world.signing(name).active.kid for name in NAMES}


def test_it_says_who_why_and_until_when_in_every_place() -> None:
    world = due()
    until = world.at() + DAY
    hold(world.world(), "accounts", "freeze", owner="ann", until=until)
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.reason) == (
        Gate.HOLD,
        Reason.HELD,
        "held by ann: freeze",
    )
    assert wait.until == until
    assert "held by ann: freeze" in [f.detail for f in world.plan().findings]
    (shown,) = status(world.world()).issuers
    assert shown.hold == Hold(reason="freeze", owner="ann", since=world.at(), until=until)
    world.clock.set(until)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_a_plan_from_before_it_is_stale() -> None:
    world = due()
    plan = make_plan(world.world())
    assert plan.due
    hold(world.world(), "accounts", "freeze", owner="ann")
    with pytest.raises(StalePlan):
        apply_saved(world.world(), plan)
    assert signing(world) == {world.key(0).kid}
    release(world.world(), "accounts", owner="ann")
    assert apply(world.world()).results


@dataclass
class Intruder:
    """A state store in which somebody else holds the issuer, just before a run's save of that number."""

    inner: MemoryState
    at: int
    saves: int = field(default=0)

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        self.saves += 1
        if self.saves == self.at:
            self._hold(state.issuer)
        return self.inner.save(lease, state, entries)

    def _hold(self, issuer: str) -> None:
        stored = self.inner.load(issuer)
        assert stored
        self.inner.break_lease()
        other = self.inner.acquire("ann", timedelta(minutes=1))
        stop = Hold(reason="freeze", owner="ann", since=self.inner._clock.now())
        self.inner.save(other, replace(stored, hold=stop), [])
        self.inner.release(other)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.mark.parametrize("number", range(1, 7))
def test_one_that_comes_in_the_middle_of_an_apply_stops_the_next_stage(number: int) -> None:
    """Each stage is saved before its effects: what was held meanwhile is not what the run has read, so it stops there."""
    world = due()
    made = world.world()
    store = Intruder(world.state, number)
    with pytest.raises((LeaseLost, StateConflict)):
        apply(replace(made, state=store))
    assert store.saves == number
    before = list(world.keys.made)
    switched = signing(world)
    report = world.apply()
    held = world.remembered().hold
    assert held
    assert held.owner == "ann"
    assert list(world.keys.made) == before
    assert signing(world) == switched
    assert not [r for r in report.results if r.step.kind in ("switch", "generate", "remove")]
    release(world.world(), "accounts", owner="ann")
    for _ in range(2):
        world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_a_hold_needs_a_reason_and_an_end_that_is_to_come() -> None:
    world = due()
    with pytest.raises(UsageError, match="needs a reason"):
        hold(world.world(), "accounts", " ", owner="ann")
    with pytest.raises(UsageError, match="is in the past"):
        hold(world.world(), "accounts", "x", owner="ann", until=world.at())


class Onlooker(RecordingReporter):
    """Somebody who watches a run and types `hold` when it comes to its first switch."""

    def __init__(self, world: Regions) -> None:
        super().__init__()
        self._world, self.typed = world, False

    def progress(self, message: str, **facts: Fact) -> None:
        super().progress(message, **facts)
        if "switch" in message and not self.typed:
            self.typed = True
            hold(self._world.world(), "accounts", "wait", owner="bob")


def test_a_hold_does_not_wait_for_a_run_to_end() -> None:
    """It takes the lease over; the step that was under way lands, and nothing after it begins."""
    world = due()
    watched = replace(world.world(), reporter=Onlooker(world))
    with pytest.raises(LeaseLost):
        apply(watched)
    assert signing(world) == {world.key(1).kid}
    assert len(world.keys.made) == 2
    world.clock.advance(DAY)
    world.apply()
    assert world.phases() == ["retired", "active"]  # what was done is recorded; no standby is made
    release(world.world(), "accounts", owner="bob")
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
