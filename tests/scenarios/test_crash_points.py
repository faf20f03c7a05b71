"""A run that dies at any call of any port, reads included: nothing is broken then, and the next run finishes the job."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import pytest

from rotator.app.apply import apply
from rotator.app.decide import adopt, reject
from rotator.domain.audit import verify_chain
from rotator.domain.jwks import Jwks, parse
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.policy import Policy
from rotator.domain.signing import SigningDocument, parse_signing
from tests.e2e.failpoints import AFTER, BEFORE, Failpoints, KilledError, die
from tests.scenarios.strangers import KID, plant, stranger
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions, copy_of


def nothing(world: Regions) -> None:
    """The very first run."""


def a_switch(world: Regions) -> None:
    world.apply()
    world.clock.advance(90 * DAY)


def a_removal(world: Regions) -> None:
    a_switch(world)
    world.apply()
    world.clock.advance(33 * DAY)


def all_at_once(world: Regions) -> None:
    """Late by months: a removal, a switch and two new standbys in one run."""
    a_switch(world)
    world.apply()
    world.clock.advance(100 * DAY)
    world.set_policy(standby_keys=2)


def a_repair(world: Regions) -> None:
    world.apply()
    world.clock.advance(DAY)
    del world.regions["us-east-1"].documents[JWKS]
    del world.regions["eu-central-1"].documents[SIGNING]


def a_new_policy(world: Regions) -> None:
    """Every signing target must say something else."""
    world.apply()
    world.clock.advance(DAY)
    world.set_policy(refresh_token_lifetime=20 * DAY)


def decisions(world: Regions) -> None:
    """One foreign key was adopted, another one rejected, each served by one region."""
    world.apply()
    world.clock.advance(DAY)
    plant(world, "us-east-1", stranger())
    plant(world, "eu-central-1", stranger("unwanted", 2))
    adopt(world.world(), "accounts", KID, owner="ann")
    reject(world.world(), "accounts", "unwanted", owner="ann")


MOMENTS: dict[str, Callable[[Regions], None]] = {
    lead_up.__name__: lead_up
    for lead_up in (nothing, a_switch, a_removal, all_at_once, a_repair, a_new_policy, decisions)
}
"""Moments at which an apply has something to do: how a world gets there."""


@cache
def _led_up(name: str) -> Regions:
    world = Regions(policy=Policy(passes_required=2))
    MOMENTS[name](world)
    return world


def led_up(name: str) -> Regions:
    """A world of its own at that moment; leading up to it once is enough."""
    return copy_of(_led_up(name))


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed: the points it passes, before and after which one can die, and where it ends."""

    points: dict[str, list[str]]
    phases: list[Phase]
    keys: tuple[int, int]
    shown: list[tuple[str, ...]]


@cache
def undisturbed(name: str) -> Whole:
    world, points = led_up(name), Failpoints(die, reads=True)
    report = apply(points.wrap(world.world()))
    assert not report.failed
    return Whole(
        {BEFORE: points.passed, AFTER: points.changes}, world.phases(), counts(world), shown(world)
    )


@pytest.mark.slow
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("name", MOMENTS)
def test_a_crash_at_any_call_is_finished_by_the_next_run(name: str, when: str) -> None:
    whole = undisturbed(name)
    for point in whole.points[when]:
        world = led_up(name)
        assert point in crash(world, point, when)
        check_at_once(world, f"killed {when} {point}")
        world.state.break_lease()  # what the state store does by itself once it sees the holder gone
        world.clock.advance(timedelta(minutes=1))
        report = world.apply()
        assert not report.failed, (point, when, report.failed)
        assert world.phases() == whole.phases, (point, when)
        assert counts(world) == whole.keys, (point, when)
        assert not world.apply().results, (point, when)
        assert shown(world) == whole.shown, (point, when)
        assert verify_chain(list(world.state.audit())) is None
        assert world.state.holder() is None
        check_at_once(world, f"finished after a kill {when} {point}")


@pytest.mark.slow
def test_two_crashes_in_a_row() -> None:
    """The run that finishes the job dies as well, at each of its own points."""
    whole = undisturbed("all_at_once")
    for first in whole.points[AFTER][::5]:
        for second in whole.points[BEFORE][3::17]:
            world = led_up("all_at_once")
            crash(world, first, AFTER)
            world.state.break_lease()
            crash(world, second, BEFORE)
            world.state.break_lease()
            check_at_once(world, f"killed after {first}, then before {second}")
            assert not world.apply().failed
            assert world.phases() == whole.phases, (first, second)
            assert counts(world) == whole.keys, (first, second)


def shown(world: Regions) -> list[tuple[str, ...]]:
    """What stands in each document beside own keys."""
    own = {key.kid for key in world.remembered().keys}
    return [tuple(k for k in world.document(n).kids() if k not in own) for n in world.names]


def counts(world: Regions) -> tuple[int, int]:
    """Keys made and destroyed; a number that was given out before a crash may stay unused."""
    return len(world.keys.made), len(world.keys.destroyed)


def crash(world: Regions, point: str, when: str) -> list[str]:
    """A run that is killed at a point, at its end where it does not come to that point; the points it passed."""
    points = Failpoints(die, fatal=point, when=when, reads=True)

    def doomed() -> None:
        apply(points.wrap(world.world()))
        die()

    with pytest.raises(KilledError):
        doomed()
    return points.passed


def check_at_once(world: Regions, when: str) -> None:
    """I1, I2, I3, I7 as the regions show them."""
    documents = {}
    for name, region in world.regions.items():
        if JWKS in region.documents:
            document = parse(region.documents[JWKS])
            assert isinstance(document, Jwks), when
            assert document.keys, when
            assert not document.flaws, when
            documents[name] = document
    for name, region in world.regions.items():
        if SIGNING not in region.documents:
            continue
        orders = parse_signing(region.documents[SIGNING])
        assert isinstance(orders, SigningDocument), when
        key = world.remembered().key(orders.active.kid)
        assert key is not None, when
        assert key.usable, when
        assert f"accounts/{key.generation}" in world.keys.made, when
        assert f"accounts/{key.generation}" not in world.keys.destroyed, when
        assert all(d.holds(key.jwk) for d in documents.values()), (when, name)
        live = [k for k in world.remembered().keys if phase(k) is Phase.RETIRED]
        kept = [k for k in live if k.moments.removal_started_at is None]
        assert all(d.holds(k.jwk) for d in documents.values() for k in kept), (when, name)
