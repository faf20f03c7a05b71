"""The state is older than the regions, or gone: rotator catches up from what they show (design I8)."""

import json

import pytest

from rotator.domain.jwk import Algorithm, thumbprint
from rotator.domain.plan import Reason
from rotator.domain.policy import Policy
from tests.fakes.keys import MemoryKeys, named
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

EU = "eu-central-1"


def documents(world: Regions) -> dict[str, dict[str, bytes]]:
    return {name: dict(region.documents) for name, region in world.regions.items()}


def lose_state(world: Regions) -> None:
    world.state = MemoryState(world.clock)


def restore(world: Regions, backup: dict[str, str]) -> None:
    world.state._states = backup


def backup(world: Regions) -> dict[str, str]:
    return dict(world.state._states)


def test_plan_says_that_the_state_is_behind_and_changes_nothing():
    world = Regions()
    world.apply()
    old = backup(world)
    world.ages(days=91)
    before = documents(world)
    restore(world, old)
    plan = world.plan()
    assert plan.steps == ()
    assert (plan.waiting[0].reason_code, plan.waiting[0].blocked) == (Reason.STATE_BEHIND, True)
    assert documents(world) == before


def test_a_restored_backup_loses_no_key_that_may_have_living_tokens():
    world = Regions()
    world.apply()
    old = backup(world)
    world.ages(days=91)
    kids = [key.kid for key in world.remembered().keys]
    restore(world, old)
    assert not world.apply().failed
    assert {name: set(kids) <= set(world.document(name).kids()) for name in NAMES} == dict.fromkeys(
        NAMES, True
    )
    assert [k.kid for k in world.remembered().keys][:3] == kids
    assert world.phases() == ["retired", "active", "retired", "published"]
    world.runs(days=32)
    assert world.phases() == ["removed", "active", "removed", "published"]
    world.runs(days=60)
    assert world.phases()[2:4] == ["removed", "active"]


@pytest.mark.parametrize("days", [1, 91, 125])
def test_a_lost_state_is_found_again_through_regions_and_key_store(days):
    world = Regions()
    world.apply()
    world.ages(days=days)
    active = world.signing(EU).active.kid
    served = set(world.document(EU).kids())
    lose_state(world)
    assert not world.apply().failed
    assert world.signing(EU).active.kid == active
    assert served <= set(world.document(EU).kids())
    world.runs(days=100)
    assert world.phases()[-2:] == ["active", "published"]


def test_a_revoked_key_does_not_come_back():
    world = Regions()
    world.apply()
    old = backup(world)
    standby = world.key(1).kid
    for region in world.regions.values():
        order = json.loads(region.documents[SIGNING])
        order |= {"generation": 9, "revoked": [standby], "standby": None}
        region.documents[SIGNING] = json.dumps(order).encode()
        region.documents[JWKS] = region.documents[JWKS].replace(b"}," + b"{", b"},{")
        keys = [k for k in json.loads(region.documents[JWKS])["keys"] if k["kid"] != standby]
        region.documents[JWKS] = json.dumps(
            {"keys": keys}, separators=(",", ":"), sort_keys=True
        ).encode()
    restore(world, old)
    assert not world.apply().failed
    assert world.phases() == ["active", "revoked", "published"]
    assert standby not in world.document(EU).kids()
    assert standby in world.signing(EU).revoked


@pytest.mark.parametrize("runs_before", [0, 1], ids=["not yet written", "serves, is told nothing"])
def test_a_region_that_is_joining_does_not_keep_a_lost_state_from_being_found(runs_before: int):
    world = Regions()
    world.apply()
    world.ages(days=30)
    active = world.signing(EU).active.kid
    world.join("sa-east-1")
    for _ in range(runs_before):
        world.apply()
    lose_state(world)
    assert not world.apply().failed
    assert world.signing(EU).active.kid == active
    assert SIGNING not in world.regions["sa-east-1"].documents
    world.runs(days=3)
    assert world.signing("sa-east-1").active.kid == active


def test_a_region_whose_signing_target_was_deleted_is_told_again_what_the_others_are():
    world = Regions()
    world.apply()
    old = backup(world)
    world.ages(days=91)
    del world.regions[EU].documents[SIGNING]
    active = world.signing(NAMES[0]).active.kid
    restore(world, old)
    assert not world.apply().failed
    assert world.signing(EU).active.kid == active


