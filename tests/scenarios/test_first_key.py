"""The first key ever (design §3): no cache can hold an older document, so evidence alone decides."""

from datetime import timedelta

import pytest

from rotator.domain.jwk import Algorithm, Jwk
from rotator.domain.jwks import own_entry, render
from rotator.domain.plan import Gate, Reason
from rotator.domain.policy import Policy
from tests.fakes.keys import MemoryKeys, named
from tests.scenarios.world import JWKS, NAMES, Regions


def test_without_public_urls_it_signs_in_the_first_run():
    world = Regions()
    world.apply()
    assert world.phases() == ["active", "published"]


def test_a_404_from_before_is_waited_out():
    world = Regions(with_urls=True)
    world.apply()
    assert world.phases() == ["published", "published"]
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.blocked) == (Gate.TIME, Reason.LEAD_NOT_BEGUN, False)
    world.clock.advance(timedelta(minutes=6))
    world.apply()
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code) == (Gate.TIME, Reason.LEAD_RUNNING)
    world.until(wait)
    world.apply()
    assert world.phases() == ["active", "published"]


def test_the_plan_before_the_first_run_says_what_will_happen():
    plan = Regions().plan()
    assert [(s.kind, getattr(s, "region", None)) for s in plan.steps] == [
        ("generate", None),
        ("generate", None),
        *(("write_jwks", name) for name in NAMES),
    ]
    assert [s.keys for s in plan.steps if s.kind == "write_jwks"] == [
        ("accounts/1", "accounts/2")
    ] * 3
    (wait,) = plan.waiting
    assert (wait.kind, wait.kid, wait.gate, wait.blocked) == ("switch", None, Gate.TIME, False)


def test_no_standby_wanted_makes_one_key():
    world = Regions(policy=Policy(standby_keys=0))
    world.apply()
    assert world.phases() == ["active"]


@pytest.mark.parametrize("standbys", [2, 3])
def test_more_standbys(standbys):
    world = Regions(policy=Policy(standby_keys=standbys))
    world.apply()
    assert world.phases() == ["active", *["published"] * standbys]


def test_a_region_that_serves_a_foreign_key_keeps_it_and_stops_the_switch():
    world = Regions()
    made = MemoryKeys().generate(named("other", 1), Algorithm.ES256, 2048)
    theirs = Jwk("their-key-of-old", Algorithm.ES256, made.public)
    world.regions["eu-central-1"].documents[JWKS] = render([own_entry(theirs)])
    report = world.apply()
    assert not report.failed
    assert world.document("eu-central-1").kids()[-1] == "their-key-of-old"
    assert world.document("us-east-1").kids() == tuple(key.kid for key in world.remembered().keys)
    world.clock.advance(timedelta(days=3))
    world.apply()
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.region) == (
        Gate.SAFETY,
        Reason.FOREIGN_KEY,
        "eu-central-1",
    )
    assert wait.blocked
    assert world.phases() == ["published", "published"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"keys": [{"kty": "EC"}]}', b"x" * 300_000])
def test_a_document_that_nobody_understands_is_not_overwritten(body):
    world = Regions()
    world.regions["eu-central-1"].documents[JWKS] = body
    world.apply()
    assert world.regions["eu-central-1"].documents[JWKS] == body
    wait = world.wait_for("write_jwks")
    assert (wait.reason_code, wait.blocked) == (Reason.DOCUMENT_NOT_OURS, True)
    assert world.phases() == ["staged", "staged"]
