"""`rotate`: a switch ahead of its turn, with every gate still closed that should be."""

from datetime import timedelta
from typing import Any

import pytest

from rotator.app.hold import hold, release
from rotator.app.rotate import Rotation, rotate
from rotator.domain.plan import Gate, Reason, Switch
from rotator.domain.policy import Policy, Verifier
from rotator.errors import RequestRefused, UsageError
from tests.fakes.targets import Fault
from tests.scenarios.strangers import plant, stranger
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES


def alive(days: int = 10, **policy: Any) -> Regions:
    """One key active for some days, one standby."""
    world = Regions(policy=Policy(**policy))
    world.apply()
    world.clock.advance(days * DAY)
    return world


def ask(world: Regions, reason: str = "drill") -> Rotation:
    return rotate(world.world(), "accounts", reason=reason, owner="ann")


def test_a_warm_standby_takes_over_at_the_next_apply() -> None:
    world = alive()
    assert world.wait_for("switch").reason_code is Reason.NOT_ITS_TURN
    done = ask(world)
    assert not done.already
    switches = [s for s in done.plan.issuers[0].steps if isinstance(s, Switch)]
    assert [s.region for s in switches] == list(NAMES)
    assert {s.reason_code for s in switches} == {Reason.ROTATION_ASKED}
    assert switches[0].reason == "ahead of its turn, asked for by ann: drill"
    assert world.phases() == ["active", "published"]  # asking changes nothing yet
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
    assert world.remembered().request is None
    begins = world.key(1).moments.activated_at
    assert begins
    assert world.wait_for("switch").until == begins + 90 * DAY


def test_it_waits_for_its_lead_and_says_who_asked() -> None:
    world = alive(days=0)
    plan = ask(world).plan.issuers[0]
    (wait,) = [w for w in plan.waiting if w.kind == "switch"]
    assert (wait.gate, wait.reason_code, wait.blocked) == (Gate.TIME, Reason.LEAD_RUNNING, False)
    assert wait.reason.startswith("asked for by ann: drill; it still waits: 24 h 5 s after ")
    assert "a switch ahead of its turn was asked for by ann: drill" in [
        f.detail for f in world.plan().findings
    ]
    world.until(wait)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_no_alarm_is_raised_for_what_was_asked_and_waits() -> None:
    world = alive(days=0, publish_lead=30 * DAY)
    ask(world)
    world.clock.advance(20 * DAY)
    assert [f.kind for f in world.plan().findings if f.kind == "overdue"] == []


@pytest.mark.parametrize("trouble", ["a region is down", "a foreign key", "a hold"])
def test_every_other_gate_still_holds(trouble: str) -> None:
    world = alive()
    match trouble:
        case "a region is down":
            world.down(EU)
        case "a foreign key":
            plant(world, EU, stranger())
        case _:
            hold(world.world(), "accounts", "freeze", owner="bob")
    ask(world)
    world.apply()
    assert world.phases() == ["active", "published"]
    wait = world.wait_for("switch")
    assert wait.reason.startswith("asked for by ann: drill; it still waits: ")
    assert wait.blocked is (trouble != "a hold")
    if trouble == "a hold":
        release(world.world(), "accounts", owner="bob")
        world.apply()
        assert world.phases() == ["retired", "active", "published"]


def test_asked_twice() -> None:
    world = alive(days=0)
    first = ask(world, "first")
    serial = world.remembered().serial
    again = ask(world, "second")
    assert (again.already, again.request) == (True, first.request)
    assert world.remembered().serial == serial


def test_the_turn_comes_while_it_is_asked_for() -> None:
    world = alive()
    world.down(EU)
    ask(world)
    world.up(EU)
    world.clock.advance(81 * DAY)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
    assert world.remembered().request is None


def test_without_standbys_the_successor_is_made_at_once() -> None:
    world = alive(standby_keys=0)
    assert world.phases() == ["active"]
    ask(world)
    world.apply()
    assert world.phases() == ["active", "published"]
    world.until(world.wait_for("switch"))
    world.apply()
    assert world.phases() == ["retired", "active"]


class TestRefused:
    def test_when_the_document_has_no_room(self) -> None:
        gateway = Verifier("gateway", timedelta(minutes=5), timedelta(minutes=5), max_keys=3)
        world = alive(verifiers=(gateway,))
        ask(world)
        world.apply()
        assert world.phases() == ["retired", "active", "published"]
        world.clock.advance(2 * DAY)
        with pytest.raises(RequestRefused) as refused:
            ask(world)
        assert refused.value.message == (
            "an early switch does not fit: 3 keys + 1 new = 4, what gateway reads is 3"
        )
        opens = world.wait_for("remove").until
        assert opens
        assert refused.value.detail.startswith(f"{world.key(0).kid[:8]} leaves {opens:%Y-%m-%d}")
        world.clock.set(opens)
        world.apply()
        assert not ask(world).already

    def test_when_foreign_keys_fill_it_and_nothing_leaves(self) -> None:
        world = alive(history_max=3)
        plant(world, EU, stranger())
        with pytest.raises(RequestRefused) as refused:
            ask(world)
        assert refused.value.message == (
            "an early switch does not fit: 2 keys + 1 foreign + 1 new = 4, history_max is 3"
        )
        assert refused.value.detail == "no key is known to leave soon"

    def test_when_no_key_was_ever_active(self) -> None:
        with pytest.raises(RequestRefused, match="no key of accounts is active"):
            ask(Regions())

    def test_while_a_switch_is_under_way(self) -> None:
        world = alive(days=90)
        world.signings[EU].next_writes = [Fault.DENIED]
        world.apply()
        with pytest.raises(RequestRefused, match="is under way already"):
            ask(world)

    def test_without_a_reason_or_for_nobody(self) -> None:
        world = alive()
        with pytest.raises(UsageError, match="needs a reason"):
            ask(world, " ")
        with pytest.raises(UsageError, match="there is no issuer"):
            rotate(world.world(), "nobody", reason="x", owner="ann")
