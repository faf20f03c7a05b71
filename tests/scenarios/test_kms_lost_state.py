"""A state that is lost, or that an older version saved, in a world with KMS (design I8)."""

import json

import pytest

from rotator.domain.keys import KmsHandle
from rotator.domain.plan import Reason, Severity
from tests.fakes.kms import MemoryKms
from tests.fakes.state import MemoryState
from tests.scenarios.kms_world import rotated, signs_with, steps
from tests.scenarios.world import DAY, NAMES, SIGNING, Regions

US, EU, AP = NAMES


class TestALostState:
    def lose(self, world: Regions) -> None:
        world.state = MemoryState(world.clock)

    @pytest.mark.parametrize("days", [1, 92, 110, 125])
    def test_it_is_found_again_through_regions_and_kms(self, days):
        world, kms = rotated(days)
        active, served = world.signing(EU).active.kid, set(world.document(EU).kids())
        made = len(kms.keys)
        self.lose(world)
        assert not world.apply().failed
        assert {world.signing(name).active.kid for name in NAMES} == {active}
        assert served <= set(world.document(EU).kids())
        assert all(signs_with(world, world.remembered().active() or world.key(0)).values())
        assert len(kms.keys) == made + 1  # what was a standby cannot be proven to be one
        assert not [f for f in world.plan().findings if f.severity is Severity.ERROR]
        world.runs(days=100, every=10 * DAY)
        assert world.phases()[-2:] == ["active", "published"]

    def test_while_kms_cannot_say_which_keys_there_are_nothing_is_changed(self):
        world, kms = rotated(days=92)
        self.lose(world)
        before = {name: dict(region.documents) for name, region in world.regions.items()}
        kms.down = {US}
        world.apply()
        assert {name: region.documents for name, region in world.regions.items()} == before
        assert any("KMS in us-east-1" in words for words in world.reporter.warnings)
        kms.down = set()
        assert not world.apply().failed
        assert world.phases()[:2] == ["retired", "active"]

    def test_a_replica_that_could_not_be_seen_is_found_when_its_region_answers(self):
        world, kms = rotated(days=10)
        orders = world.regions[EU].documents[SIGNING]
        self.lose(world)
        kms.down = {EU}
        assert {(r.step.kind, r.step.region) for r in world.apply().failed} == {("replicate", EU)}
        handle = world.key(0).handle
        assert isinstance(handle, KmsHandle)
        assert sorted(handle.arns) == [AP, US]
        assert world.regions[EU].documents[SIGNING] == orders
        kms.down = set()
        assert ("replicate", EU) in steps(world)
        assert not world.plan().findings
        waits = {wait.kind: wait.reason_code for wait in world.plan().waiting}
        assert waits["write_signing"] is Reason.REPLICA_MISSING
        assert not world.apply().failed
        assert all(signs_with(world, world.key(0)).values())
        assert all(len(key.states) == 3 for key in kms.keys.values())

    def test_keys_of_another_rotator_are_not_taken_for_ours(self):
        """Two rotators share an account, and an issuer's name: what no region of ours shows is theirs."""
        kms = MemoryKms()
        theirs = Regions(kms=MemoryKms())
        ours = Regions(kms=kms)
        theirs.apply()
        ours.apply()
        strangers = {f"mrk-theirs-{n}": key for n, key in enumerate(theirs.kms.keys.values())}
        kms.keys.update(strangers)
        self.lose(ours)
        assert not ours.apply().failed
        kids = {key.kid for key in theirs.remembered().keys}
        assert not kids & {key.kid for key in ours.remembered().keys}
        ours.runs(days=130, every=10 * DAY)
        assert [kms.keys[name].states for name in strangers] == [
            dict.fromkeys(NAMES, "Enabled")
        ] * 2


def test_a_state_that_an_older_version_saved_goes_on():
    """Its keys lie in files, and it knows neither aliases nor keys that nobody heard of."""
    world = Regions()
    world.apply()
    state = json.loads(world.state._states["accounts"])
    assert state.pop("unanswered") == []
    for record in state["regions"].values():
        assert record.pop("alias_arn") is None
    world.state._states["accounts"] = json.dumps(state)
    assert not world.apply().results
    assert not world.plan().findings
    world.clock.advance(90 * DAY)
    assert not world.apply().failed
    assert world.phases() == ["retired", "active", "published"]
