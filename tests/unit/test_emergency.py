"""Decisions about compromised keys, as tables: what a revocation changes, who takes over, what goes on past a failure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import Absent, JwksRead, Unavailable
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import Key
from rotator.domain.lifecycle import phase, wanted
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    PointAlias,
    Purge,
    Reason,
    Remove,
    RepairSigning,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.state import Asked, IssuerState, Request, Revocation
from rotator.domain.timing import LATE_WRITE
from rotator.planning.decisions import without
from rotator.planning.emergency import (
    ends_revoked,
    is_cold,
    named_after,
    nobody_signs,
    pending,
    revoked,
    successors,
    takeover,
)
from rotator.planning.situation import Situation
from tests.scenarios.emergencies import warm
from tests.scenarios.kms_world import rotated
from tests.scenarios.world import DAY, NAMES

US, EU, AP = NAMES


@pytest.fixture(scope="module")
def calm() -> Situation:
    """The first key signs, the second is warm, a third was published an hour ago."""
    world = warm()
    world.set_policy(standby_keys=2)
    world.apply()
    world.clock.advance(timedelta(hours=1))
    world.apply()
    return Situation(inventories_of(world.world())[0], world.at())


@pytest.fixture(scope="module")
def in_kms() -> Situation:
    """The first key signs, the second is warm; each region has an alias."""
    world, _ = rotated(days=2)
    return Situation(inventories_of(world.world())[0], world.at())


def decided(
    state: IssuerState, *numbers: int, cold: bool = False, at: datetime | None = None
) -> IssuerState:
    kids = [state.keys[number].kid for number in numbers]
    now = at or max(key.moments.staged_at for key in state.keys) + timedelta(hours=2)
    return revoked(state, kids, cold=cold, reason="stolen", owner="ann", now=now)


def with_state(situation: Situation, state: IssuerState) -> Situation:
    return replace(situation, inventory=replace(situation.inventory, state=state))


def after(situation: Situation, *numbers: int, cold: bool = False) -> Situation:
    return with_state(situation, decided(situation.state, *numbers, cold=cold, at=situation.now))


def moved(situation: Situation, number: int, **changes: Any) -> Situation:
    """The same with other moments of a key."""
    key = situation.state.keys[number]
    other = replace(key, moments=replace(key.moments, **changes))
    return with_state(situation, situation.state.with_key(other))


def seen(situation: Situation, region: str, **changes: Any) -> Situation:
    """The same with a region read otherwise."""
    inventory = situation.inventory
    view = replace(inventory.views[region], **changes)
    return replace(situation, inventory=replace(inventory, views={**inventory.views, region: view}))


def lacking(situation: Situation, number: int, region: str) -> Situation:
    """The same, but a region's document does not hold a key."""
    view = situation.views[region]
    assert isinstance(view.jwks, JwksRead)
    document = without(view.jwks_document(), [situation.state.keys[number].kid])
    assert document
    return seen(situation, region, jwks=replace(view.jwks, document=document))


DOWN = Unavailable("E_TARGET", "down")


class TestTheDecision:
    def test_it_takes_the_key_out_of_use_and_raises_both_generations(self, calm):
        before = calm.state
        state = decided(before, 0, 1)
        assert [phase(key) for key in state.keys] == ["revoked", "revoked", "published"]
        assert not any(wanted(key) or key.usable for key in state.keys[:2])
        assert state.generation == state.signing_generation == before.generation + 1
        assert [(r.kid, r.cold, r.reason, r.owner) for r in state.revocations] == [
            (key.kid, False, "stolen", "ann") for key in state.keys[:2]
        ]
        assert state.keys[2] == before.keys[2]

    def test_a_switch_that_was_asked_for_is_dropped(self, calm):
        asked = Request(asked=Asked.ROTATE, reason="", owner="ben", at=calm.now)
        assert decided(replace(calm.state, request=asked), 1).request is None

    def test_again_it_changes_nothing(self, calm):
        state = decided(calm.state, 0)
        assert decided(state, 0) == state
        assert decided(state, 0, 0) == state

    def test_but_it_may_be_cold_from_now_on_and_stays_so(self, calm):
        cold = decided(decided(calm.state, 0), 0, cold=True)
        assert [told.cold for told in cold.revocations] == [True]
        assert cold.generation == calm.state.generation + 1
        assert decided(cold, 0) == cold

    def test_of_a_key_whose_regions_alone_tell_of_it_the_word_is_kept(self, calm):
        known = replace(decided(calm.state, 0), revocations=())
        assert decided(known, 0) == known
        assert [told.cold for told in decided(known, 0, cold=True).revocations] == [True]

    @pytest.mark.parametrize("what", ["removed", "unknown"])
    def test_where_there_is_nothing_to_revoke(self, calm, what):
        kid = calm.state.keys[1].kid if what == "removed" else "nobody's"
        state = moved(calm, 1, removed_at=calm.now).state
        same = revoked(state, [kid], cold=True, reason="", owner="", now=calm.now)
        assert same == state


