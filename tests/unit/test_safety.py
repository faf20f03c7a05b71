"""The checker: each damaging plan beside the harmless one, on a world in which everything else is right."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import (
    Absent,
    Inventory,
    JwksRead,
    RegionView,
    Unavailable,
)
from rotator.domain.jwks import Jwks, ServedKey
from rotator.domain.plan import (
    Destroy,
    Generate,
    IssuerPlan,
    Reason,
    Remove,
    RemoveForeign,
    RepairJwks,
    RepairSigning,
    Retire,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.policy import Policy, Verifier
from rotator.domain.state import ForeignKey, Hold
from rotator.planning.planner import plan_issuer
from rotator.planning.safety import check
from tests.scenarios.strangers import KID, stranger, unreadable
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES


def inventory_of(world: Regions) -> Inventory:
    return inventories_of(world.world())[0]


@pytest.fixture(scope="module")
def due() -> tuple[Inventory, datetime]:
    """Day 90: the switch to the second key is due."""
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.clock.advance(DAY)
    return inventory_of(world), world.at()


@pytest.fixture(scope="module")
def after() -> tuple[Inventory, datetime]:
    """Day 122: the first key's last token is dead."""
    world = Regions()
    world.apply()
    world.ages(days=121)
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


@pytest.fixture
def planted(due: tuple[Inventory, datetime]) -> tuple[Inventory, datetime]:
    """The same day, and somebody's key in one region."""
    inventory, now = due
    return with_entry(inventory, stranger()), now


class TestForeign:
    """One key in `US` that is not rotator's: which steps may take it out, after which decision."""

    def removal(self, inventory: Inventory, now: datetime, **given: Any) -> RemoveForeign:
        own = tuple(key.kid for key in inventory.state.in_documents())
        said = {"kid": KID, "region": US, "keys": own, "expected_etag": None}
        return RemoveForeign(**common(now), **{**said, **given})

    @pytest.mark.parametrize(
        ("decision", "broken"),
        [
            (None, {"I7"}),
            ({"adopted": True}, {"I7"}),
            ({"adopted": True, "until": DAY}, {"I7"}),
            ({"adopted": True, "until": -DAY}, set()),
            ({"adopted": False}, set()),
            ({"adopted": False, "number": 2}, {"I7"}),
            ({"adopted": False, "kid": "another"}, {"I7"}),
        ],
        ids=["undecided", "adopted", "for now", "over", "rejected", "other material", "other kid"],
    )
    def test_it_leaves_only_by_a_decision_about_this_very_key(self, planted, decision, broken):
        inventory, now = planted
        decided = decide(inventory, now, **decision) if decision else inventory
        assert invariants(decided, now, self.removal(inventory, now)) == broken

    @pytest.mark.parametrize("note", ["", "another"])
    def test_of_a_kind_that_nobody_reads_the_text_decides(self, due, note):
        inventory, now = due
        planted = with_entry(inventory, unreadable(KID))
        entry = unreadable(KID, note)
        decided = decide(planted, now, adopted=False, entry=entry)
        broken = {"I7"} if note else set()
        assert invariants(decided, now, self.removal(inventory, now)) == broken

    def test_never_with_another_key_nor_one_of_rotators(self, planted):
        inventory, now = planted
        decided = decide(inventory, now, adopted=False)
        own = [key.kid for key in inventory.state.in_documents()]
        more = self.removal(inventory, now, keys=tuple(own[1:]))
        assert "I3" in invariants(decided, now, more)
        ours = self.removal(inventory, now, kid=own[1], keys=(own[0], KID))
        assert "I3" in invariants(decided, now, ours)
        none = self.removal(inventory, now, keys=())
        assert "I3 not empty" in invariants(decided, now, none)

    @pytest.mark.parametrize("kind", [WriteJwks, RepairJwks])
    @pytest.mark.parametrize("adopted", [None, True, False])
    def test_no_other_write_drops_it(self, planted, kind, adopted):
        inventory, now = planted
        decided = inventory if adopted is None else decide(inventory, now, adopted=adopted)
        own = tuple(key.kid for key in inventory.state.in_documents())
        step = kind(**common(now), region=US, keys=own, expected_etag=None)
        assert invariants(decided, now, step) == {"I7"}
        whole = replace(step, keys=(*own, KID))
        assert invariants(decided, now, whole) == set()

    def test_an_adopted_key_that_was_just_written_is_kept_as_well(self, planted):
        inventory, now = planted
        decided = decide(inventory, now, adopted=True)
        own = tuple(key.kid for key in inventory.state.in_documents())
        write = WriteJwks(**common(now), region=EU, keys=(*own, KID), expected_etag=None)
        drop = replace(write, keys=own)
        assert invariants(decided, now, write) == set()
        assert invariants(decided, now, write, drop) == {"I7"}

    @pytest.mark.parametrize(("adopted", "broken"), [(True, {"I5"}), (False, set())])
    def test_under_a_hold_only_what_was_rejected(self, planted, adopted, broken):
        inventory, now = planted
        decided = decide(inventory, now, adopted=adopted, until=-DAY)
        hold = Hold(reason="freeze", owner="ann", since=now)
        held = replace(decided, state=replace(decided.state, hold=hold))
        assert invariants(held, now, self.removal(inventory, now)) == broken

    def test_where_nobody_knows_what_is_served(self, planted):
        inventory, now = planted
        decided = decide(inventory, now, adopted=False)
        silent = RegionView(Unavailable("E_TARGET", "down"), Absent())
        unread = replace(decided, views={**decided.views, US: silent})
        assert "I7" in invariants(unread, now, self.removal(inventory, now))


def with_entry(inventory: Inventory, entry: ServedKey) -> Inventory:
    """The same with one more key in the document of `US`."""
    read = inventory.views[US].jwks
    assert isinstance(read, JwksRead)
    assert isinstance(read.document, Jwks)
    document = Jwks((*read.document.keys, entry))
    view = replace(inventory.views[US], jwks=replace(read, document=document))
    return replace(inventory, views={**inventory.views, US: view})


def decide(
    inventory: Inventory,
    now: datetime,
    *,
    adopted: bool,
    until: timedelta | None = None,
    number: int = 1,
    kid: str = KID,
    entry: ServedKey | None = None,
) -> Inventory:
    """The same after an operator's decision about a key."""
    about = entry or stranger(kid, number)
    decision = ForeignKey(
        kid=about.kid,
        thumbprint=about.thumbprint,
        text=about.text,
        adopted=adopted,
        reason="",
        owner="ann",
        at=now,
        until=now + until if until else None,
    )
    return replace(inventory, state=replace(inventory.state, foreign=(decision,)))


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
