"""A run with KMS that dies at any call: no key is left over, no alias points wrong, and the next run finishes the job.

Calls that only read are points of `test_crash_points`; here it is every change, and the proof before a switch.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

import pytest

from rotator.app.apply import apply
from rotator.domain.keys import KmsHandle
from rotator.domain.lifecycle import Phase
from tests.e2e.failpoints import AFTER, BEFORE, Failpoints, KilledError, die
from tests.fakes.kms import MemoryKms
from tests.scenarios.emergencies import revoke
from tests.scenarios.world import ALIAS, DAY, JWKS, SIGNING, Regions


def first_run(world: Regions) -> None:
    """Nothing was done yet."""


def a_switch(world: Regions) -> None:
    world.apply()
    world.clock.advance(90 * DAY)


def disabling_and_destroying(world: Regions) -> None:
    """Late: the first key is to be disabled, removed and destroyed in one run."""
    a_switch(world)
    world.apply()
    world.clock.advance(33 * DAY)


def a_lost_alias(world: Regions) -> None:
    world.apply()
    assert world.kms
    del world.kms.aliases["eu-central-1", ALIAS]


def a_revocation(world: Regions) -> None:
    """The active key is compromised: away from it, out with it, and KMS must refuse to sign with it."""
    world.apply()
    world.clock.advance(2 * DAY)
    world.apply()
    revoke(world, 0)


MOMENTS: dict[str, Callable[[Regions], None]] = {
    lead_up.__name__: lead_up
    for lead_up in (first_run, a_switch, disabling_and_destroying, a_lost_alias, a_revocation)
}
"""Moments at which an apply has something to do: how a world gets there."""


@cache
def _led_up(name: str) -> tuple[Regions, MemoryKms]:
    kms = MemoryKms()
    world = Regions(kms=kms)
    MOMENTS[name](world)
    return world, kms


def led_up(name: str) -> tuple[Regions, MemoryKms]:
    """A world of its own at that moment; leading up to it once is enough."""
    there, theirs = _led_up(name)
    keys = {ident: replace(key, states=dict(key.states)) for ident, key in theirs.keys.items()}
    kms = MemoryKms(keys=keys, aliases=dict(theirs.aliases))
    world = Regions(kms=kms)
    world.clock.set(there.at())
    for part in ("_states", "_evidence", "_log", "_fence"):
        setattr(world.state, part, copy(getattr(there.state, part)))
    for region, region_there in zip(world.regions.values(), there.regions.values(), strict=True):
        region.documents.update(region_there.documents)
    return world, kms


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed: the points it passes, before and after which one can die, and where it ends."""

    points: dict[str, list[str]]
    phases: list[Phase]
    states: list[set[str]]


@cache
def undisturbed(name: str) -> Whole:
    world, kms = led_up(name)
    points = Failpoints(die, reads=True)
    assert not apply(points.wrap(world.world())).failed
    watched = [p for p in points.passed if p in points.changes or " keys prove" in p]
    return Whole({BEFORE: watched, AFTER: points.changes}, world.phases(), kms.states())


@pytest.mark.slow
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("name", MOMENTS)
def test_a_crash_at_any_call_is_finished_by_the_next_run(name: str, when: str) -> None:
    whole = undisturbed(name)
    assert len(whole.points[when]) > 8
    for point in whole.points[when]:
        world, kms = led_up(name)
        assert point in crash(world, point, when)
        everyone_can_sign(world, kms, f"killed {when} {point}")
        world.state.break_lease()  # what the state store does by itself once it sees the holder gone
        world.clock.advance(timedelta(minutes=1))
        report = world.apply()
        assert not report.failed, (point, when, report.failed)
        assert world.phases() == whole.phases, (point, when)
        assert kms.states() == whole.states, (point, when)
        assert not world.apply().results, (point, when)
        assert not world.plan().findings, (point, when)
        nothing_is_left_over(world, kms, f"finished after a kill {when} {point}")


@pytest.mark.slow
def test_the_run_that_finishes_the_job_may_die_too() -> None:
    whole = undisturbed("a_switch")
    for first in whole.points[AFTER][::5]:
        for second in whole.points[BEFORE][::13]:
            world, kms = led_up("a_switch")
            for point, when in ((first, AFTER), (second, BEFORE)):
                crash(world, point, when)
                world.state.break_lease()
                everyone_can_sign(world, kms, f"killed {when} {point}")
            assert not world.apply().failed
            assert world.phases() == whole.phases, (first, second)
            nothing_is_left_over(world, kms, f"{first}, then {second}")


def crash(world: Regions, point: str, when: str) -> list[str]:
    """A run that is killed at a point, at its end where it does not come to that point; the points it passed."""
    points = Failpoints(die, fatal=point, when=when, reads=True)

    def doomed() -> None:
        apply(points.wrap(world.world()))
        die()

    with pytest.raises(KilledError):
        doomed()
    return points.passed


def everyone_can_sign(world: Regions, kms: MemoryKms, when: object) -> None:
    """Whoever has orders finds the key enabled there, by its ARN and by its alias, and every region serves both."""
    for name, region in world.regions.items():
        if SIGNING not in region.documents:
            assert (name, ALIAS) not in kms.aliases, when
            continue
        arns = {str(world.signing(name).active.key["key_id"])}
        arns |= {arn for (of, _), arn in kms.aliases.items() if of == name}
        for arn in arns:
            ident = arn.rpartition("/")[2]
            assert kms.keys[ident].states[name] == "Enabled", (when, name)
            key = world.remembered().key_of_arn(arn)
            assert key is not None, (when, name)
            documents = [world.document(other) for other in world.names]
            assert all(document.holds(key.jwk) for document in documents), (when, name)


def nothing_is_left_over(world: Regions, kms: MemoryKms, when: object) -> None:
    """Every key of KMS is one that the state knows, and every alias points at what its signing target names."""
    handles = [key.handle for key in world.remembered().keys]
    known = [h.arns[h.primary].rpartition("/")[2] for h in handles if isinstance(h, KmsHandle)]
    assert sorted(known) == sorted(kms.keys), when
    assert world.remembered().unanswered == (), when
    for name in world.names:
        assert world.pointed(name) == world.signing(name).active.kid, (when, name)
        assert JWKS in world.regions[name].documents, when
    everyone_can_sign(world, kms, when)
