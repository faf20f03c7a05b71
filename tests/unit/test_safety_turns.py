"""The checker on turns: a switch outside every window, and a key that was switched away from."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.inventory import Inventory
from rotator.domain.plan import IssuerPlan, Reason, RepairSigning, Step, Switch, WriteSigning
from rotator.domain.windows import Schedule, parse_blackout, parse_window
from rotator.planning.planner import plan_issuer
from rotator.planning.requests import rolled_back
from rotator.planning.safety import check
from rotator.planning.safety.turns import bad_turn
from rotator.planning.safety.world import observed
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
RETIRED, ACTIVE, STANDBY = range(3)


@pytest.fixture(scope="module")
def life() -> tuple[Inventory, datetime]:
    """Day 100: one key retired, one active for ten days, a third stands by."""
    world = Regions()
    world.apply()
    world.ages(days=99)
    world.clock.advance(DAY)
    world.apply()
    return inventories_of(world.world())[0], world.at()


def step(kind: Any, inventory: Inventory, now: datetime, number: int, region: str = US) -> Step:
    made: Step = kind(
        n=1,
        reason="",
        reason_code=Reason.ROTATION_DUE,
        not_before=now,
        kid=inventory.state.keys[number].kid,
        region=region,
        standby=None,
        expected_etag=None,
        generation=99,
    )
    return made


def invariants(inventory: Inventory, now: datetime, *steps: Step) -> set[str]:
    plan = IssuerPlan(issuer="accounts", lineage="", serial=1, steps=steps, waiting=(), findings=())
    return {v.invariant for v in check(plan, inventory, now)}


def within(inventory: Inventory, *windows: str, blackout: tuple[str, ...] = ()) -> Inventory:
    schedule = Schedule(
        UTC, "UTC", tuple(map(parse_window, windows)), tuple(map(parse_blackout, blackout))
    )
    return replace(inventory, setup=replace(inventory.setup, schedule=schedule))


def test_a_switch_inside_and_outside_of_windows(life: tuple[Inventory, datetime]) -> None:
    inventory, now = life
    hour = f"{now:%a %H}:00-{now + timedelta(hours=1):%H}:00"
    other = f"{now + DAY:%a %H}:00-{now + timedelta(hours=1):%H}:00"
    switch = step(Switch, inventory, now, STANDBY)
    assert invariants(inventory, now, switch) == set()
    assert invariants(within(inventory, hour), now, switch) == set()
    assert invariants(within(inventory, other), now, switch) == {"T12"}
    assert invariants(within(inventory, other, hour), now, switch) == set()
    assert invariants(within(inventory, hour, blackout=(f"{now:%Y-%m-%d}",)), now, switch) == {
        "T12"
    }
    tomorrow = (f"{now + DAY:%Y-%m-%d}",)
    assert invariants(within(inventory, blackout=tomorrow), now, switch) == set()


def test_what_needs_no_window(life: tuple[Inventory, datetime]) -> None:
    inventory, now = life
    closed = within(inventory, blackout=(f"{now:%Y-%m-%d}",))
    standby = inventory.state.keys[STANDBY]
    begun = replace(standby, moments=replace(standby.moments, switch_started_at=now))
    going_on = replace(closed, state=closed.state.with_key(begun))
    assert invariants(going_on, now, step(Switch, inventory, now, STANDBY)) == set()
    assert invariants(closed, now, step(WriteSigning, inventory, now, ACTIVE)) == set()
    assert invariants(closed, now, step(RepairSigning, inventory, now, ACTIVE)) == set()


@pytest.mark.parametrize("kind", [Switch, WriteSigning, RepairSigning])
def test_a_retired_key_signs_again_only_by_a_rollback(
    kind: Any, life: tuple[Inventory, datetime]
) -> None:
    inventory, now = life
    back = step(kind, inventory, now, RETIRED)
    assert invariants(inventory, now, back) == {"I5"}
    state = rolled_back(inventory.state, reason="bad", owner="ann", now=now)
    assert invariants(replace(inventory, state=state), now, back) == set()


def test_a_rollback_is_planned_safely_outside_of_windows(
    life: tuple[Inventory, datetime],
) -> None:
    inventory, now = life
    state = rolled_back(inventory.state, reason="bad", owner="ann", now=now)
    going = replace(within(inventory, blackout=(f"{now:%Y-%m-%d}",)), state=state)
    plan = plan_issuer(going, now)
    assert [s.region for s in plan.steps if isinstance(s, Switch)] == list(NAMES)
    assert check(plan, going, now) == ()


SCHEDULES = [
    (("Mon-Fri 09:00-16:00",), ()),
    (("Sat 22:00-02:00", "Sun 02:30-03:15"), ("2026-03-22",)),
    (("Sun 02:15-02:45", "Sat 23:00-02:30"), ()),
    (("22:00-00:00",), ("2026-10-24/2026-10-25",)),
    ((), ("2026-03-29", "2026-10-25")),
]
ZONES = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kolkata")]


def moments() -> Iterator[datetime]:
    """Every quarter of an hour, and a second before it, around both changes of clocks in both hemispheres."""
    for day in ("2026-03-20", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24"):
        begins = datetime.fromisoformat(day).replace(tzinfo=UTC)
        for quarter in range(4 * 60):
            at = begins + quarter * timedelta(minutes=15)
            yield from (at - timedelta(seconds=1), at)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize("written", SCHEDULES, ids=str)
def test_planner_and_checker_agree_on_what_is_open(
    written: tuple[tuple[str, ...], tuple[str, ...]],
    zone: tzinfo,
    life: tuple[Inventory, datetime],
) -> None:
    inventory, now = life
    windows, blackout = written
    made = Schedule(
        zone, str(zone), tuple(map(parse_window, windows)), tuple(map(parse_blackout, blackout))
    )
    setup = replace(inventory.setup, schedule=made)
    switch = step(Switch, inventory, now, STANDBY)
    assert isinstance(switch, Switch)
    world = observed(replace(inventory, setup=setup), now)
    seen = set()
    for at in moments():
        refused = bool(list(bad_turn(switch, replace(world, now=at))))
        assert refused is not made.open_at(at), at
        seen.add(refused)
    assert seen == {True, False}
