"""What the checker lets a revocation do, each beside what it must not: tables on one world, two days old."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import Absent, Inventory, JwksRead, RegionView, Unavailable
from rotator.domain.keys import Key
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    IssuerPlan,
    Purge,
    Reason,
    Remove,
    RepairJwks,
    RepairSigning,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.state import Hold
from rotator.domain.timing import LATE_WRITE
from rotator.planning.decisions import without
from rotator.planning.emergency import revoked
from rotator.planning.planner import plan_issuer
from rotator.planning.safety import check
from tests.scenarios.emergencies import warm
from tests.scenarios.kms_world import rotated
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
World = tuple[Inventory, datetime]


def inventory_of(world: Regions) -> Inventory:
    return inventories_of(world.world())[0]


@pytest.fixture(scope="module")
def calm() -> World:
    """Nothing is revoked: the first key signs, the second is warm, a third was published an hour ago."""
    world = warm()
    world.set_policy(standby_keys=2)
    world.apply()
    world.clock.advance(timedelta(hours=1))
    world.apply()
    return inventory_of(world), world.at()


@pytest.fixture(scope="module")
def in_kms() -> World:
    """The same with keys in KMS, and no third key."""
    world, _ = rotated(days=2)
    return inventory_of(world), world.at()


def after(world: World, *numbers: int, cold: bool = False, hold: timedelta | None = None) -> World:
    """The same once these keys were revoked, under a hold since a while."""
    inventory, now = world
    kids = [inventory.state.keys[number].kid for number in numbers]
    state = revoked(inventory.state, kids, cold=cold, reason="", owner="ann", now=now)
    if hold is not None:
        state = replace(state, hold=Hold(reason="freeze", owner="ben", since=now - hold))
    return replace(inventory, state=state), now


def changed(world: World, number: int, **moments: Any) -> World:
    """The same with other moments of a key."""
    inventory, now = world
    key = inventory.state.keys[number]
    other = replace(key, moments=replace(key.moments, **moments))
    return replace(inventory, state=inventory.state.with_key(other)), now


def unread(world: World, *regions: str) -> World:
    inventory, now = world
    silent = RegionView(Unavailable("E_TARGET", "down"), Unavailable("E_TARGET", "down"))
    return replace(inventory, views={**inventory.views, **dict.fromkeys(regions, silent)}), now


def lacking(world: World, number: int, region: str) -> World:
    """The same, but a region's document does not hold a key."""
    inventory, now = world
    view = inventory.views[region]
    document = without(view.jwks_document(), [inventory.state.keys[number].kid])
    assert document
    assert isinstance(view.jwks, JwksRead)
    view = replace(view, jwks=replace(view.jwks, document=document))
    return replace(inventory, views={**inventory.views, region: view}), now


def common(world: World) -> dict[str, Any]:
    return {"n": 1, "reason": "", "reason_code": Reason.KEY_REVOKED, "not_before": world[1]}


def key(world: World, number: int) -> Key:
    return world[0].state.keys[number]


def orders(kind: Any, world: World, number: int, region: str = US) -> Any:
    return kind(
        **common(world),
        kid=key(world, number).kid,
        region=region,
        standby=None,
        expected_etag=None,
        generation=99,
    )


def switches(world: World, number: int, *regions: str) -> list[Step]:
    return [orders(Switch, world, number, region) for region in regions or NAMES]


def write(world: World, *numbers: int, region: str = US, kind: Any = RepairJwks) -> Any:
    kids = tuple(key(world, number).kid for number in numbers)
    return kind(**common(world), region=region, keys=kids, expected_etag=None)


def removal(world: World, number: int, region: str = US, *others: int) -> Remove:
    document = world[0].views[region].jwks_document()
    gone = {key(world, n).kid for n in (number, *others)}
    kids = tuple(k for k in (document.kids() if document else ()) if k not in gone)
    return Remove(
        **common(world),
        kid=key(world, number).kid,
        region=region,
        keys=kids,
        expected_etag=None,
        generation=99,
    )


def broken(world: World, *steps: Step) -> set[str]:
    inventory, now = world
    plan = IssuerPlan(issuer="accounts", lineage="", serial=1, steps=steps, waiting=(), findings=())
    return {violation.invariant for violation in check(plan, inventory, now)}


