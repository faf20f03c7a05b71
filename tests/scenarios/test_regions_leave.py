"""Regions that join, leave in order, or leave dead and are let go by an operator's word (design §3, T3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.forget import Forgotten, forget
from rotator.app.rollback import rollback
from rotator.domain.evidence import Evidence
from rotator.domain.plan import Gate, Reason
from rotator.domain.policy import Policy
from rotator.errors import RequestRefused, UsageError
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, NAMES, SIGNING, Fleet, Regions

US, EU, AP = NAMES
HOUR = timedelta(hours=1)


def rotated(days: int = 100) -> Regions:
    world = Regions()
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    world.clock.advance((days - 90) * DAY)
    world.apply()
    return world


def let_go(world: Regions, ago: timedelta = HOUR, region: str = AP) -> Forgotten:
    return forget(world.world(), region, stopped_at=world.at() - ago, reason="sold", owner="ann")


def test_one_that_leaves_in_order_holds_nobody_up() -> None:
    """Its signers were stopped first; then it left the configuration and was let go, and everything goes on."""
    world = Regions()
    world.apply()
    world.clock.advance(80 * DAY)
    world.apply()
    stopped = world.at()
    world.clock.advance(HOUR)
    world.leave(AP)
    assert world.wait_for("switch").reason_code is Reason.REGION_LEFT
    assert let_go(world) == Forgotten(("accounts",), ())
    assert world.wait_for("switch").reason_code is Reason.NOT_ITS_TURN
    world.clock.advance(10 * DAY)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
    leaves = world.wait_for("remove").until
    retired = world.key(0).moments.retired_at
    assert leaves
    assert retired
    assert leaves - retired == timedelta(days=31, hours=1, seconds=35)
    assert stopped < retired
    world.runs(days=32)
    assert world.phases() == ["removed", "active", "published"]


def test_one_that_left_dead_counts_as_signing_until_it_was_stopped() -> None:
    world = Regions()
    world.apply()
    world.clock.advance(89 * DAY)
    world.apply()
    world.down(AP)
    world.leave(AP)
    world.clock.advance(40 * DAY)
    world.apply()
    wait = world.wait_for("switch")
    assert (wait.gate, wait.region, wait.blocked) == (Gate.SAFETY, AP, True)
    let_go(world, ago=30 * DAY)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_the_removal_waits_for_tokens_of_a_region_that_was_stopped_late() -> None:
    """The switch happened while it was away, so its signers went on with the old key until they were stopped."""
    world = rotated(days=90)
    before = world.wait_for("remove").until
    assert before
    world.regions[AP].documents[SIGNING] = b"{}"  # nobody knows what it signs with
    world.clock.advance(DAY)
    world.leave(AP)
    stopped = world.at()
    world.clock.advance(10 * DAY)
    world.state.save_evidence(_blind(world, AP))
    let_go(world, ago=10 * DAY)
    assert world.wait_for("remove").until == stopped + timedelta(days=31, hours=1, seconds=35)
    world.clock.advance(21 * DAY)
    world.apply()
    assert world.phases()[0] == "retired"
    world.clock.advance(2 * HOUR)
    world.apply()
    assert world.phases()[0] == "removed"


def _blind(world: Regions, region: str) -> Evidence:
    evidence = world.state.load_evidence("accounts")
    seen = {
        kid: replace(sighting, away_since=None)
        for kid, sighting in evidence.sightings[region].items()
    }
    return replace(evidence, sightings={**evidence.sightings, region: seen})


def test_a_region_that_comes_back_is_as_if_it_had_never_been_let_go() -> None:
    world = rotated()
    world.leave(AP)
    let_go(world)
    assert world.remembered().record(AP).signers_stopped_at
    world.names = NAMES
    world.apply()
    assert world.remembered().record(AP).signers_stopped_at is None
    world.leave(AP)
    assert world.wait_for("switch").reason_code is Reason.REGION_LEFT


def test_the_moment_can_be_corrected() -> None:
    world = rotated()
    world.leave(AP)
    let_go(world, ago=HOUR)
    let_go(world, ago=2 * HOUR)
    assert world.remembered().record(AP).signers_stopped_at == world.at() - 2 * HOUR


def test_a_region_joins_and_leaves_again_before_it_ever_signed() -> None:
    world = rotated()
    world.join("sa-east-1")
    world.apply()
    world.leave("sa-east-1")
    assert world.wait_for("switch").reason_code is Reason.NOT_ITS_TURN
    world.runs(days=35)
    assert world.phases()[0] == "removed"


def test_a_rollback_with_a_region_that_was_let_go() -> None:
    world = rotated(days=91)
    world.leave(AP)
    let_go(world)
    rollback(world.world(), "accounts", reason="bad", owner="ann")
    assert world.phases() == ["active", "retired", "published"]


class TestRefused:
    def test_one_that_is_configured(self) -> None:
        world = rotated()
        with pytest.raises(RequestRefused, match=f"{AP} is still configured for accounts") as no:
            let_go(world)
        assert "take ap-northeast-1 out of the configuration first" in no.value.hint
        assert world.remembered().record(AP).signers_stopped_at is None

    def test_a_moment_that_is_not_there_yet(self) -> None:
        world = rotated()
        world.leave(AP)
        with pytest.raises(UsageError, match="is in the future"):
            let_go(world, ago=-HOUR)

    def test_a_moment_before_it_signed_at_all(self) -> None:
        world = rotated()
        world.leave(AP)
        with pytest.raises(RequestRefused, match="got its first signing target later than that"):
            let_go(world, ago=200 * DAY)

    def test_one_that_nobody_knows(self) -> None:
        world = rotated()
        with pytest.raises(UsageError) as nobody:
            let_go(world, region="mars-1")
        assert nobody.value.hint == "regions that left the configuration: none"
        world.leave(AP)
        with pytest.raises(UsageError) as other:
            let_go(world, region="mars-1")
        assert other.value.hint == f"regions that left the configuration: {AP}"

    def test_without_a_reason(self) -> None:
        world = rotated()
        world.leave(AP)
        with pytest.raises(UsageError, match="needs a reason"):
            forget(world.world(), AP, stopped_at=world.at(), reason="", owner="ann")


def test_some_issuers_keep_the_region() -> None:
    fleet = Fleet(("one", "two"))
    fleet.apply()
    full = fleet.world()
    one, two = full.issuers
    fewer = replace(one.setup, regions=one.setup.regions[:2])
    mixed = replace(full, issuers=(replace(one, setup=fewer), two))
    done = forget(mixed, AP, stopped_at=fleet.clock.now(), reason="sold", owner="ann")
    assert done == Forgotten(("one",), ("two",))
    state = fleet.state.load("two")
    assert state
    assert state.record(AP).signers_stopped_at is None


def test_policies_in_mid_flight_are_counted_with_what_was_in_force() -> None:
    """A region that was let go signed under the longer lifetime, so its tokens count by that."""
    world = Regions(policy=Policy(refresh_token_lifetime=60 * DAY))
    world.apply()
    world.clock.advance(80 * DAY)
    world.set_policy(refresh_token_lifetime=DAY)
    world.apply()
    world.leave(AP)
    let_go(world)
    world.clock.advance(10 * DAY)
    world.apply()
    retired, leaves = world.key(0).moments.retired_at, world.wait_for("remove").until
    assert retired
    assert leaves == retired + timedelta(days=61, hours=1, seconds=35)


def test_a_region_that_was_let_go_and_comes_back_empty_joins_like_a_new_one() -> None:
    """Whoever asks it may have its answer of before, or none: it serves first, and signs when that is over."""
    world = rotated()
    world.leave(AP)
    let_go(world)
    world.clock.advance(DAY)
    world.regions[AP].documents.clear()
    world.names = NAMES
    world.apply()
    assert world.document(AP).kids() == world.document(EU).kids()
    assert SIGNING not in world.regions[AP].documents
    wait = world.wait_for("write_signing")
    assert (wait.region, wait.reason_code) == (AP, Reason.REGION_JOINED)
    assert wait.until
    assert wait.until > world.at() + DAY
    world.until(wait)
    world.apply()
    assert world.signing(AP).active == world.signing(EU).active
    assert world.remembered().record(AP).signers_stopped_at is None


def test_one_that_comes_back_empty_is_told_nothing_while_a_switch_hangs() -> None:
    world = Regions()
    world.apply()
    world.clock.advance(89 * DAY)
    world.leave(AP)
    let_go(world)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.clock.advance(DAY)
    world.apply()
    assert world.signing(US).active != world.signing(EU).active
    world.regions[AP].documents.clear()
    world.names = NAMES
    world.down(US)
    world.apply()
    assert SIGNING not in world.regions[AP].documents
