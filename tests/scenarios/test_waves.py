"""Waves: the next one waits for the bake and for the checks of those before (`policy.waves`, `policy.bake`)."""

from datetime import datetime, timedelta

import pytest

from rotator.app.hold import hold, release
from rotator.domain.plan import FindingKind, Gate, Reason
from rotator.domain.policy import Policy
from tests.fakes.kms import MemoryKms
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EU_FIRST = Policy(waves=((EU,), (US, AP)), bake=30 * MINUTE)


def due(policy: Policy = EU_FIRST, *, kms: MemoryKms | None = None) -> Regions:
    """A world in which the switch to the second key is due now."""
    world = Regions(policy=policy, kms=kms)
    world.apply()
    world.clock.advance(90 * DAY)
    return world


def signing(world: Regions) -> dict[str, int]:
    """By region, the number of the key that its signers are told."""
    kids = [key.kid for key in world.remembered().keys]
    return {name: kids.index(world.signing(name).active.kid) for name in world.names}


def test_the_second_wave_waits_for_the_bake():
    world = due()
    assert not world.apply().failed
    switched = world.at()
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    assert world.phases() == ["active", "published", "published"]
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.blocked) == (Gate.TIME, Reason.WAVE_BAKING, False)
    assert wait.until
    assert abs(wait.until - (switched + 30 * MINUTE)) < timedelta(seconds=1)
    assert wait.reason == f"{US}, {AP} switch 30 m after {EU} did, if all is well"
    world.clock.set(wait.until - timedelta(seconds=1))
    assert not world.apply().results
    world.until(wait)
    assert not world.apply().failed
    assert signing(world) == dict.fromkeys(NAMES, 1)
    assert world.phases() == ["retired", "active", "published"]
    assert len({world.signing(name).generation for name in NAMES}) == 1


@pytest.mark.parametrize(
    ("waves", "order"),
    [
        ((), [{US, EU, AP}]),
        (((US, EU, AP),), [{US, EU, AP}]),
        (((EU,),), [{EU}, {US, AP}]),
        (((AP,), (EU,)), [{AP}, {EU}, {US}]),
        ((("sa-east-1",), (EU, "sa-east-1"), (US,)), [{EU}, {US}, {AP}]),
    ],
    ids=["none", "one", "rest last", "two and the rest", "regions of other issuers"],
)
def test_regions_of_no_wave_come_last_and_unknown_ones_do_not_matter(waves, order):
    world = due(Policy(waves=waves))
    for number, wave in enumerate(order, 1):
        world.apply()
        turned = set().union(*order[:number])
        assert {name for name, key in signing(world).items() if key} == turned, wave
        world.clock.advance(HOUR)
    assert world.phases() == ["retired", "active", "published"]


def test_the_very_first_key_knows_no_waves():
    world = Regions(policy=EU_FIRST)
    world.apply()
    assert signing(world) == dict.fromkeys(NAMES, 0)


@pytest.mark.parametrize("down", NAMES)
def test_a_region_that_goes_down_while_the_first_wave_bakes_stops_the_second(down):
    world = due()
    world.apply()
    world.down(down)
    world.clock.advance(DAY)
    assert world.apply().left.blocked
    wait = world.wait_for("switch")
    assert (wait.gate, wait.region) == (Gate.EVIDENCE, down)
    world.up(down)
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    world.apply()
    assert signing(world) == dict.fromkeys(NAMES, 1)


def test_checks_that_fail_in_the_first_wave_stop_the_second():
    """Its edge lacks the new key: tokens are refused there, and only there."""
    world = Regions(policy=EU_FIRST, with_urls=True)
    world.apply()
    for wait in (6 * MINUTE, 7 * MINUTE, 89 * DAY, DAY):
        world.clock.advance(wait)
        world.apply()
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    world.edges[EU].body = (
        world.regions[EU].documents[JWKS].replace(world.key(1).kid.encode(), b"x" * 43)
    )
    world.clock.advance(HOUR)
    assert world.apply().left.blocked
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    assert world.wait_for("switch").region == EU
    world.edges[EU].body = None
    world.runs(days=3)
    assert signing(world) == dict.fromkeys(NAMES, 1)


def test_a_first_wave_that_went_back_bakes_anew():
    """Somebody puts the old orders back into the first region: repaired, and the second wave waits once more."""
    world = due()
    old = world.regions[EU].documents[SIGNING]
    world.apply()
    world.clock.advance(29 * MINUTE)
    world.regions[EU].documents[SIGNING] = old
    world.clock.advance(30 * MINUTE)
    world.apply()
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    wait = world.wait_for("switch")
    assert wait.until
    assert abs(wait.until - (world.at() + 30 * MINUTE)) < timedelta(seconds=1)
    world.until(wait)
    world.apply()
    assert signing(world) == dict.fromkeys(NAMES, 1)


def test_a_region_of_the_first_wave_that_missed_the_switch_holds_up_the_second():
    world = due(Policy(waves=((EU, AP), (US,))))
    world.signings[AP].next_writes = [Fault.DENIED]
    assert world.apply().failed
    assert signing(world) == {US: 0, EU: 1, AP: 0}
    world.clock.advance(HOUR)
    assert world.wait_for("switch").until is None
    world.apply()
    assert signing(world) == {US: 0, EU: 1, AP: 1}
    world.clock.advance(HOUR)
    world.apply()
    assert signing(world) == dict.fromkeys(NAMES, 1)