CASES: dict[str, Callable[[World], World]] = {
    "the active key": lambda world: after(world, 0),
    "a standby": lambda world: after(world, 1),
    "all of them, cold": lambda world: after(world, 0, 1, 2, cold=True),
    "with a region down": lambda world: unread(after(world, 0), EU),
    "under a hold": lambda world: after(world, 0, hold=DAY),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_planner_plans_is_allowed(calm, in_kms, case):
    if "all" in case:
        calm = in_kms = after(in_kms, 0, 1, cold=True)
    for world in (CASES[case](calm), CASES[case](in_kms)) if "all" not in case else (calm,):
        plan = plan_issuer(*world)
        assert plan.steps
        assert check(plan, *world) == ()


class TestTheTakeover:
    """The second key is warm, the third one is not."""

    def test_without_a_revocation_every_gate_is_asked(self, calm):
        assert {"T1", "I1"} <= broken(calm, *switches(calm, 2))

    @pytest.mark.parametrize(
        ("cold", "number", "found"),
        [(False, 1, set()), (False, 2, {"T1", "I1"}), (True, 1, set()), (True, 2, set())],
    )
    def test_only_a_key_that_every_cache_knows_unless_cold(self, calm, cold, number, found):
        world = after(calm, 0, cold=cold)
        assert broken(world, *switches(world, number)) == found

    def test_evidence_may_be_stale_but_not_absent(self, calm):
        inventory, now = after(calm, 0)
        later = now + DAY
        assert broken((inventory, later), *switches((inventory, now), 1)) == set()
        blind = replace(inventory, evidence=Evidence(issuer="accounts"))
        assert broken((blind, now), *switches((inventory, now), 1)) == {"T1", "I1"}

    @pytest.mark.parametrize("kind", [Switch, WriteSigning, RepairSigning])
    def test_no_kind_of_order_gets_around_it(self, calm, kind):
        hot, cold = after(calm, 0), after(calm, 0, cold=True)
        assert "T1" in broken(hot, orders(kind, hot, 2))
        bare = changed(lacking(cold, 2, EU), 2, staged_at=cold[1])
        assert "I1" in broken(bare, orders(kind, bare, 2))
        assert "I1" in broken(bare, orders(kind, bare, 2, EU))

    def test_a_region_that_nobody_could_read(self, calm):
        hot, cold = unread(after(calm, 0), EU), unread(after(calm, 0, cold=True), EU)
        assert broken(hot, *switches(hot, 1, US, AP)) == set()
        assert broken(hot, *switches(hot, 1)) == set()
        assert broken(cold, *switches(cold, 2, US, AP)) == set()
        assert "I1" in broken(cold, *switches(cold, 2, EU))

    def test_a_region_that_does_not_take_the_key_is_not_waited_for_long(self, calm):
        world = lacking(after(calm, 0, cold=True), 2, EU)
        fresh = changed(world, 2, staged_at=world[1])
        assert broken(fresh, *switches(fresh, 2, US, AP)) == {"I1"}
        old = changed(world, 2, staged_at=world[1] - LATE_WRITE)
        assert broken(old, *switches(old, 2, US, AP)) == set()
        assert "I1" in broken(old, *switches(old, 2, EU))

    def test_to_the_key_that_a_switch_was_begun_to_and_to_no_other(self, calm):
        world = changed(after(calm, 0), 2, switch_started_at=calm[1])
        assert broken(world, *switches(world, 2)) <= {"I1"}
        assert "T1" not in broken(world, *switches(world, 2))
        assert "I1" in broken(world, *switches(world, 1))

    def test_to_a_retired_key_by_a_switch_only(self, calm):
        begun = {"switch_started_at": calm[1] - DAY, "activated_at": calm[1] - DAY}
        world = after(changed(calm, 1, **begun, retired_at=calm[1]), 0)
        assert broken(world, *switches(world, 1)) == set()
        assert "I5" in broken(world, orders(RepairSigning, world, 1))
        quiet = changed(calm, 1, **begun, retired_at=calm[1])
        assert "I5" in broken(quiet, *switches(quiet, 1))

    def test_to_no_key_that_is_revoked_or_leaving_or_nobodys(self, calm):
        world = after(calm, 0, 1)
        assert "I2" in broken(world, *switches(world, 1))
        leaving = changed(after(calm, 0), 1, removal_started_at=calm[1])
        assert "I3" in broken(leaving, *switches(leaving, 1))
        nobody = replace(orders(Switch, world, 1), kid="nobody's")
        assert "I2" in broken(world, nobody)

    def test_a_word_about_an_earlier_key_does_not_make_it_cold(self, calm):
        inventory, now = calm
        old = replace(key(calm, 0).moments, activated_at=now - 2 * DAY)
        first = inventory.state.with_key(replace(key(calm, 0), moments=old))
        cold = revoked(first, [key(calm, 0).kid], cold=True, reason="", owner="", now=now - DAY)
        moments = {"switch_started_at": now - DAY, "activated_at": now - DAY}
        world = changed((replace(inventory, state=cold), now), 1, **moments)
        again = after(world, 1)
        assert "T1" in broken(again, *switches(again, 2))
        assert "T1" not in broken(after(world, 1, cold=True), *switches(again, 2))

    def test_a_word_about_a_key_that_was_being_switched_to_counts(self, calm):
        world = after(changed(after(calm, 0), 1, switch_started_at=calm[1]), 1, cold=True)
        assert "T1" not in broken(world, *switches(world, 2))
        gone = changed(world, 1, removed_at=world[1])
        assert "T1" in broken(gone, *switches(gone, 2))

    def test_a_key_that_signs_there_already_may_be_written_again(self, calm):
        world = after(calm, 1)
        assert broken(world, orders(WriteSigning, world, 0)) == set()


class TestTheWithdrawal:
    def test_only_where_the_region_left_the_key(self, calm):
        world = after(calm, 0)
        assert {"I2", "I5"} <= broken(world, removal(world, 0))
        assert broken(world, *switches(world, 1, US), removal(world, 0)) == set()
        assert "I2" in broken(world, *switches(world, 1, EU), removal(world, 0))

    def test_only_where_somebody_knows_what_its_signers_are_told(self, calm):
        inventory, now = after(calm, 1)
        view = inventory.views[EU]
        silent = replace(view, signing=Unavailable("E_TARGET", "down"))
        world = replace(inventory, views={**inventory.views, EU: silent}), now
        assert {"I2", "I5"} <= broken(world, removal(world, 1, EU))
        assert broken(world, removal(world, 1, US)) == set()
        nobody = replace(view, signing=Absent())
        joined = replace(inventory, views={**inventory.views, EU: nobody}), now
        assert broken(joined, removal(joined, 1, EU)) == set()

    def test_an_alias_counts_like_the_signing_target(self, in_kms):
        world = after(in_kms, 0)
        assert "I2" in broken(world, *switches(world, 1, US), removal(world, 0))
        inventory, now = after(in_kms, 1)
        view = replace(inventory.views[EU], alias=Unavailable("E_KMS", "down"))
        dark = replace(inventory, views={**inventory.views, EU: view}), now
        assert "I2" in broken(dark, removal(dark, 1, EU))

    def test_of_the_revoked_key_only(self, calm):
        world = after(calm, 1)
        assert "T4" in broken(world, removal(world, 0))
        assert "I3" in broken(world, removal(world, 1, US, 2))
        assert broken(world, removal(world, 1)) == set()
        assert "T4" in broken(calm, removal(calm, 0))

    def test_no_other_write_withdraws_it_where_it_signs_or_brings_it_back(self, calm):
        world = after(calm, 0)
        assert "I5" in broken(world, write(world, 1, 2))
        gone = lacking(world, 0, US)
        for kind in (RepairJwks, WriteJwks):
            assert "I8" in broken(gone, write(gone, 0, 1, 2, kind=kind))
        swapped = replace(removal(gone, 1), keys=(key(gone, 0).kid, key(gone, 2).kid))
        assert "I8" in broken(gone, swapped)

    def test_a_document_never_gets_empty(self, calm):
        world = after(calm, 0)
        bare = replace(removal(world, 0), keys=())
        assert "I3 not empty" in broken(world, *switches(world, 1, US), bare)

    def test_telling_the_edge_harms_nobody(self, calm):
        world = after(calm, 1)
        assert broken(world, Purge(**common(world), kid=key(world, 1).kid, region=US)) == set()


class TestHolds:
    """A hold since yesterday; what is revoked is the active key, or nothing."""

    def make(self, world: World, number: int) -> Generate:
        named = f"accounts/{number}"
        return Generate(**common(world), ref=named, generation=number, algorithm="ES256")

    def steps(self, world: World) -> dict[str, list[Step]]:
        return {
            "generate": [self.make(world, 9)],
            "switch": switches(world, 1),
            "remove": [*switches(world, 1), removal(world, 0)],
            "another removal": [removal(world, 1)],
            "destroy": [Destroy(**common(world), kid=key(world, 0).kid)],
        }

    @pytest.mark.parametrize(
        ("step", "allowed"),
        [
            ("generate", True),
            ("switch", True),
            ("remove", True),
            ("another removal", False),
            ("destroy", False),
        ],
    )
    def test_it_stops_everything_but_the_revocation(self, calm, step, allowed):
        world = after(calm, 0, hold=DAY)
        assert ("I5" not in broken(world, *self.steps(world)[step])) is allowed
        quiet = after(calm, hold=DAY)
        assert "I5" in broken(quiet, *self.steps(quiet)[step])

    def test_each_revoked_key_is_replaced_by_one(self, calm):
        world = after(calm, 0, hold=DAY)
        first, second = self.make(world, 9), self.make(world, 10)
        assert broken(world, first, second) == {"I5"}
        made = changed(world, 2, staged_at=world[1])
        assert broken(made, first) == {"I5"}
        two = after(calm, 0, 1, hold=DAY)
        assert broken(two, first, second) == set()

    def test_a_later_hold_stops_what_is_done_but_not_what_is_left(self, calm):
        ago = calm[1] - timedelta(minutes=5)
        world = changed(after(calm, 0, hold=timedelta()), 0, revoked_at=ago)
        first = self.make(world, 9)
        assert broken(world, first) == set()
        done = changed(world, 0, removed_at=ago)
        assert broken(done, first) == {"I5"}


class TestThePrivateHalf:
    def disable(self, world: World, number: int) -> Disable:
        return Disable(**common(world), kid=key(world, number).kid)

    def destroy(self, world: World, number: int) -> Destroy:
        return Destroy(**common(world), kid=key(world, number).kid)

    def test_disabled_when_no_region_that_answers_uses_it(self, in_kms):
        world = after(in_kms, 1)
        assert broken(world, self.disable(world, 1)) == set()
        assert broken(in_kms, self.disable(in_kms, 1)) == {"T5"}
        active = after(in_kms, 0)
        assert "T5" in broken(active, self.disable(active, 0))
        dark = unread(world, EU)
        assert broken(dark, self.disable(dark, 1)) == set()
        nobody = unread(world, *NAMES)
        assert broken(nobody, self.disable(nobody, 1)) == {"T3"}

    def test_under_a_hold_too(self, in_kms):
        world = after(in_kms, 1, hold=DAY)
        assert broken(world, self.disable(world, 1)) == set()

    def test_destroyed_when_every_region_was_read_and_none_shows_it(self, calm):
        world = after(calm, 1)
        served = changed(world, 1, removed_at=world[1] - DAY)
        assert broken(served, self.destroy(served, 1)) == {"T5"}
        gone = served
        for region in NAMES:
            gone = lacking(gone, 1, region)
        assert broken(gone, self.destroy(gone, 1)) == set()
        early = changed(gone, 1, removed_at=world[1])
        assert broken(early, self.destroy(early, 1)) == {"T5"}
        never = changed(gone, 1, removed_at=None)
        assert broken(never, self.destroy(never, 1)) == {"T5"}
        dark = unread(gone, EU)
        assert broken(dark, self.destroy(dark, 1)) == {"T5"}


class TestOthers:
    def test_their_evidence_is_asked_as_ever_for_a_switch_that_is_no_takeover(self, calm):
        """The third key is revoked: its tokens need no evidence, and nothing else is waived."""
        inventory, now = after(calm, 2)
        assert broken((inventory, now), *switches((inventory, now), 1)) == set()
        assert "T2" in broken((inventory, now + DAY), *switches((inventory, now), 1))

    def test_a_retired_key_stays_served_in_an_emergency(self, calm):
        begun = {"switch_started_at": calm[1] - DAY, "activated_at": calm[1] - DAY}
        world = after(changed(calm, 1, **begun, retired_at=calm[1]), 0, cold=True)
        assert "I5" in broken(world, write(world, 0, 2))
        assert "T4" in broken(world, removal(world, 1))

    def test_the_successor_is_not_dropped_once_it_signs(self, calm):
        world = after(calm, 0, cold=True)
        took = switches(world, 2)
        assert broken(world, *took) == set()
        assert "I5" in broken(world, *took, write(world, 0, 1))
