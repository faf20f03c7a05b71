"""A region that does not answer stops progress and breaks nothing."""

from datetime import timedelta

import pytest

from rotator.domain.plan import Gate, Reason
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, Regions

EU = "eu-central-1"


def test_the_other_regions_get_the_new_key_and_nothing_is_switched():
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.set_policy(standby_keys=2)
    world.down(EU)
    world.clock.advance(DAY)
    report = world.apply()
    assert world.phases() == ["active", "published", "staged"]
    assert len(world.document("us-east-1").kids()) == 3
    assert report.left.blocked
    wait = next(w for w in report.left.issuers[0].waiting if w.kind == "switch")
    assert (wait.gate, wait.region) == (Gate.EVIDENCE, EU)


def test_when_it_is_back_its_lead_starts_from_when_it_served_the_key():
    world = Regions()
    world.apply()
    world.runs(days=10)
    world.set_policy(standby_keys=2)
    world.down(EU)
    world.runs(days=5)
    new = world.key(2)
    assert world.state.load_evidence("accounts").sighting(EU, new.kid).visible_since is None
    world.up(EU)
    world.clock.advance(DAY)
    world.apply()
    seen = world.state.load_evidence("accounts").sighting(EU, new.kid).visible_since
    assert seen == world.at() or world.at() - seen < timedelta(seconds=5)
    assert world.phases() == ["active", "published", "published"]


def test_silence_neither_ends_nor_extends_a_lead():
    world = Regions()
    world.apply()
    before = world.state.load_evidence("accounts").sighting(EU, world.key(1).kid).visible_since
    world.down(EU)
    world.runs(days=3)
    world.up(EU)
    world.runs(days=1)
    assert (
        world.state.load_evidence("accounts").sighting(EU, world.key(1).kid).visible_since == before
    )


def test_nothing_is_removed_while_a_signing_target_cannot_be_read():
    world = Regions()
    world.apply()
    world.ages(days=120)
    assert world.phases() == ["retired", "active", "published"]
    world.down(EU)
    world.runs(days=10)
    assert world.phases() == ["retired", "active", "published"]
    wait = next(w for w in world.plan().waiting if w.kind == "remove")
    assert (wait.reason_code, wait.region, wait.blocked) == (Reason.REGION_UNREACHABLE, EU, True)
    world.up(EU)
    world.runs(days=1)
    assert world.phases()[0] == "removed"


def test_a_switch_that_one_region_misses_is_finished_when_it_is_back():
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.clock.advance(DAY)
    old, new = world.key(0), world.key(1)
    world.signings[EU].next_writes = [Fault.DOWN]
    report = world.apply()
    assert report.failed
    assert world.phases() == ["active", "published"]
    assert {n: world.signing(n).active.kid for n in world.names} == {
        "us-east-1": new.kid,
        EU: old.kid,
        "ap-northeast-1": new.kid,
    }
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.DENIED])
def test_the_very_first_run_publishes_where_it_can(fault):
    world = Regions()
    world.regions[EU].fault = fault
    report = world.apply()
    assert report.left.blocked
    assert world.phases() == ["staged", "staged"]
    world.up(EU)
    world.apply()
    assert world.phases() == ["active", "published"]
