"""The checker: each damaging plan beside the harmless one, on a world in which everything else is right."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import (
    Absent,
    AliasRead,
    Inventory,
    JwksRead,
    RegionView,
    Unavailable,
)
from rotator.domain.jwks import Jwks
from rotator.domain.keys import KmsHandle
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    IssuerPlan,
    PointAlias,
    Reason,
    Remove,
    RepairJwks,
    RepairSigning,
    Replicate,
    Retire,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.policy import Policy, Verifier
from rotator.domain.state import Hold
from rotator.planning.planner import plan_issuer
from rotator.planning.safety import check
from tests.fakes.kms import MemoryKms
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES


def inventory_of(world: Regions) -> Inventory:
    return inventories_of(world.world())[0]


@pytest.fixture(scope="module")
def due() -> tuple[Inventory, datetime]:
    """Day 90: the switch to the second key is due."""
    world = Regions()
    world.apply()
    world.runs(days=89)
    world.clock.advance(DAY)
    return inventory_of(world), world.at()


@pytest.fixture(scope="module")
def after() -> tuple[Inventory, datetime]:
    """Day 122: the first key's last token is dead."""
    world = Regions()
    world.apply()
    world.runs(days=121)
    world.clock.advance(DAY)
    return inventory_of(world), world.at()


def plan_with(inventory: Inventory, *steps: Step) -> IssuerPlan:
    return IssuerPlan(issuer="accounts", lineage="", serial=1, steps=steps, waiting=(), findings=())


def common(now: datetime) -> dict[str, Any]:
    return {"n": 1, "reason": "", "reason_code": Reason.ROTATION_DUE, "not_before": now}


def switch(
    inventory: Inventory, now: datetime, number: int = 1, region: str = US, generation: int = 99
) -> Switch:
    kid = inventory.state.keys[number].kid
    return Switch(
        **common(now),
        kid=kid,
        region=region,
        standby=None,
        expected_etag=None,
        generation=generation,
    )


def invariants(inventory: Inventory, now: datetime, *steps: Step) -> set[str]:
    return {v.invariant for v in check(plan_with(inventory, *steps), inventory, now)}


def test_the_planners_own_plans_are_safe(due, after):
    for inventory, now in (due, after):
        plan = plan_issuer(inventory, now)
        assert plan.steps
        assert check(plan, inventory, now) == ()


def test_a_switch_before_its_lead(due):
    inventory, now = due
    late = replace(inventory, evidence=Evidence(issuer="accounts"))
    assert invariants(inventory, now, switch(inventory, now)) == set()
    assert invariants(late, now, switch(inventory, now)) == {"I1", "T1", "T2"}


def test_a_switch_on_old_evidence(due):
    inventory, now = due
    later = now + timedelta(minutes=11)
    assert invariants(inventory, later, switch(inventory, now)) == {"T2"}


def test_a_switch_while_a_region_is_silent(due):
    inventory, now = due
    silent = replace(inventory, views={**inventory.views, EU: RegionView(Absent(), Absent())})
    assert "I1" in invariants(silent, now, switch(inventory, now))


def test_a_switch_to_a_key_that_cannot_sign(due):
    inventory, now = due
    key = inventory.state.keys[1]
    destroyed = replace(key, moments=replace(key.moments, destroyed_at=now))
    broken = replace(inventory, state=inventory.state.with_key(destroyed))
    assert "I2" in invariants(broken, now, switch(inventory, now))


def test_a_generation_that_does_not_go_up(due):
    inventory, now = due
    assert invariants(inventory, now, switch(inventory, now, generation=1)) == {"I6"}


def test_a_step_before_its_time(due):
    inventory, now = due
    step = replace(switch(inventory, now), not_before=now + DAY)
    assert invariants(inventory, now, step) == {"T10"}


@pytest.mark.parametrize(
    "kind", ["generate", "switch", "remove", "destroy", "repair", "write_signing"]
)
def test_under_a_hold(after, kind):
    inventory, now = after
    hold = Hold(reason="freeze", owner="ann", since=now)
    held = replace(inventory, state=replace(inventory.state, hold=hold))
    old, active = inventory.state.keys[0], inventory.state.keys[1]
    kids = tuple(k.kid for k in inventory.state.in_documents())
    orders: dict[str, Any] = {
        "region": US,
        "standby": None,
        "expected_etag": None,
        "generation": 99,
    }
    steps: dict[str, Step] = {
        "generate": Generate(**common(now), ref="accounts/9", generation=9, algorithm="ES256"),
        "switch": switch(inventory, now, number=2),
        "remove": Remove(
            **common(now), kid=old.kid, region=US, keys=kids[1:], expected_etag=None, generation=99
        ),
        "destroy": Destroy(**common(now), kid=old.kid),
        "repair": RepairJwks(**common(now), region=US, keys=kids, expected_etag=None),
        "write_signing": WriteSigning(**common(now), kid=active.kid, **orders),
    }
    assert ("I5" in invariants(held, now, steps[kind])) is (kind not in ("repair", "write_signing"))


