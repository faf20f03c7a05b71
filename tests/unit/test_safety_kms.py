"""The checker on keys in KMS: aliases, replicas, and the end of a private half (design T5, T9b)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.domain.evidence import Evidence
from rotator.domain.inventory import (
    AliasRead,
    Inventory,
    JwksRead,
    Unavailable,
)
from rotator.domain.jwks import Jwks
from rotator.domain.keys import KmsHandle
from rotator.domain.plan import (
    Destroy,
    Disable,
    PointAlias,
    Replicate,
    Retire,
)
from rotator.domain.state import Hold
from rotator.planning.planner import plan_issuer
from rotator.planning.safety import check
from tests.fakes.kms import MemoryKms
from tests.scenarios.world import DAY, NAMES, Regions
from tests.unit.test_safety import common, invariants, inventory_of, switch

US, EU, AP = NAMES


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

    @pytest.mark.parametrize("part", ["signing", "alias"])
    def test_not_while_a_region_could_not_be_looked_at(self, kms_after, part):
        inventory, _, opens = kms_after
        unseen = seen(inventory, EU, **{part: Unavailable("E_TARGET_UNREACHABLE", "timed out")})
        assert invariants(unseen, opens, self.disable(inventory, opens)) == {"T3"}

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
