"""The checker on evidence: what verifiers, canaries and clocks say before a switch, a removal, the end of a key."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.inventory import Inventory
from rotator.domain.plan import IssuerPlan, Reason, Step, Switch
from rotator.domain.policy import Special, Verifier
from rotator.domain.state import Attestation
from rotator.planning.planner import plan_issuer
from rotator.planning.safety import check
from tests.scenarios.world import DAY, NAMES, Regions

US = NAMES[0]
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
Scene = tuple[Inventory, datetime]


@pytest.fixture(scope="module")
def due() -> Scene:
    """Day 90: the switch to the second key is due."""
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.clock.advance(DAY)
    return inventories_of(world.world())[0], world.at()


@pytest.fixture(scope="module")
def after() -> Scene:
    """Day 122: the first key's last token is dead."""
    world = Regions()
    world.apply()
    world.ages(days=121)
    world.clock.advance(DAY)
    return inventories_of(world.world())[0], world.at()


def with_check(scene: Scene, seen: Check) -> Scene:
    """The same, and this check was made in the first region."""
    inventory, now = scene
    evidence = inventory.evidence
    look = evidence.looks[US]
    looks = {**evidence.looks, US: replace(look, checks=(*look.checks, seen))}
    return replace(inventory, evidence=replace(evidence, looks=looks)), now


def broken(scene: Scene, *steps: Step) -> set[str]:
    inventory, now = scene
    plan = IssuerPlan(issuer="accounts", lineage="", serial=1, steps=steps, waiting=(), findings=())
    return {violation.invariant for violation in check(plan, inventory, now)}


def switch(scene: Scene) -> Switch:
    inventory, now = scene
    return Switch(
        n=1,
        reason="",
        reason_code=Reason.ROTATION_DUE,
        not_before=now,
        kid=inventory.state.keys[1].kid,
        region=US,
        standby=None,
        expected_etag=None,
        generation=99,
    )


def report(scene: Scene, kind: CheckKind, key: Verdict | None, verdict: Verdict = PASS) -> Check:
    kid = scene[0].state.keys[1].kid
    keys = {} if key is None else {kid: key}
    return Check(kind=kind, target="https://x/", verdict=verdict, keys=keys)


@pytest.mark.parametrize(
    ("kind", "key", "verdict", "wrong"),
    [
        (CheckKind.VERIFIER, PASS, PASS, set()),
        (CheckKind.VERIFIER, PASS, FAIL, set()),
        (CheckKind.VERIFIER, PASS, UNKNOWN, {"T2"}),
        (CheckKind.VERIFIER, FAIL, FAIL, {"T2"}),
        (CheckKind.VERIFIER, UNKNOWN, UNKNOWN, {"T2"}),
        (CheckKind.VERIFIER, None, PASS, {"T2"}),
        (CheckKind.CANARY, PASS, PASS, set()),
        (CheckKind.CANARY, PASS, UNKNOWN, set()),
        (CheckKind.CANARY, FAIL, FAIL, {"T2"}),
    ],
)
def test_whoever_reports_keys_has_the_new_one(due, kind, key, verdict, wrong):
    scene = with_check(due, report(due, kind, key, verdict))
    assert broken(scene, switch(due)) == wrong


@pytest.mark.parametrize(
    ("covers", "attested", "wrong"),
    [
        pytest.param(None, False, {"T2b"}, id="nobody looked"),
        pytest.param((), False, {"T2b"}, id="heard of in one region only"),
        pytest.param(None, True, set(), id="attested"),
    ],
)
def test_a_verifier_that_waits_for_a_restart_is_heard_of_everywhere(due, covers, attested, wrong):
    inventory, now = due
    setup = inventory.setup
    old = Verifier("old", Special.MANUAL, Special.MANUAL)
    policy = replace(setup.policy, verifiers=(old, Verifier("new", 5 * DAY / 5000, DAY)))
    kid = inventory.state.keys[1].kid
    word = Attestation(kid=kid, verifier="old", reason="seen", owner="me", at=now)
    state = replace(inventory.state, attestations=(word,) if attested else ())
    scene = replace(inventory, setup=replace(setup, policy=policy), state=state), now
    if covers is not None:
        scene = with_check(scene, replace(report(due, CheckKind.VERIFIER, PASS), covers=covers))
    assert broken(scene, switch(due)) == wrong


def clock(offset: float, error: float, verdict: Verdict) -> Check:
    return Check(
        kind=CheckKind.CLOCK,
        target="ntp://x",
        verdict=verdict,
        clock_offset=timedelta(seconds=offset),
        clock_error=timedelta(seconds=error),
    )


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        pytest.param(clock(0, 0.1, PASS), set(), id="agrees"),
        pytest.param(clock(180, 0.1, FAIL), {"T11"}, id="three minutes off"),
        pytest.param(
            Check(kind=CheckKind.CLOCK, target="x", verdict=UNKNOWN), {"T11"}, id="unknown"
        ),
    ],
)
def test_what_counts_time_needs_clocks_that_agree(due, after, seen, wrong):
    for scene, kinds in ((due, {"switch"}), (after, {"remove"})):
        steps = plan_issuer(*scene).steps
        assert kinds <= {step.kind for step in steps}
        assert broken(with_check(scene, seen), *steps) == wrong


def test_an_old_look_at_a_clock_says_nothing(due):
    inventory, now = with_check(due, clock(180, 0.1, FAIL))
    look = inventory.evidence.looks[US]
    looks = {**inventory.evidence.looks, US: replace(look, at=now - DAY)}
    scene = replace(inventory, evidence=replace(inventory.evidence, looks=looks)), now
    assert "T11" not in broken(scene, switch(due))
