"""A region that answers, but wrongly: the others go on getting new keys, and nothing is removed meanwhile."""

import pytest

from rotator.domain.plan import Gate, Reason
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, NAMES, Regions

EU = "eu-central-1"
OTHERS = tuple(name for name in NAMES if name != EU)


def everything_due() -> Regions:
    """A removal, a switch and a second standby, all at once."""
    world = Regions()
    world.apply()
    world.clock.advance(91 * DAY)
    world.apply()
    world.clock.advance(94 * DAY)
    world.set_policy(standby_keys=2)
    return world


@pytest.mark.parametrize("body", [b"<html>", b'{"keys":[]}', None], ids=["html", "empty", "gone"])
def test_a_wrong_document_that_cannot_be_put_back(body: bytes | None) -> None:
    world = everything_due()
    if body is None:
        del world.regions[EU].documents[JWKS]
    else:
        world.regions[EU].documents[JWKS] = body
    world.jwks[EU].next_writes = [Fault.DENIED] * 9
    report = world.apply()
    assert report.failed
    assert report.left.blocked
    assert world.phases() == ["retired", "active", "published", "staged"]
    new = world.key(3).kid
    assert all(new in world.document(name).kids() for name in OTHERS)
    wait = world.wait_for("remove")
    assert (wait.gate, wait.reason_code, wait.region, wait.blocked) == (
        Gate.EVIDENCE,
        Reason.DOCUMENT_CHANGED,
        EU,
        True,
    )
    world.jwks[EU].next_writes = []
    assert not world.apply().failed
    assert world.phases() == ["removed", "active", "published", "published"]


def test_a_document_that_cannot_be_read_beside_a_signing_target_that_can() -> None:
    world = everything_due()
    world.signings[EU].region = world.regions["us-east-1"]  # answers, with the same content
    world.down(EU)
    world.apply()
    assert world.phases() == ["retired", "active", "published", "staged"]
    wait = world.wait_for("remove")
    assert (wait.reason_code, wait.region) == (Reason.REGION_UNREACHABLE, EU)


def test_a_removal_that_one_region_refuses_keeps_no_new_key_from_the_others() -> None:
    world = everything_due()
    world.jwks[EU].next_writes = [Fault.DENIED] * 9
    report = world.apply()
    assert [(r.step.kind, getattr(r.step, "region", None)) for r in report.failed] == [
        ("remove", EU)
    ]
    old, new = world.key(0).kid, world.key(3).kid
    for name in OTHERS:
        assert new in world.document(name).kids()
        assert old not in world.document(name).kids()
    assert old in world.document(EU).kids()
    assert world.phases() == ["retired", "active", "published", "staged"]


def test_a_region_that_joins_with_a_document_of_somebody_else_holds_up_no_removal() -> None:
    world = everything_due()
    joined = Regions(policy=world.policy, names=(*NAMES, "sa-east-1"), clock=world.clock)
    joined.state, joined.keys = world.state, world.keys
    for name in NAMES:
        joined.regions[name].documents.update(world.regions[name].documents)
    joined.regions["sa-east-1"].documents[JWKS] = b"<html>"
    joined.apply()
    world.clock.advance(33 * DAY)  # since it was first seen not to sign with the key
    joined.apply()
    assert all(joined.key(0).kid not in joined.document(name).kids() for name in NAMES)
