"""Changes in mid-flight: a policy, its verifiers, its caches or its algorithm are edited while something is under way."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from rotator.app.rollback import rollback
from rotator.app.rotate import rotate
from rotator.domain.jwk import Algorithm
from rotator.domain.plan import Reason
from rotator.domain.policy import Policy, Verifier
from tests.fakes.targets import Fault
from tests.scenarios.test_windows import schedule
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
HOUR = timedelta(hours=1)
SLOW = Verifier("slow", timedelta(hours=40), timedelta(hours=40))
QUICK = Verifier("quick", timedelta(minutes=5), timedelta(minutes=5))
T4 = timedelta(days=31, hours=1, seconds=35)


def alive(days: float = 10, **policy: Any) -> Regions:
    world = Regions(policy=Policy(**policy))
    world.apply()
    world.clock.advance(days * DAY)
    world.apply()
    return world


def rotated(**policy: Any) -> Regions:
    world = alive(days=90, **policy)
    world.clock.advance(DAY)
    return world


def opens(world: Regions, kind: str) -> datetime:
    until = world.wait_for(kind).until
    assert until
    return until


@pytest.mark.parametrize(
    ("before", "after", "lead"),
    [
        # A verifier that may hold a document of before the edit counts until its copy is dead.
        ({"verifiers": (SLOW,)}, {"verifiers": (QUICK,)}, timedelta(hours=41, minutes=6)),
        ({"verifiers": (QUICK,)}, {"verifiers": (SLOW,)}, timedelta(hours=41, minutes=6)),
        ({"propagation": 30 * HOUR}, {"propagation": timedelta(minutes=1)}, timedelta(hours=33, minutes=5)),
        # What was never written under counts no longer: a lead is only counted.
        ({"publish_lead": 48 * HOUR}, {"publish_lead": 24 * HOUR}, timedelta(hours=24)),
        ({"publish_lead": 24 * HOUR}, {"publish_lead": 48 * HOUR}, timedelta(hours=48)),
    ],
)  # fmt: skip
def test_the_lead_counts_the_copies_of_before(
    before: dict[str, Any], after: dict[str, Any], lead: timedelta
) -> None:
    world = Regions(policy=Policy(**before))
    world.apply()
    published = world.at()
    world.clock.advance(timedelta(minutes=1))
    world.set_policy(**after)
    rotate(world.world(), "accounts", reason="drill", owner="ann")
    world.apply()
    drift = timedelta(seconds=5)
    assert abs(opens(world, "switch") - (published + lead + drift)) < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("before", "after", "wait"),
    [
        ({"refresh_token_lifetime": 60 * DAY}, {"refresh_token_lifetime": DAY}, T4 + 30 * DAY),
        ({"signer_stop": 48 * HOUR}, {"signer_stop": HOUR}, T4 + DAY),
        # Leeway, drift and margin are what verifiers and people allow now.
        ({"safety_margin": 5 * HOUR}, {"safety_margin": HOUR}, T4),
        ({}, {"safety_margin": 5 * HOUR}, T4 + 4 * HOUR),
        ({}, {"refresh_token_lifetime": 60 * DAY}, T4),  # it signs no more: no token of it lives longer
    ],
)  # fmt: skip
def test_the_removal_counts_what_was_allowed_while_it_signed(
    before: dict[str, Any], after: dict[str, Any], wait: timedelta
) -> None:
    world = rotated(**before)
    retired = world.key(0).moments.retired_at
    assert retired
    world.set_policy(**after)
    world.apply()
    assert opens(world, "remove") == retired + wait


def test_a_longer_lifetime_for_a_key_that_came_back() -> None:
    """What it may sign after the rollback counts, too."""
    world = rotated()
    world.set_policy(refresh_token_lifetime=60 * DAY)
    rollback(world.world(), "accounts", reason="bad", owner="ann")
    world.clock.advance(2 * DAY)
    rollback(world.world(), "accounts", reason="mended", owner="ann")
    retired = world.key(0).moments.retired_at
    assert retired
    assert opens(world, "remove") == retired + T4 + 30 * DAY


def test_a_new_algorithm_in_the_middle_of_a_switch_is_for_the_next_one() -> None:
    world = alive(days=89)
    world.clock.advance(DAY)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.apply()
    world.set_policy(algorithm=Algorithm.EDDSA)
    world.apply()
    assert world.key(1).jwk.alg is Algorithm.ES256
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(1).kid}
    world.runs(days=2)
    assert [key.jwk.alg for key in world.remembered().keys][-1] is Algorithm.EDDSA


def test_an_early_switch_to_a_new_algorithm_waits_for_its_first_key() -> None:
    world = alive()
    world.set_policy(algorithm=Algorithm.EDDSA)
    rotate(world.world(), "accounts", reason="new algorithm", owner="ann")
    world.apply()
    wait = world.wait_for("switch")
    assert (wait.kid, wait.reason_code) == (world.key(2).kid, Reason.LEAD_RUNNING)
    world.clock.set(opens(world, "switch"))
    world.apply()
    assert world.signing(US).active.alg == "EdDSA"
    assert world.remembered().request is None


def test_a_rollback_goes_to_a_key_of_the_old_algorithm() -> None:
    world = alive()
    world.set_policy(algorithm=Algorithm.EDDSA)
    rotate(world.world(), "accounts", reason="new algorithm", owner="ann")
    world.apply()
    world.clock.advance(2 * DAY)
    world.apply()
    assert world.signing(US).active.alg == "EdDSA"
    rollback(world.world(), "accounts", reason="a gateway refuses it", owner="ann")
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(0).kid}
    world.runs(days=3)
    assert {world.signing(name).active.alg for name in NAMES} == {"ES256"}


def test_a_shorter_interval_takes_effect_at_once_and_a_longer_one_too() -> None:
    world = alive(days=40)
    world.set_policy(rotate_every=30 * DAY)
    world.apply()
    assert world.phases()[:2] == ["retired", "active"]
    world.set_policy(rotate_every=365 * DAY)
    begins = world.key(1).moments.activated_at
    assert begins
    assert opens(world, "switch") == begins + 365 * DAY


def test_windows_that_are_edited_while_a_switch_waits() -> None:
    world = alive(days=89)
    world.clock.advance(DAY)
    world.schedule = schedule(blackout=(f"{world.at():%Y-%m-%d}",))
    world.apply()
    assert world.wait_for("switch").reason_code is Reason.WINDOW_CLOSED
    world.schedule = None
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