def test_a_first_wave_whose_alias_is_gone_holds_up_the_second():
    """It names the new key, and signers that go through the alias cannot sign at all."""
    kms = MemoryKms()
    world = due(kms=kms)
    world.apply()
    world.clock.advance(HOUR)
    assert "switch" in {step.kind for step in world.plan().steps}
    del kms.aliases[EU, world.aliases[EU].name]
    assert {step.kind for step in world.plan().steps} == {"point_alias"}
    assert world.wait_for("switch").reason_code is Reason.WAVE_BAKING


class TestDriftWhileTheFirstWaveBakes:
    def test_a_later_region_gets_its_old_orders_back(self):
        world = due()
        world.apply()
        new = world.regions[EU].documents[SIGNING]
        world.regions[AP].documents[SIGNING] = new
        (finding,) = world.plan().findings
        assert (finding.kind, finding.region) == (FindingKind.DRIFT, AP)
        assert not world.apply().failed
        assert signing(world) == {US: 0, EU: 1, AP: 0}
        world.clock.advance(HOUR)
        assert not world.apply().failed
        assert signing(world) == dict.fromkeys(NAMES, 1)
        assert world.phases() == ["retired", "active", "published"]

    def test_a_signing_target_that_is_gone_comes_back_with_the_old_key(self):
        world = due()
        world.apply()
        del world.regions[US].documents[SIGNING]
        world.apply()
        assert signing(world) == {US: 0, EU: 1, AP: 0}

    def test_its_alias_is_put_back_to_the_old_key(self):
        kms = MemoryKms()
        world = due(kms=kms)
        world.apply()
        old, new = world.key(0).kid, world.key(1).kid
        assert [world.pointed(name) for name in NAMES] == [old, new, old]
        del kms.aliases[AP, world.aliases[AP].name]
        world.apply()
        assert [world.pointed(name) for name in NAMES] == [old, new, old]
        world.clock.advance(HOUR)
        world.apply()
        assert [world.pointed(name) for name in NAMES] == [new] * 3

    def test_a_region_that_joins_meanwhile_is_told_nothing_before_its_verifiers_know_the_key(self):
        kms = MemoryKms()
        world = due(kms=kms)
        world.apply()
        world.join("sa-east-1")
        kms.down = {"sa-east-1"}
        world.apply()
        kms.down = set()
        world.apply()
        assert SIGNING not in world.regions["sa-east-1"].documents
        world.clock.advance(2 * DAY)
        assert not world.apply().failed
        assert [world.pointed(name) == world.key(1).kid for name in world.names] == [True] * 3 + [
            False
        ]
        world.clock.advance(HOUR)
        assert not world.apply().failed
        assert signing(world) == dict.fromkeys((*NAMES, "sa-east-1"), 1)
        assert world.phases() == ["retired", "active", "published"]

    def test_while_no_switch_may_go_on_every_region_keeps_what_it_said(self):
        kms = MemoryKms()
        world = due(kms=kms)
        world.apply()
        world.down(AP)
        world.regions[US].documents[SIGNING] = b"junk"
        del world.regions[EU].documents[SIGNING]
        kms.aliases.clear()
        world.apply()
        old, new = world.key(0).kid, world.key(1).kid
        assert signing(world) == {US: 0, EU: 1, AP: 0}
        assert [world.pointed(name) for name in NAMES] == [old, new, None]
        world.up(AP)
        world.clock.advance(HOUR)
        world.apply()
        assert signing(world) == dict.fromkeys(NAMES, 1)
        assert [world.pointed(name) for name in NAMES] == [new] * 3

    def test_a_hold_stops_the_second_wave_and_repairs_go_on(self):
        world = due()
        world.apply()
        hold(world.world(), "accounts", "release freeze", owner="ann", until=None)
        world.clock.advance(DAY)
        for name in (US, EU):
            world.regions[name].documents[SIGNING] = b"junk"
        assert not world.apply().failed
        assert signing(world) == {US: 0, EU: 1, AP: 0}
        assert world.wait_for("switch").gate is Gate.HOLD
        release(world.world(), "accounts", owner="ann")
        world.clock.advance(HOUR)
        world.apply()
        assert signing(world) == dict.fromkeys(NAMES, 1)


def test_a_rotation_that_goes_by_waves_is_not_overdue():
    """Each wave takes a run; a daily run and four waves take four days."""
    world = Regions(
        policy=Policy(waves=((US,), (EU,), (AP,))), names=(*NAMES, "sa-east-1", "af-south-1")
    )
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    for _ in range(3):
        world.clock.advance(DAY)
        assert not [f for f in world.plan().findings if f.kind is FindingKind.OVERDUE]
        world.apply()
    assert world.phases() == ["retired", "active", "published"]


@pytest.mark.slow
def test_a_month_of_hourly_runs_rejects_no_token_and_counts_no_further_than_it_must():
    world = due()
    ends: dict[str, datetime] = {}
    before = world.remembered().generation
    for _ in range(30 * 24):
        world.clock.advance(HOUR)
        world.apply()
        ends |= {world.signing(name).active.kid: world.at() + 30 * DAY for name in NAMES}
        living = {kid for kid, end in ends.items() if end > world.at()}
        assert all(living <= set(world.document(name).kids()) for name in NAMES)
    assert len(ends) == 2
    assert world.phases() == ["retired", "active", "published"]
    one_for_each_wave, the_next_standby = 2, 1
    assert world.remembered().generation <= before + one_for_each_wave + the_next_standby