@pytest.mark.parametrize(
    ("numbers", "nobody"), [((), False), ((0,), True), ((1,), False), ((0, 1, 2), True)]
)
def test_nobody_signs_once_the_active_key_is_revoked(calm, numbers, nobody):
    state = decided(calm.state, *numbers) if numbers else calm.state
    assert nobody_signs(state) is nobody
    assert nobody_signs(replace(calm.state, keys=())) is False


@pytest.mark.parametrize(
    ("about", "second", "cold"),
    [
        ([0], {}, True),
        ([1], {}, False),
        ([0], {"switch_started_at": DAY, "activated_at": DAY}, False),
        ([1], {"switch_started_at": DAY, "activated_at": DAY}, True),
        ([1], {"switch_started_at": DAY}, True),
        ([1], {"switch_started_at": DAY, "removed_at": DAY}, False),
        ([], {}, False),
    ],
    ids=[
        "the active",
        "a standby",
        "the one before",
        "the active one since",
        "one being switched to",
        "one that is gone",
        "nobody",
    ],
)
def test_whose_word_about_rejected_tokens_counts(calm, about, second, cold):
    state = moved(calm, 1, **{name: calm.now + ago for name, ago in second.items()}).state
    words = tuple(
        Revocation(kid=state.keys[n].kid, cold=True, reason="", owner="", at=calm.now)
        for n in about
    )
    assert is_cold(replace(state, revocations=words)) is cold


class TestWhoTakesOver:
    def chosen(self, situation: Situation) -> int | None:
        key = takeover(situation)
        return None if key is None else situation.state.keys.index(key)

    def order(self, situation: Situation) -> list[int]:
        return [situation.state.keys.index(key) for key in successors(situation)]

    def test_the_oldest_warm_one_however_old_the_evidence(self, calm):
        assert self.chosen(after(calm, 0)) == 1
        assert self.chosen(replace(after(calm, 0), now=calm.now + 40 * DAY)) == 1

    def test_nobody_where_none_is_warm(self, calm):
        assert self.chosen(after(calm, 0, 1)) is None
        blind = replace(calm.inventory, evidence=Evidence(issuer="accounts"))
        assert self.chosen(after(replace(calm, inventory=blind), 0)) is None

    def test_cold_one_that_every_region_that_answers_serves(self, calm):
        cold = after(calm, 0, 1, cold=True)
        assert self.chosen(cold) == 2
        assert self.chosen(seen(cold, EU, jwks=DOWN)) == 2
        nobody = seen(seen(seen(cold, EU, jwks=DOWN), US, jwks=DOWN), AP, jwks=DOWN)
        assert self.chosen(nobody) is None

    def test_cold_a_region_that_does_not_take_it_is_waited_for_as_long_as_a_write(self, calm):
        cold = lacking(after(calm, 0, 1, cold=True), 2, EU)
        assert self.chosen(moved(cold, 2, staged_at=calm.now)) is None
        assert self.chosen(moved(cold, 2, staged_at=calm.now - LATE_WRITE)) == 2

    def test_cold_a_warm_one_is_better(self, calm):
        assert self.chosen(after(calm, 0, cold=True)) == 1

    def test_the_one_that_a_switch_was_begun_to(self, calm):
        assert self.chosen(moved(after(calm, 0), 2, switch_started_at=calm.now)) == 2

    def test_the_policys_algorithm_first_then_others_then_retired_ones(self, calm):
        other = replace(calm.state.keys[1].jwk, alg=Algorithm.EDDSA)
        state = calm.state.with_key(replace(calm.state.keys[1], jwk=other))
        assert self.order(after(with_state(calm, state), 0)) == [2, 1]
        assert self.chosen(after(with_state(calm, state), 0)) == 1  # the other one is not warm
        begun = {"switch_started_at": calm.now, "activated_at": calm.now}
        retired = moved(calm, 1, **begun, retired_at=calm.now)
        assert self.order(after(retired, 0)) == [2, 1]
        two = moved(retired, 0, retired_at=calm.now - DAY)
        assert self.order(two) == [2, 1, 0]

    @pytest.mark.parametrize(
        "ended", ["removal_started_at", "removed_at", "disabled_at", "destroyed_at", "revoked_at"]
    )
    def test_none_that_is_leaving_or_cannot_sign(self, calm, ended):
        assert self.order(moved(after(calm, 0), 1, **{ended: calm.now})) == [2]

    def test_first_those_that_every_region_can_use(self, in_kms):
        key = in_kms.state.keys[1]
        handle = replace(key.handle, arns={US: key.handle.arns[US]})
        twin = replace(key, jwk=replace(key.jwk, kid="twin"), generation=9)
        short = in_kms.state.with_key(replace(key, handle=handle))
        both = with_state(in_kms, replace(short, keys=(*short.keys, twin)))
        assert [k.kid for k in successors(after(both, 0))] == ["twin", key.kid]


