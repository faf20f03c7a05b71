"""Somebody else writes where rotator wrote: shown, repaired, and the lead starts again there (design I8, T1)."""

import json
from datetime import timedelta

import pytest

from rotator.domain.jwk import Algorithm, Jwk
from rotator.domain.jwks import own_entry, render
from rotator.domain.plan import FindingKind, Reason, Severity
from tests.fakes.keys import MemoryKeys, named
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions

EU = "eu-central-1"


def older(world: Regions) -> bytes:
    return render([own_entry(world.key(0).jwk)])


def pretty(world: Regions) -> bytes:
    return json.dumps(json.loads(world.regions[EU].documents[JWKS]), indent=2).encode()


def relabelled(world: Regions) -> bytes:
    return world.regions[EU].documents[JWKS].replace(b"ES256", b"ES384", 1)


def other_material(world: Regions) -> bytes:
    other = MemoryKeys().generate(named("other", 1), Algorithm.ES256, 2048).public
    return render(
        [own_entry(Jwk(key.kid, Algorithm.ES256, other)) for key in world.remembered().keys]
    )


def with_private_member(world: Regions) -> bytes:
    document = json.loads(world.regions[EU].documents[JWKS])
    document["keys"][0]["d"] = "c2VjcmV0"
    return json.dumps(document).encode()


def twice(world: Regions) -> bytes:
    entry = own_entry(world.key(0).jwk)
    return render([entry, entry, own_entry(world.key(1).jwk)])


@pytest.mark.parametrize(
    "tampered",
    [
        older,
        pretty,
        relabelled,
        other_material,
        with_private_member,
        twice,
        lambda _: b"<html>",
        lambda _: b"",
    ],
)
def test_a_changed_document_is_found_and_put_back(tampered):
    world = Regions()
    world.apply()
    good = world.regions[EU].documents[JWKS]
    world.clock.advance(timedelta(hours=1))
    world.regions[EU].documents[JWKS] = tampered(world)
    plan = world.plan()
    assert [(s.kind, s.region) for s in plan.steps] == [("repair", EU)]
    assert FindingKind.DRIFT in {f.kind for f in plan.findings}
    assert not world.apply().failed
    assert world.regions[EU].documents[JWKS] == good
    since = world.state.load_evidence("accounts").sighting(EU, world.key(1).kid).visible_since
    assert world.at() - since < timedelta(minutes=1)


def test_a_document_that_is_gone_is_written_again():
    world = Regions()
    world.apply()
    del world.regions[EU].documents[JWKS]
    world.apply()
    assert world.document(EU).kids() == world.document("us-east-1").kids()


def test_a_private_member_is_reported_without_its_value():
    world = Regions()
    world.apply()
    world.regions[EU].documents[JWKS] = with_private_member(world)
    (finding,) = [f for f in world.plan().findings if f.severity is Severity.ERROR]
    assert "private members (d)" in finding.detail
    assert "c2VjcmV0" not in str(world.plan())


def test_a_removed_key_that_comes_back_is_withdrawn_again():
    world = Regions()
    world.apply()
    everything = world.regions[EU].documents[JWKS]
    world.ages(days=130)
    assert world.phases()[0] == "removed"
    world.regions[EU].documents[JWKS] = everything
    world.apply()
    assert world.key(0).kid not in world.document(EU).kids()


def test_a_removed_key_beside_the_right_ones_is_withdrawn_again():
    world = Regions()
    world.apply()
    gone = own_entry(world.key(0).jwk)
    world.ages(days=130)
    document = world.regions[EU].documents[JWKS]
    world.regions[EU].documents[JWKS] = document[:-2] + b"," + gone.text.encode() + b"]}"
    (step,) = world.plan().steps
    assert "again, which was removed" in step.reason
    world.apply()
    assert world.regions[EU].documents[JWKS] == document


def test_a_signing_target_that_names_another_key_is_put_back():
    world = Regions()
    world.apply()
    body = world.regions[EU].documents[SIGNING]
    first, second = world.key(0).kid, world.key(1).kid
    swapped = body.replace(first.encode(), b"X" * 43).replace(second.encode(), first.encode())
    world.regions[EU].documents[SIGNING] = swapped.replace(b"X" * 43, second.encode())
    (step,) = [s for s in world.plan().steps if s.region == EU]
    assert (step.kind, step.document, step.reason_code) == (
        "repair",
        "signing",
        Reason.SIGNING_CHANGED,
    )
    world.apply()
    assert world.signing(EU).active.kid == first
    assert world.phases() == ["active", "published"]


@pytest.mark.parametrize("body", [b"", b"{}", None])
def test_a_signing_target_that_is_unreadable_or_gone_is_put_back(body):
    world = Regions()
    world.apply()
    if body is None:
        del world.regions[EU].documents[SIGNING]
    else:
        world.regions[EU].documents[SIGNING] = body
    assert not world.apply().failed
    assert world.signing(EU).active.kid == world.key(0).kid


def test_a_repair_restarts_the_lead_of_a_switch_that_was_due():
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.regions[EU].documents[JWKS] = older(world)
    world.clock.advance(timedelta(hours=23))
    world.apply()
    world.clock.advance(timedelta(hours=1))
    world.apply()
    wait = world.wait_for("switch")
    assert (wait.reason_code, wait.region) == (Reason.LEAD_RUNNING, EU)
    world.until(wait)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
    assert DAY


def test_a_clock_behind_the_state_stops_everything():
    world = Regions()
    world.apply()
    world.clock.set(world.at() - timedelta(hours=1))
    plan = world.plan()
    assert plan.steps == ()
    assert plan.waiting[0].reason_code is Reason.CLOCK_BEHIND
