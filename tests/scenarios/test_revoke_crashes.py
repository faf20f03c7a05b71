"""A revocation that dies at any call of any port: nobody is cut off, no other token is refused, the next run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import pytest

from rotator.app.apply import apply
from rotator.domain.audit import verify_chain
from rotator.domain.lifecycle import Phase
from tests.e2e.failpoints import AFTER, BEFORE, Failpoints, KilledError, die
from tests.fakes.targets import Fault
from tests.scenarios.emergencies import revoke, warm
from tests.scenarios.world import DAY, Regions, copy_of

EU = "eu-central-1"


def the_active_key(world: Regions) -> None:
    revoke(world, 0)


def all_keys(world: Regions) -> None:
    revoke(world, 0, 1, cold=True)


def a_region_is_back(world: Regions) -> None:
    world.down(EU)
    revoke(world, 0)
    world.apply()
    world.clock.advance(DAY)
    world.up(EU)


def all_keys_with_a_region_that_is_back(world: Regions) -> None:
    world.down(EU)
    revoke(world, 0, 1, cold=True)
    world.apply()
    world.clock.advance(DAY)
    world.up(EU)


def in_the_middle_of_a_switch(world: Regions) -> None:
    world.runs(days=87, every=87 * DAY)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.clock.advance(DAY)
    world.apply()
    revoke(world, 1)


MOMENTS: dict[str, Callable[[Regions], None]] = {
    lead_up.__name__: lead_up
    for lead_up in (
        the_active_key,
        all_keys,
        a_region_is_back,
        all_keys_with_a_region_that_is_back,
        in_the_middle_of_a_switch,
    )
}


@cache
def _led_up(name: str) -> Regions:
    world = warm()
    MOMENTS[name](world)
    return world


def led_up(name: str) -> Regions:
    """A world of its own at that moment; leading up to it once is enough."""
    return copy_of(_led_up(name))


@dataclass(frozen=True)
class Whole:
    """A run that nothing disturbed: the points it passes (of reads a sample), and where it ends."""

    points: dict[str, list[str]]
    phases: list[Phase]
    made: int


@cache
def undisturbed(name: str) -> Whole:
    world, points = led_up(name), Failpoints(die, reads=True)
    assert not apply(points.wrap(world.world())).failed
    reads = [point for point in points.passed if point not in points.changes]
    passed = {BEFORE: [*points.changes, *reads[::9]], AFTER: points.changes}
    return Whole(passed, world.phases(), len(world.keys.made))


@pytest.mark.slow
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("name", MOMENTS)
def test_a_crash_at_any_call_is_finished_by_the_next_run(name: str, when: str) -> None:
    whole = undisturbed(name)
    assert len(whole.points[when]) > 8
    for point in whole.points[when]:
        world = led_up(name)
        crash(world, point, when)
        check_at_once(world, f"killed {when} {point}")
        world.state.break_lease()
        world.clock.advance(timedelta(minutes=1))
        report = world.apply()
        assert not report.failed, (point, when, report.failed)
        assert not report.left.blocked, (point, when)
        assert world.phases() == whole.phases, (point, when)
        assert len(world.keys.made) == whole.made, (point, when)
        assert not world.apply().results, (point, when)
        assert not world.plan().findings, (point, when)
        assert verify_chain(list(world.state.audit())) is None
        check_at_once(world, f"finished after a kill {when} {point}")
        gone = {k.kid for k in world.remembered().keys if k.moments.revoked_at}
        for name_ in world.names:
            assert not gone.intersection(world.document(name_).kids()), (point, when)
            assert set(world.signing(name_).revoked) == gone, (point, when)


def crash(world: Regions, point: str, when: str) -> None:
    """A run that is killed at a point, at its end where it does not come to that point."""
    points = Failpoints(die, fatal=point, when=when, reads=True)

    def doomed() -> None:
        apply(points.wrap(world.world()))
        die()

    with pytest.raises(KilledError):
        doomed()
    assert point in points.passed


def check_at_once(world: Regions, when: str) -> None:
    """Every region serves the key that it signs with; where that is not the revoked one, so does every other region.

    After a word about all keys a region that was down may lack the new key until it is written.
    """
    cold = any(told.cold for told in world.remembered().revocations)
    for name in world.names:
        kid = world.signing(name).active.kid
        key = world.remembered().key(kid)
        assert key is not None, when
        others = [name] if cold or key.moments.revoked_at else world.names
        assert all(world.document(other).holds(key.jwk) for other in others), (when, name)
        assert not world.document(name).flaws, when
        assert f"accounts/{key.generation}" not in world.keys.destroyed, when
