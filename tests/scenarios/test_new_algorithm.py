"""From ES256 to EdDSA while a library is in use that reads no such keys: agreed to, made, published, led, switched."""

from datetime import timedelta

import pytest

from rotator.app.accept import accept
from rotator.app.audit import audit
from rotator.app.hold import hold
from rotator.cli.exits import of_apply, of_plan
from rotator.config.profiles import find
from rotator.domain.jwk import Algorithm
from rotator.domain.plan import FindingKind, Gate, Plan, Reason, Severity
from rotator.domain.policy import Policy, Verifier
from rotator.errors import UsageError
from tests.scenarios.world import NAMES, Regions

ES256, EDDSA, ED25519 = Algorithm.ES256, Algorithm.EDDSA, Algorithm.ED25519


def profile(name: str) -> Verifier:
    found = find(name)
    assert found
    return found.verifier


NODE, GO = profile("node-jwks-rsa"), profile("auth0-go-jwt-middleware")


def live(*verifiers: Verifier) -> Regions:
    """An issuer that has signed with ES256 for ten days."""
    world = Regions(policy=Policy(verifiers=verifiers))
    world.apply()
    world.clock.advance(timedelta(days=10))
    return world


def kinds(world: Regions) -> list[tuple[str, Algorithm]]:
    return [(p, k.jwk.alg) for p, k in zip(world.phases(), world.remembered().keys, strict=True)]


def said(world: Regions) -> list[str]:
    return [f.detail for f in world.plan().findings if f.kind is FindingKind.POLICY]


def test_from_es256_to_eddsa_with_a_library_that_reads_no_eddsa():
    world = live(NODE)
    world.set_policy(algorithm=EDDSA)

    wait = world.wait_for("generate")
    assert (wait.gate, wait.reason_code, wait.blocked) == (
        Gate.POLICY,
        Reason.ALGORITHM_UNREADABLE,
        True,
    )
    migration, broken = said(world)
    assert migration.startswith("a migration from ES256 to EdDSA: ")
    assert "node-jwks-rsa passes over EdDSA keys" in broken
    report = world.apply()
    made = [result.step.kind for result in report.results if result.step.kind == "generate"]
    assert (made, report.failed, of_apply(report)) == ([], (), 3)
    assert kinds(world) == [("active", ES256), ("published", ES256)]

    accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
    assert world.remembered().accepted == ("node-jwks-rsa/EdDSA",)
    report = world.apply()
    assert (len(report.results) > 0, report.failed, of_apply(report)) == (True, (), 0)
    both = [("active", ES256), ("published", ES256)]
    assert kinds(world) == [*both, ("published", EDDSA)]
    assert len(said(world)) == 1

    world.runs(days=2)  # its lead is over: the old standby leaves, the old key signs until its turn
    assert kinds(world) == [("active", ES256), ("removed", ES256), ("published", EDDSA)]
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(0).kid}
    world.runs(days=78)
    assert kinds(world)[0:3:2] == [("retired", ES256), ("active", EDDSA)]
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(2).kid}
    assert said(world) == []
    world.runs(days=32)
    assert kinds(world)[0] == ("removed", ES256)


def test_what_was_accepted_stands_in_the_log():
    world = live(NODE)
    world.set_policy(algorithm=EDDSA)
    accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
    (entry,) = [r for r in audit(world.world(), check=True).records if r.event == "accepted"]
    assert (entry.issuer, entry.facts["finding"], entry.facts["effect"], entry.facts["owner"]) == (
        "accounts",
        "node-jwks-rsa/EdDSA",
        "ignored",
        "ann",
    )
    serial = world.remembered().serial
    accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
    assert world.remembered().serial == serial


def test_a_library_that_loses_the_whole_set_is_named_as_an_error():
    world = live(NODE, GO)
    world.set_policy(algorithm=ED25519)
    (error,) = [f.detail for f in world.plan().findings if f.severity is Severity.ERROR]
    assert "makes all of it unreadable for auth0-go-jwt-middleware: EVERY token is refused" in error
    accept(world.world(), ["node-jwks-rsa/Ed25519"], owner="ann")
    assert "auth0-go-jwt-middleware/Ed25519" in world.wait_for("generate").reason
    assert "node-jwks-rsa" not in world.wait_for("generate").reason
    accept(world.world(), ["auth0-go-jwt-middleware/Ed25519"], owner="ann")
    world.apply()
    assert kinds(world)[-1] == ("published", ED25519)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("node-jwks-rsa/Ed25519", "there is node-jwks-rsa/EdDSA"),
        ("node-jwks-rsa", "there is node-jwks-rsa/EdDSA"),
        ("pyjwt/EdDSA", "there is node-jwks-rsa/EdDSA"),
    ],
)
def test_nothing_of_that_name(name, detail):
    world = live(NODE)
    world.set_policy(algorithm=EDDSA)
    with pytest.raises(UsageError, match=f"by the name of {name}") as error:
        accept(world.world(), ["node-jwks-rsa/EdDSA", name], owner="ann")
    assert error.value.detail == detail
    assert world.remembered().accepted == ()
    assert world.state.holder() is None


def test_nothing_to_accept_where_nothing_breaks():
    world = live(NODE)
    with pytest.raises(UsageError) as error:
        accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
    assert error.value.detail == "no selected issuer breaks anything"


def test_the_same_command_can_be_given_again_when_the_key_is_made():
    world = live(NODE)
    world.set_policy(algorithm=EDDSA)
    for _ in range(2):
        accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
        world.apply()
    assert kinds(world)[-1] == ("published", EDDSA)


def test_the_very_first_key_waits_for_nobody():
    world = Regions(policy=Policy(algorithm=EDDSA, verifiers=(NODE,)))
    world.apply()
    assert kinds(world) == [("active", EDDSA), ("published", EDDSA)]
    assert said(world) == []


def test_a_verifier_that_is_configured_later_does_not_stop_a_kind_that_is_served():
    world = live()
    world.set_policy(algorithm=EDDSA)
    world.apply()
    world.set_policy(verifiers=(NODE,))
    world.runs(days=90)
    assert kinds(world)[-1] == ("published", EDDSA)
    assert world.key(2).moments.activated_at


def test_without_a_standby_it_waits_when_its_turn_comes_near():
    world = Regions(policy=Policy(verifiers=(NODE,), standby_keys=0))
    world.apply()
    world.set_policy(algorithm=EDDSA)
    plan = world.plan()
    assert [w.reason_code for w in plan.waiting if w.kind == "generate"] == [Reason.NOT_ITS_TURN]
    assert "node-jwks-rsa passes over EdDSA keys" in said(world)[1]
    world.clock.advance(timedelta(days=88))
    assert world.wait_for("generate").reason_code is Reason.ALGORITHM_UNREADABLE


def test_a_hold_does_not_hide_it():
    world = live(NODE)
    hold(world.world(), "accounts", "freeze", owner="ann")
    world.set_policy(algorithm=EDDSA)
    assert world.wait_for("generate").gate is Gate.POLICY
    accept(world.world(), ["node-jwks-rsa/EdDSA"], owner="ann")
    assert world.wait_for("generate").gate is Gate.HOLD


def test_plan_ends_with_three():
    world = live(NODE)
    world.set_policy(algorithm=EDDSA)
    found = world.plan()
    now = world.at()
    plan = Plan(created_at=now, now=now, config_digest="", issuers=(found,))
    assert of_plan(plan, detailed=True) == 3