def test_removing_a_key_with_living_tokens(due, after):
    inventory, now = after
    old = inventory.state.keys[0]
    kids = tuple(k.kid for k in inventory.state.in_documents())
    step = Remove(
        **common(now), kid=old.kid, region=US, keys=kids[1:], expected_etag=None, generation=99
    )
    assert invariants(inventory, now, step) == set()
    assert invariants(inventory, now - 2 * DAY, replace(step, not_before=now - 2 * DAY)) == {
        "I5",
        "T4",
    }
    early = replace(inventory, evidence=Evidence(issuer="accounts"))
    assert "T4" in invariants(early, now, step)


def test_removing_more_than_was_said(after):
    inventory, now = after
    old = inventory.state.keys[0]
    kids = tuple(k.kid for k in inventory.state.in_documents())
    step = Remove(
        **common(now), kid=old.kid, region=US, keys=kids[2:], expected_etag=None, generation=99
    )
    assert {"I3", "I1", "I5"} <= invariants(inventory, now, step)
    nobody = replace(step, kid="nobody's", keys=kids)
    assert invariants(inventory, now, nobody) == {"I3"}


def test_going_on_with_a_removal_that_was_begun(after):
    inventory, now = after
    old = inventory.state.keys[0]
    begun = replace(old, moments=replace(old.moments, removal_started_at=now))
    unread = replace(
        inventory, state=inventory.state.with_key(begun), evidence=Evidence(issuer="accounts")
    )
    kids = tuple(k.kid for k in inventory.state.in_documents())
    step = Remove(
        **common(now), kid=old.kid, region=US, keys=kids[1:], expected_etag=None, generation=99
    )
    assert "I5" not in invariants(unread, now, step)


@pytest.mark.parametrize(("keys", "lost"), [((), {"I3 not empty"}), (None, {"I3 limit"})])
def test_a_document_that_is_empty_or_too_large(after, keys, lost):
    inventory, now = after
    full = tuple(k.kid for k in inventory.state.in_documents()) + tuple(
        f"accounts/{n}" for n in range(20, 30)
    )
    makes = [
        Generate(**common(now), ref=f"accounts/{n}", generation=n, algorithm="ES256")
        for n in range(20, 30)
    ]
    write = WriteJwks(
        **common(now), region=US, keys=full if keys is None else keys, expected_etag=None
    )
    assert lost <= invariants(inventory, now, *makes, write)


def test_the_smallest_verifier_limits_the_document(after):
    inventory, now = after
    small = Policy(verifiers=(Verifier("small", DAY, DAY, max_keys=3), Verifier("other", DAY, DAY)))
    limited = replace(inventory, setup=replace(inventory.setup, policy=small))
    kids = tuple(k.kid for k in inventory.state.in_documents())
    make = Generate(**common(now), ref="accounts/9", generation=9, algorithm="ES256")
    write = WriteJwks(**common(now), region=US, keys=(*kids, "accounts/9"), expected_etag=None)
    assert "I3 limit" in invariants(limited, now, make, write)


def test_dropping_a_foreign_key(due):
    inventory, now = due
    without_first = replace(inventory.state, keys=inventory.state.keys[1:])
    theirs = replace(inventory, state=without_first)
    step = RepairJwks(
        **common(now), region=US, keys=(inventory.state.keys[1].kid,), expected_etag=None
    )
    assert "I7" in invariants(theirs, now, step)


def test_destroying_a_key_that_is_served_or_signs(after):
    inventory, now = after
    old, active, _ = inventory.state.keys
    assert invariants(inventory, now, Destroy(**common(now), kid=old.kid)) == {"T5"}
    assert invariants(inventory, now, Destroy(**common(now), kid=active.kid)) == {"T5", "I2"}
    assert invariants(inventory, now, Destroy(**common(now), kid="nobody's")) == {"T5"}
    kids = tuple(k.kid for k in inventory.state.in_documents())
    gone = [
        Remove(
            **common(now), kid=old.kid, region=r, keys=kids[1:], expected_etag=None, generation=99
        )
        for r in NAMES
    ]
    assert invariants(inventory, now, *gone, Destroy(**common(now), kid=old.kid)) == set()


