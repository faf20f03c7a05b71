"""`rollback`: after a switch, in the middle of one, with regions down, keys disabled, and everything that forbids it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.apply import apply
from rotator.app.hold import hold
from rotator.app.reports import ApplyReport
from rotator.app.rollback import WayBack, rollback
from rotator.app.rotate import rotate
from rotator.domain.canary import canary_keys
from rotator.domain.checks import CanaryCheck
from rotator.domain.plan import FindingKind, Gate, Reason
from rotator.domain.policy import Policy
from rotator.domain.windows import Schedule, parse_blackout
from rotator.errors import (
    Declined,
    KeyStoreUnreachable,
    RequestRefused,
    StalePlan,
    StateBehind,
    UnsafePlan,
    UsageError,
)
from tests.fakes.targets import Fault
from tests.scenarios.kms_world import rotated as kms_rotated
from tests.scenarios.kms_world import signs_with
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EU_FIRST: dict[str, Any] = {"waves": ((EU,), (US, AP)), "bake": 30 * MINUTE}


def rotated(world: Regions | None = None, **policy: Any) -> Regions:
    """An hour after the first switch: an old key retired, a newer one active, a third stands by."""
    world = world or Regions(policy=Policy(**policy))
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    world.clock.advance(HOUR)
    return world


def back(world: Regions, reason: str = "bad release") -> ApplyReport:
    return rollback(world.world(), "accounts", reason=reason, owner="ann")


def signing(world: Regions) -> dict[str, int]:
    """By region, the number of the key that its signers are told."""
    kids = [key.kid for key in world.remembered().keys]
    return {name: kids.index(world.signing(name).active.kid) for name in world.names}


def drift(world: Regions) -> list[str]:
    return [f.detail for f in world.plan().findings if f.kind is FindingKind.DRIFT]


class TestAfterASwitch:
    def test_the_older_key_signs_again_everywhere(self) -> None:
        world = rotated()
        report = back(world)
        assert not report.failed
        steps = [(r.step.kind, r.step.reason_code) for r in report.results]
        assert steps[:3] == [("switch", Reason.ROLLED_BACK)] * 3
        assert world.phases() == ["active", "retired", "published"]
        assert signing(world) == dict.fromkeys(NAMES, 0)
        assert world.remembered().request is None
        assert world.key(0).moments.activated_at == world.key(1).moments.retired_at
        assert len({world.signing(name).generation for name in NAMES}) == 1

    def test_the_newer_key_leaves_by_its_own_t4_and_does_not_come_back(self) -> None:
        world = rotated()
        back(world)
        gone = world.wait_for("remove")
        assert gone.kid == world.key(1).kid
        assert gone.until
        assert gone.until > world.at() + 31 * DAY
        switch = world.wait_for("switch")
        assert (switch.kid, switch.reason_code) == (world.key(2).kid, Reason.NOT_ITS_TURN)
        world.runs(days=30, every=6 * HOUR)
        assert world.phases() == ["active", "retired", "published"]
        world.runs(days=2)
        assert world.phases() == ["active", "removed", "published"]

    def test_no_token_is_rejected_on_the_way(self) -> None:
        """Every kid that was signed with stands in every document for as long as its tokens live."""
        world, ends = rotated(), dict[str, datetime]()

        def looked() -> None:
            ends.update({world.signing(name).active.kid: world.at() + 30 * DAY for name in NAMES})
            living = {kid for kid, end in ends.items() if end > world.at()}
            assert all(living <= set(world.document(name).kids()) for name in NAMES)

        for turn in range(4):
            looked()
            back(world, f"turn {turn}")
            world.clock.advance(HOUR)
        for _ in range(40):
            looked()
            world.runs(days=1)
        assert len(ends) == 2

    def test_back_and_forth(self) -> None:
        world = rotated()
        back(world)
        world.clock.advance(HOUR)
        back(world, "the fix is out")
        assert world.phases() == ["retired", "active", "published"]
        assert signing(world) == dict.fromkeys(NAMES, 1)

    def test_its_turn_counts_from_then(self) -> None:
        world = rotated()
        back(world)
        begins = world.key(0).moments.activated_at
        assert begins
        assert world.wait_for("switch").until == begins + 90 * DAY

    def test_a_region_that_is_down_keeps_it_waiting_and_the_next_run_goes_on(self) -> None:
        world = rotated()
        world.down(EU)
        report = back(world)
        assert report.left.blocked
        assert signing(world) == dict.fromkeys(NAMES, 1)
        wait = world.wait_for("switch")
        assert (wait.gate, wait.region) == (Gate.EVIDENCE, EU)
        assert wait.reason.startswith("asked for by ann: bad release; it still waits: ")
        world.up(EU)
        assert not world.apply().failed
        assert signing(world) == dict.fromkeys(NAMES, 0)
        assert world.remembered().request is None

    def test_asked_again_it_goes_on_and_does_not_turn_round(self) -> None:
        world = rotated()
        world.signings[EU].next_writes = [Fault.DENIED]
        assert back(world).failed
        assert signing(world) == {US: 0, EU: 1, AP: 0}
        seen: list[WayBack] = []

        def look(way: WayBack) -> bool:
            seen.append(way)
            return True

        rollback(world.world(), "accounts", reason="again", owner="bob", confirm=look)
        assert seen[0].begun
        assert seen[0].to.kid == world.key(0).kid
        assert signing(world) == dict.fromkeys(NAMES, 0)

    def test_waves_and_windows_do_not_hold_it_up(self) -> None:
        world = rotated(**EU_FIRST)
        world.runs(days=1)
        assert signing(world) == dict.fromkeys(NAMES, 1)
        today = parse_blackout(f"{world.at():%Y-%m-%d}")
        world.schedule = Schedule(world.at().tzinfo, "UTC", (), (today,))  # type: ignore[arg-type]
        back(world)
        assert signing(world) == dict.fromkeys(NAMES, 0)

    def test_it_runs_under_a_policy_that_has_become_infeasible(self) -> None:
        world = rotated()
        world.set_policy(rotate_every=DAY)
        assert not back(world).failed
        assert signing(world) == dict.fromkeys(NAMES, 0)

    def test_a_region_that_joined_meanwhile_signs_with_the_older_key_too(self) -> None:
        world = rotated()
        world.join("sa-east-1")
        world.runs(days=3)
        assert signing(world)["sa-east-1"] == 1
        back(world)
        assert signing(world) == dict.fromkeys(world.names, 0)

    def test_an_early_switch_that_was_asked_for_is_dropped(self) -> None:
        world = rotated()
        rotate(world.world(), "accounts", reason="soon", owner="bob")
        back(world)
        assert world.phases() == ["active", "retired", "published"]
        world.runs(days=3)
        assert world.phases() == ["active", "retired", "published"]

    def test_canaries_sign_with_the_older_key_and_are_heard(self) -> None:
        world = rotated()
        world.down(US)
        back(world)
        assert [key.kid for key in canary_keys(world.remembered())] == [
            world.key(0).kid,
            world.key(2).kid,
        ]
        world.up(US)
        world.checks[US] = (CanaryCheck("https://nobody.example.com/canary"),)
        world.apply()
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.blocked) == (Reason.CANARY_UNSEEN, True)


class TestInTheMiddleOfASwitch:
    def test_the_first_wave_goes_back(self) -> None:
        world = Regions(policy=Policy(**EU_FIRST))
        world.apply()
        world.clock.advance(90 * DAY)
        world.apply()
        assert signing(world) == {US: 0, EU: 1, AP: 0}
        report = back(world)
        steps = [(r.step.kind, getattr(r.step, "region", None)) for r in report.results]
        assert steps == [("repair", EU), ("write_signing", US), ("write_signing", AP)]
        assert report.results[0].step.reason_code is Reason.ROLLED_BACK
        assert drift(world) == []
        assert signing(world) == dict.fromkeys(NAMES, 0)
        assert world.phases() == ["active", "retired", "published"]
        assert world.remembered().request is None

    def test_tokens_of_the_new_key_live_out_their_lives(self) -> None:
        world = Regions(policy=Policy(**EU_FIRST))
        world.apply()
        world.clock.advance(90 * DAY)
        world.apply()
        back(world)
        assert world.phases()[1] == "retired"
        world.runs(days=31)
        assert world.key(1).kid in world.document(US).kids()
        world.runs(days=2)
        assert world.phases() == ["active", "removed", "published"]

    def test_the_next_switch_does_not_follow_at_once(self) -> None:
        world = Regions(policy=Policy(**EU_FIRST))
        world.apply()
        world.clock.advance(90 * DAY)
        world.apply()
        back(world)
        world.runs(days=60)
        assert signing(world) == dict.fromkeys(NAMES, 0)
        world.runs(days=31)
        assert signing(world) == dict.fromkeys(NAMES, 2)

    def test_a_region_that_cannot_be_written_is_put_back_later(self) -> None:
        world = Regions(policy=Policy(**EU_FIRST))
        world.apply()
        world.clock.advance(90 * DAY)
        world.apply()
        world.down(EU)
        assert back(world).left.blocked
        assert world.wait_for("switch").reason.startswith("90 d after ")
        request = world.remembered().request
        assert request
        assert request.kid == world.key(0).kid
        world.clock.advance(DAY)
        world.up(EU)
        world.apply()
        assert signing(world) == dict.fromkeys(NAMES, 0)
        assert world.remembered().request is None
        leaves = world.wait_for("remove").until
        assert leaves
        assert leaves > world.at() + 31 * DAY  # T4 begins when the last region was seen away


class TestKms:
    def test_a_key_that_was_disabled_is_enabled_first(self) -> None:
        world, kms = kms_rotated(days=100)
        world.runs(days=1)
        assert world.key(0).moments.disabled_at
        assert not back(world).failed
        assert world.key(0).moments.disabled_at is None
        assert all(signs_with(world, world.key(0)).values())
        assert world.phases() == ["active", "retired", "published"]
        assert kms is world.kms

    def test_a_region_that_joined_gets_a_replica_first(self) -> None:
        world, _ = kms_rotated(days=91)
        world.join("sa-east-1")
        world.runs(days=3)
        back(world)
        assert all(signs_with(world, world.key(0)).values())

    @pytest.mark.parametrize("disabled", [False, True])
    def test_a_kms_region_that_does_not_answer(self, disabled: bool) -> None:
        """What nobody knows is asked again at each write; only what must be enabled has to answer first."""
        world, kms = kms_rotated(days=91)
        world.runs(days=10 * disabled)
        kms.down.add(EU)
        if disabled:
            with pytest.raises(KeyStoreUnreachable):
                back(world)
            assert world.remembered().request is None
            with pytest.raises(
                KeyStoreUnreachable
            ):  # and once more: nothing would enable it there later
                back(world)
        else:
            assert back(world).left.blocked
        kms.down.clear()
        if disabled:
            back(world)
        else:
            world.apply()
        assert all(signs_with(world, world.key(0)).values())

    def test_one_that_was_enabled_in_vain_is_disabled_again(self) -> None:
        world, kms = kms_rotated(days=91)
        world.runs(days=10)
        assert kms.states()[0] == {"Disabled"}
        kms.down.add(EU)
        with pytest.raises(KeyStoreUnreachable):
            back(world)
        assert kms.states()[0] == {"Enabled", "Disabled"}
        kms.down.clear()
        world.apply()
        assert kms.states()[0] == {"Disabled"}
        assert world.key(0).moments.disabled_at


class TestRefused:
    @pytest.mark.parametrize("reason", ["", "  "])
    def test_without_a_reason(self, reason: str) -> None:
        with pytest.raises(UsageError, match="needs a reason"):
            back(rotated(), reason)

    def test_under_a_hold(self) -> None:
        world = rotated()
        hold(world.world(), "accounts", "freeze", owner="bob")
        with pytest.raises(RequestRefused, match="accounts is held by bob: freeze") as refused:
            back(world)
        assert refused.value.hint == "rotator release accounts, then ask again"
        assert signing(world) == dict.fromkeys(NAMES, 1)

    def test_once_the_older_key_has_left(self) -> None:
        world = rotated()
        world.runs(days=33)
        with pytest.raises(RequestRefused) as refused:
            back(world)
        assert "its private half was destroyed" in refused.value.detail

    def test_when_its_private_half_is_gone(self) -> None:
        world = rotated()
        world.keys.destroy(world.key(0).handle)
        before = world.remembered()
        with pytest.raises(RequestRefused, match="the key before, cannot sign"):
            back(world)
        assert world.remembered() == before

    def test_when_kms_deletes_it(self) -> None:
        world, kms = kms_rotated(days=91)
        kms.destroy(world.key(0).handle)
        with pytest.raises(RequestRefused, match="the key before, cannot sign"):
            back(world)
        assert world.phases() == ["retired", "active", "published"]

    def test_with_one_key_only(self) -> None:
        world = Regions()
        world.apply()
        with pytest.raises(RequestRefused, match="is the first key of accounts"):
            back(world)

    def test_when_nobody_agrees(self) -> None:
        world = rotated()
        serial = world.remembered().serial
        with pytest.raises(Declined):
            rollback(world.world(), "accounts", reason="x", owner="ann", confirm=lambda _: False)
        assert world.remembered().serial == serial

    def test_when_something_moved_while_it_was_read(self) -> None:
        world = rotated()

        def meanwhile(way: WayBack) -> bool:
            key = world.key(0)
            removed = replace(
                key.moments, retired_at=None, activated_at=None, switch_started_at=None
            )
            other = replace(world.key(2).moments, activated_at=world.at(), retired_at=world.at())
            assert way.to.kid == key.kid
            keys = (
                replace(key, moments=removed),
                world.key(1),
                replace(world.key(2), moments=other),
            )
            world.remember(keys=keys)
            return True

        with pytest.raises(StalePlan, match="moved while its rollback was being read"):
            rollback(world.world(), "accounts", reason="x", owner="ann", confirm=meanwhile)

    def test_a_hold_that_came_while_it_was_read(self) -> None:
        world = rotated()

        def meanwhile(_: WayBack) -> bool:
            hold(world.world(), "accounts", "freeze", owner="bob")
            return True

        with pytest.raises(RequestRefused, match="held by bob"):
            rollback(world.world(), "accounts", reason="x", owner="ann", confirm=meanwhile)

    def test_rotate_waits_until_it_is_through(self) -> None:
        world = rotated()
        world.down(EU)
        back(world)
        with pytest.raises(RequestRefused, match="a rollback of accounts is under way"):
            rotate(world.world(), "accounts", reason="forward", owner="ann")


def test_a_hold_after_it_was_begun_stops_it_where_it_is() -> None:
    world = rotated()
    world.signings[EU].next_writes = [Fault.DENIED]
    back(world)
    hold(world.world(), "accounts", "freeze", owner="bob")
    world.apply()
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    assert world.wait_for("switch").reason_code is Reason.HELD
    assert apply(world.world()).results == ()
    with pytest.raises(RequestRefused, match="held by bob"):
        back(world)


def test_unsafe_plans_are_never_reached() -> None:
    """The checker has nothing against what the planner makes of a rollback, whichever way the regions answer."""
    for fault in (None, Fault.DOWN, Fault.DENIED):
        world = rotated()
        world.regions[AP].fault = fault
        try:
            back(world)
        except UnsafePlan as error:
            pytest.fail(f"{fault}: {error.detail}")


def test_a_key_that_is_revoked_meanwhile_is_no_way_back() -> None:
    world = rotated()
    world.down(EU)
    back(world)
    key = world.key(0)
    revoked = replace(key, moments=replace(key.moments, revoked_at=world.at()))
    world.remember(keys=(revoked, world.key(1), world.key(2)))
    world.up(EU)
    world.apply()
    assert world.remembered().request is None
    assert signing(world) == dict.fromkeys(NAMES, 1)


def test_nothing_is_decided_on_a_state_that_is_known_to_be_old() -> None:
    world = rotated()
    old = dict(world.state._states)
    world.runs(days=91)
    world.state._states = old
    world.down(EU)  # so that nobody can catch up
    before = world.remembered()
    with pytest.raises(StateBehind, match="older than its regions"):
        back(world)
    with pytest.raises(StateBehind, match="older than its regions"):
        rotate(world.world(), "accounts", reason="drill", owner="ann")
    assert world.remembered() == before


def test_one_that_a_later_switch_overtook_is_over() -> None:
    """Nobody ran rotator for a turn, while one region still signed with the key that was given up."""
    world = Regions(policy=Policy(standby_keys=2))
    world.apply()
    world.clock.advance(90 * DAY)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.apply()
    world.signings[US].next_writes = [Fault.DENIED] * 3
    back(world)
    assert signing(world) == {US: 1, EU: 0, AP: 0}
    world.signings[US].next_writes = []
    world.clock.advance(91 * DAY)
    world.apply()
    assert signing(world) == {US: 2, EU: 2, AP: 2}
    assert world.remembered().request is None


def test_in_a_switch_that_is_given_up_a_region_that_fails_holds_no_other_up() -> None:
    world = Regions()
    world.apply()
    world.clock.advance(90 * DAY)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.apply()
    assert signing(world) == {US: 1, EU: 0, AP: 1}
    world.signings[US].next_writes = [Fault.DENIED]
    back(world)
    assert signing(world) == {US: 1, EU: 0, AP: 0}