def test_a_switch_that_was_under_way_is_finished():
    world = Regions()
    world.apply()
    old = backup(world)
    world.ages(days=89)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.clock.advance(DAY)
    world.apply()
    assert len({world.signing(name).active.kid for name in NAMES}) == 2
    restore(world, old)
    world.apply()
    world.runs(days=2)
    assert len({world.signing(name).active.kid for name in NAMES}) == 1
    assert world.phases()[:2] == ["retired", "active"]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_found_key_gets_a_label_that_fits(algorithm):
    world = Regions(policy=Policy(algorithm=algorithm, rsa_bits=2048))
    world.apply()
    lose_state(world)
    assert not world.apply().failed
    assert world.key(0).jwk.alg is algorithm


@pytest.mark.parametrize("algorithm", [Algorithm.PS512, Algorithm.ES384, Algorithm.ED25519])
def test_a_found_key_keeps_the_label_that_it_is_served_with(algorithm):
    world = Regions(policy=Policy(algorithm=algorithm, rsa_bits=2048))
    world.apply()
    lose_state(world)
    world.set_policy(algorithm=Algorithm.ES256)
    assert not world.apply().failed
    assert world.key(0).jwk.alg is algorithm


@pytest.mark.parametrize(
    ("algorithm", "label"),
    [
        (Algorithm.PS512, Algorithm.RS256),
        (Algorithm.ES384, Algorithm.ES384),
        (Algorithm.ED25519, Algorithm.EDDSA),
        (Algorithm.ES256, Algorithm.ES256),
    ],
)
def test_a_found_key_that_nobody_serves_gets_the_usual_label_of_its_kind(algorithm, label):
    world = Regions()
    world.apply()
    made = world.keys.generate(named("accounts", 0), algorithm, 2048)
    lose_state(world)
    assert not world.apply().failed
    (key,) = [key for key in world.remembered().keys if key.kid == thumbprint(made.public)]
    assert key.jwk.alg is label


class TestWhatCannotBeExplainedIsLeftAlone:
    def unchanged(self, world: Regions, words: str) -> None:
        before = documents(world)
        world.apply()
        assert documents(world) == before
        assert any(words in warning for warning in world.reporter.warnings)
        assert world.plan().waiting[0].reason_code is Reason.STATE_BEHIND

    def test_a_region_that_does_not_answer(self):
        world = Regions()
        world.apply()
        lose_state(world)
        world.down(EU)
        self.unchanged(world, "signing target cannot be read")

    def test_a_key_set_that_is_none(self):
        world = Regions()
        world.apply()
        lose_state(world)
        world.regions[EU].documents[JWKS] = b"junk"
        self.unchanged(world, "JWKS cannot be read")

    def test_keys_that_nobody_has(self):
        world = Regions()
        world.apply()
        lose_state(world)
        world.keys = MemoryKeys()
        self.unchanged(world, "the regions sign with")

    def test_three_regions_with_three_keys(self):
        world = Regions(policy=Policy(standby_keys=2))
        world.apply()
        kids = [key.kid for key in world.remembered().keys]
        for kid, region in zip(kids, world.regions.values(), strict=True):
            order = json.loads(region.documents[SIGNING])
            order["active"]["kid"] = kid
            order["generation"] = 50
            region.documents[SIGNING] = json.dumps(order).encode()
        self.unchanged(world, "the regions sign with")


def test_a_key_that_is_served_nowhere_counts_as_removed():
    world = Regions()
    world.apply()
    old = backup(world)
    world.ages(days=125)
    assert world.phases()[0] == "removed"
    restore(world, old)
    world.apply()
    state = world.remembered()
    assert world.phases()[0] == "removed"
    assert not state.keys[0].moments.destroyed_at  # nobody has seen since when it does not sign
    wait = next(w for w in world.plan().waiting if w.kind == "destroy")
    assert wait.reason_code is Reason.TOKENS_ALIVE
    world.runs(days=33)
    assert world.key(0).moments.destroyed_at


def test_a_key_that_was_removed_before_the_backup_stays_as_it_is():
    world = Regions()
    world.apply()
    world.ages(days=125)
    removed = world.key(0)
    old = backup(world)
    world.runs(days=60)
    restore(world, old)
    world.apply()
    assert world.key(0) == removed