def test_retiring_a_key_that_signs(due):
    inventory, now = due
    old = inventory.state.keys[0]
    assert invariants(inventory, now, Retire(**common(now), kid=old.kid)) == {"I1"}
    moved = [replace(switch(inventory, now, region=r)) for r in NAMES]
    assert invariants(inventory, now, *moved, Retire(**common(now), kid=old.kid)) == set()


def test_what_is_broken_may_be_repaired_piece_by_piece(due):
    """An atom that is false already cannot be lost: two broken regions are mended one after the other."""
    inventory, now = due
    broken = {EU: RegionView(Absent(), Absent()), AP: RegionView(Absent(), Absent())}
    inventory = replace(inventory, views={**inventory.views, **broken})
    kids = tuple(k.kid for k in inventory.state.in_documents())
    mend = RepairJwks(**common(now), region=EU, keys=kids, expected_etag=None)
    orders = RepairSigning(
        **common(now),
        kid=inventory.state.keys[0].kid,
        region=EU,
        standby=None,
        expected_etag=None,
        generation=99,
    )
    assert invariants(inventory, now, mend, orders) == set()


@pytest.fixture(scope="module")
def kms_due() -> tuple[Inventory, datetime]:
    """Keys in KMS, day 90: the switch to the second key is due."""
    world = Regions(kms=MemoryKms())
    world.apply()
    world.clock.advance(90 * DAY)
    return inventory_of(world), world.at()


@pytest.fixture(scope="module")
def kms_after() -> tuple[Inventory, datetime, datetime]:
    """Keys in KMS, just after the switch of day 90; with the moment at which the first key may be disabled."""
    world = Regions(kms=MemoryKms())
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    until = world.wait_for("disable").until
    assert until
    return inventory_of(world), world.at(), until


def seen(inventory: Inventory, region: str, **changes: Any) -> Inventory:
    """The inventory with a region read differently."""
    view = replace(inventory.views[region], **changes)
    return replace(inventory, views={**inventory.views, region: view})


def arn(inventory: Inventory, number: int, region: str) -> str:
    handle = inventory.state.keys[number].handle
    assert isinstance(handle, KmsHandle)
    return handle.arns[region]


def without_replica(inventory: Inventory, number: int, region: str) -> Inventory:
    key = inventory.state.keys[number]
    assert isinstance(key.handle, KmsHandle)
    arns = {name: arn for name, arn in key.handle.arns.items() if name != region}
    lacking = replace(key, handle=KmsHandle(key.handle.primary, arns))
    return replace(inventory, state=inventory.state.with_key(lacking))


def point(inventory: Inventory, now: datetime, number: int, region: str = US) -> PointAlias:
    return PointAlias(**common(now), kid=inventory.state.keys[number].kid, region=region)


class TestAliases:
    def test_the_planners_own_plan_is_safe(self, kms_due):
        inventory, now = kms_due
        plan = plan_issuer(inventory, now)
        assert {step.kind for step in plan.steps} == {"switch", "point_alias", "retire"}
        assert check(plan, inventory, now) == ()

    def test_it_follows_the_signing_target_and_never_leads(self, kms_due):
        inventory, now = kms_due
        new = point(inventory, now, 1)
        assert invariants(inventory, now, switch(inventory, now), new) == set()
        assert invariants(inventory, now, new) == {"T9b"}
        assert invariants(inventory, now, switch(inventory, now, region=EU), new) == {"T9b"}
        assert invariants(inventory, now, point(inventory, now, 0)) == set()

    def test_before_every_verifier_knows_the_key_it_is_no_better_than_a_switch(self, kms_due):
        inventory, now = kms_due
        early = replace(inventory, evidence=Evidence(issuer="accounts"))
        assert invariants(early, now, point(inventory, now, 1)) >= {"I1", "T9b"}

    def test_a_key_that_cannot_sign_there(self, kms_due):
        inventory, now = kms_due
        key = inventory.state.keys[0]
        disabled = replace(key, moments=replace(key.moments, disabled_at=now))
        dead = replace(inventory, state=inventory.state.with_key(disabled))
        assert invariants(dead, now, point(inventory, now, 0)) == {"I2"}
        assert invariants(without_replica(inventory, 0, US), now, point(inventory, now, 0)) == {
            "I2"
        }

    def test_a_switch_where_the_key_has_no_replica(self, kms_due):
        inventory, now = kms_due
        lacking = without_replica(inventory, 1, EU)
        assert invariants(lacking, now, switch(lacking, now, region=EU)) == {"I2"}
        assert invariants(lacking, now, switch(lacking, now, region=US)) == set()
        replica = Replicate(**common(now), kid=lacking.state.keys[1].kid, region=EU)
        assert invariants(lacking, now, replica) == set()

    def test_retiring_a_key_that_an_alias_points_at(self, kms_due):
        inventory, now = kms_due
        retire = Retire(**common(now), kid=inventory.state.keys[0].kid)
        switches = [switch(inventory, now, region=name) for name in NAMES]
        points = [point(inventory, now, 1, name) for name in NAMES]
        assert invariants(inventory, now, *switches, *points, retire) == set()
        assert invariants(inventory, now, *switches, *points[:2], retire) == {"I1"}


