"""A compromised key in KMS: no signer can use it any more as soon as the regions that answer have switched (design T5)."""

from datetime import timedelta

import pytest

from rotator.app.hold import hold
from rotator.domain.plan import Reason
from rotator.domain.timing import LATE_WRITE
from tests.fakes.kms import MemoryKms
from tests.fakes.targets import Fault
from tests.fakes.wrapped import MemoryWrapped
from tests.scenarios.emergencies import Consumers, revoke, serves
from tests.scenarios.kms_world import rotated, signs_with
from tests.scenarios.world import ALIAS, DAY, NAMES, SIGNING, Regions

US, EU, AP = NAMES


def kinds(world: Regions) -> list[str]:
    found = [result.step.kind for result in world.apply().results]
    return list(dict.fromkeys(found))


def states_of(kms: MemoryKms, number: int) -> dict[str, str]:
    """By region, the state of a key, by the order of their making."""
    return list(kms.keys.values())[number].states


def test_signing_target_then_alias_then_document_then_kms():
    world, kms = rotated(days=2)
    consumers = Consumers(world)
    revoke(world, 0)
    consumers.look("before")
    assert kinds(world)[:4] == ["switch", "point_alias", "remove", "disable"]
    consumers.look("after")
    assert kms.states() == [{"Disabled"}, {"Enabled"}, {"Enabled"}]
    assert all(signs_with(world, world.key(1)).values())
    world.until(world.wait_for("destroy"))
    world.apply()
    assert kms.states()[0] == {"PendingDeletion"}
    assert not world.apply().results
    consumers.days(3)


@pytest.mark.parametrize("kms_answers", [True, False])
def test_a_region_that_is_down_does_not_keep_it_enabled_elsewhere(kms_answers):
    world, kms = rotated(days=2)
    world.down(EU)
    kms.down = set() if kms_answers else {EU}
    revoke(world, 0)
    report = world.apply()
    assert [r.step.kind for r in report.failed] == ([] if kms_answers else ["disable"])
    assert states_of(kms, 0) == {
        US: "Disabled",
        AP: "Disabled",
        EU: "Disabled" if kms_answers else "Enabled",
    }
    assert world.phases()[:2] == ["revoked", "published"]
    assert len(kms.keys) == 3  # the new standby
    world.clock.advance(DAY)
    world.apply()
    assert "PendingDeletion" not in states_of(kms, 0).values()
    world.up(EU)
    kms.down = set()
    assert not world.apply().failed
    assert kms.states()[0] == {"Disabled"}
    assert all(signs_with(world, world.key(1)).values())
    world.clock.advance(LATE_WRITE)
    world.apply()
    assert kms.states()[0] == {"PendingDeletion"}


def test_it_stays_enabled_while_a_region_that_answers_is_told_to_use_it():
    """Its signing target cannot be written; its signers would stand still."""
    world, kms = rotated(days=2)
    world.signings[EU].next_writes = [Fault.DENIED]
    revoke(world, 0)
    world.apply()
    assert kms.states()[0] == {"Enabled"}
    assert serves(world) == {US: [1, 2], EU: [0, 1], AP: [1, 2]}
    world.apply()
    assert kms.states()[0] == {"Disabled"}
    assert all(signs_with(world, world.key(1)).values())


def test_while_no_region_can_be_read_nothing_is_disabled():
    world, kms = rotated(days=2)
    for name in NAMES:
        world.down(name)
    revoke(world, 0)
    world.apply()
    assert kms.states()[0] == {"Enabled"}
    wait = world.wait_for("disable")
    assert (wait.reason_code, wait.blocked) == (Reason.REGION_UNREACHABLE, True)


def test_an_alias_that_cannot_be_read_leaves_the_region_as_it_is():
    world, kms = rotated(days=2)
    kms.down = {EU}
    revoke(world, 0)
    world.apply()
    assert {name: 0 in kids for name, kids in serves(world).items()} == {
        US: False,
        EU: True,
        AP: False,
    }
    kms.down = set()
    world.apply()
    assert all(signs_with(world, world.key(1)).values())
    assert all(0 not in kids for kids in serves(world).values())


def test_an_alias_that_is_pointed_back_is_mended_and_destroying_waits():
    world, kms = rotated(days=2)
    old = kms.aliases[EU, ALIAS]
    revoke(world, 0)
    world.apply()
    kms.aliases[EU, ALIAS] = old
    world.clock.advance(LATE_WRITE + timedelta(seconds=1))
    assert world.wait_for("destroy").reason_code is Reason.KEY_REVOKED
    assert "point_alias" in kinds(world)
    assert all(signs_with(world, world.key(1)).values())
    world.apply()
    assert kms.states()[0] == {"PendingDeletion"}


@pytest.mark.parametrize(("days", "number"), [(2, 1), (91, 0)])
def test_a_standby_and_a_retired_key_are_disabled_too(days, number):
    world, kms = rotated(days)
    revoke(world, number)
    world.apply()
    assert kms.states()[number] == {"Disabled"}
    world.clock.advance(DAY)
    world.apply()
    assert kms.states()[number] == {"PendingDeletion"}


def test_all_keys_under_a_hold():
    world, kms = rotated(days=2)
    hold(world.world(), "accounts", "freeze", owner="ben")
    revoke(world, 0, 1, cold=True)
    assert not world.apply().failed
    assert kms.states() == [{"Disabled"}, {"Disabled"}, {"Enabled"}, {"Enabled"}]
    assert all(signs_with(world, world.key(2)).values())
    assert world.phases() == ["revoked", "revoked", "active", "published"]


def test_a_retired_key_that_kms_has_disabled_does_not_take_over():
    world, kms = rotated(days=100)
    world.apply()
    assert kms.states()[0] == {"Disabled"}
    revoke(world, 1)
    world.apply()
    assert all(signs_with(world, world.key(2)).values())
    assert world.phases()[:3] == ["retired", "revoked", "active"]


@pytest.mark.parametrize("number", [0, 1])
def test_a_wrapped_key_is_destroyed_once_no_version_tells_of_it(number):
    world = Regions(wrapped=MemoryWrapped())
    world.apply()
    world.runs(days=2)
    old = world.at()
    revoke(world, number)
    world.apply()
    world.clock.advance(DAY)
    for region in world.regions.values():
        region.versions[SIGNING] = old
    assert world.wait_for("destroy").reason_code is Reason.OLD_VERSIONS
    for region in world.regions.values():
        region.versions[SIGNING] = world.at()
    world.apply()
    assert world.key(number).moments.destroyed_at