class TestWhatIsLeft:
    def test_a_key_is_pending_until_it_was_gone_everywhere(self, calm):
        assert pending(calm) == ()
        situation = after(calm, 1)
        assert [key.kid for key in pending(situation)] == [calm.state.keys[1].kid]
        recorded = moved(situation, 1, removed_at=calm.now)
        assert pending(recorded)  # it is served
        gone = recorded
        for region in NAMES:
            gone = lacking(gone, 1, region)
        assert pending(gone) == ()
        signs = moved(after(calm, 0), 0, removed_at=calm.now)
        for region in NAMES:
            signs = lacking(signs, 0, region)
        assert pending(signs)

    def test_what_signers_are_told_after_some_steps(self, in_kms):
        old, new = (key.kid for key in in_kms.state.keys)
        told = _order(Switch, in_kms.state.keys[1], US)
        point = PointAlias(**_common(), kid=new, region=US)
        assert named_after(in_kms, [], US) == frozenset({old})
        assert named_after(in_kms, [told], US) == frozenset({old, new})
        assert named_after(in_kms, [told, point], US) == frozenset({new})
        assert named_after(in_kms, [told, point], EU) == frozenset({old})
        dark = seen(in_kms, US, signing=DOWN)
        assert named_after(dark, [], US) is None
        assert named_after(dark, [told, point], US) == frozenset({new})
        bare = seen(in_kms, US, signing=Absent(), alias=Absent())
        assert named_after(bare, [], US) == frozenset()


class TestPastAFailure:
    """Which steps of a plan still happen after one has failed in another region."""

    def goes_on(self, situation: Situation, step: Step) -> bool:
        return ends_revoked(situation.inventory, step)

    @pytest.mark.parametrize("kind", [Switch, RepairSigning, WriteSigning])
    def test_telling_signers(self, calm, kind):
        step = _order(kind, calm.state.keys[1], US)
        assert self.goes_on(after(calm, 0), step)
        assert self.goes_on(after(calm, 2), step) is (kind is not Switch)
        assert not self.goes_on(calm, step)
        assert self.goes_on(seen(after(calm, 0), US, signing=DOWN), step)

    def test_withdrawing_where_the_region_was_seen_to_have_left(self, calm):
        step = _removal(calm.state.keys[0])
        assert not self.goes_on(after(calm, 0), step)
        standby = _removal(calm.state.keys[1])
        assert self.goes_on(after(calm, 1), standby)
        assert not self.goes_on(seen(after(calm, 1), US, signing=DOWN), standby)
        assert not self.goes_on(calm, standby)

    def test_telling_an_edge_once_the_document_lacks_the_key(self, calm):
        step = Purge(**_common(), kid=calm.state.keys[1].kid, region=US)
        assert not self.goes_on(after(calm, 1), step)
        assert self.goes_on(lacking(after(calm, 1), 1, US), step)
        assert not self.goes_on(seen(after(calm, 1), US, jwks=DOWN), step)

    def test_disabling_once_every_region_that_answers_has_left(self, in_kms):
        step = Disable(**_common(), kid=in_kms.state.keys[1].kid)
        assert self.goes_on(after(in_kms, 1), step)
        assert self.goes_on(seen(after(in_kms, 1), EU, signing=DOWN), step)
        assert not self.goes_on(in_kms, step)
        assert not self.goes_on(
            after(in_kms, 0), Disable(**_common(), kid=in_kms.state.keys[0].kid)
        )
        dark = after(in_kms, 1)
        for region in NAMES:
            dark = seen(dark, region, signing=DOWN)
        assert not self.goes_on(dark, step)

    def test_nothing_else(self, calm):
        world = after(calm, 0)
        made = Generate(**_common(), ref="accounts/9", generation=9, algorithm="ES256")
        write = WriteJwks(**_common(), region=US, keys=(), expected_etag=None)
        for step in (made, write, Destroy(**_common(), kid=calm.state.keys[0].kid)):
            assert not self.goes_on(world, step)


def _common() -> dict[str, Any]:
    moment = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    return {"n": 1, "reason": "", "reason_code": Reason.KEY_REVOKED, "not_before": moment}


def _order(kind: Any, key: Key, region: str) -> Any:
    said = {"kid": key.kid, "region": region, "standby": None, "expected_etag": None}
    return kind(**_common(), **said, generation=99)


def _removal(key: Key) -> Remove:
    return Remove(**_common(), kid=key.kid, region=US, keys=(), expected_etag=None, generation=99)