class TestTheEndOfAPrivateHalf:
    """Design T5."""

    def disable(self, inventory: Inventory, now: datetime, number: int = 0) -> Disable:
        return Disable(**common(now), kid=inventory.state.keys[number].kid)

    def test_disabled_at_its_moment_and_not_before(self, kms_after):
        inventory, _, opens = kms_after
        early = opens - timedelta(seconds=1)
        assert invariants(inventory, early, self.disable(inventory, early)) == {"T5"}
        assert invariants(inventory, opens, self.disable(inventory, opens)) == set()

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda i: replace(i, evidence=Evidence(issuer="accounts")),
            lambda i: seen(i, EU, alias=AliasRead(arn(i, 0, EU))),
            lambda i: replace(i, setup=replace(i.setup, rollback_window=None)),
            lambda i: replace(i, setup=replace(i.setup, rollback_window=8 * DAY)),
        ],
        ids=["nobody looked", "an alias points at it", "no KMS", "a longer window"],
    )
    def test_not_while_somebody_may_need_it(self, kms_after, wrong):
        inventory, _, opens = kms_after
        assert "T5" in invariants(wrong(inventory), opens, self.disable(inventory, opens))

    @pytest.mark.parametrize("number", [1, 2], ids=["active", "standby"])
    def test_no_key_but_a_retired_one(self, kms_after, number):
        inventory, _, opens = kms_after
        assert "T5" in invariants(inventory, opens, self.disable(inventory, opens, number))

    def test_no_key_that_nobody_knows(self, kms_after):
        inventory, _, opens = kms_after
        assert invariants(inventory, opens, Disable(**common(opens), kid="nobody's")) == {"T5"}

    def test_disabling_the_key_that_signs_leaves_a_region_without(self, kms_after):
        inventory, _, opens = kms_after
        assert invariants(inventory, opens, self.disable(inventory, opens, 1)) == {"I2", "T5"}

    def test_under_a_hold(self, kms_after):
        inventory, now, opens = kms_after
        held = replace(inventory.state, hold=Hold(reason="freeze", owner="ann", since=now))
        step = self.disable(inventory, opens)
        assert invariants(replace(inventory, state=held), opens, step) == {"I5"}

    @pytest.mark.parametrize(("days", "found"), [(8, {"T5"}), (30, {"T5"}), (33, set())])
    def test_destroyed_only_when_its_tokens_are_dead(self, kms_after, days, found):
        inventory, now, _ = kms_after
        old, later = inventory.state.keys[0], now + days * DAY
        moments = replace(old.moments, removal_started_at=now, removed_at=now)
        gone = replace(inventory, state=inventory.state.with_key(replace(old, moments=moments)))
        for name in NAMES:
            read = inventory.views[name].jwks
            assert isinstance(read, JwksRead)
            assert isinstance(read.document, Jwks)
            kept = tuple(entry for entry in read.document.keys if entry.kid != old.kid)
            gone = seen(gone, name, jwks=replace(read, document=Jwks(kept)))
        assert invariants(gone, later, Destroy(**common(later), kid=old.kid)) == found

    def test_a_region_whose_alias_cannot_be_read_is_no_proof(self, kms_after):
        """The alias was last seen away: what was seen counts, and a fresh read is asked of a removal."""
        inventory, _, opens = kms_after
        unread = seen(inventory, EU, alias=Unavailable("E_TARGET_UNREACHABLE", "down"))
        plan = plan_issuer(unread, opens + 30 * DAY)
        assert "remove" not in {step.kind for step in plan.steps}
