"""A rollback that dies at any call of any port: nothing is broken then, and the next run finishes the job."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rotator.app.rollback import rollback
from rotator.domain.lifecycle import Phase
from rotator.domain.policy import Policy
from tests.e2e.failpoints import AFTER, BEFORE, Failpoints, KilledError, die
from tests.scenarios.test_crash_points import check_at_once
from tests.scenarios.world import DAY, NAMES, Regions, copy_of

US, EU, AP = NAMES


def after_a_switch() -> Regions:
    world = Regions()
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    return world


def in_the_middle() -> Regions:
    """One region of three signs with the new key."""
    world = Regions(policy=Policy(waves=((EU,), (US, AP))))
    world.apply()
    world.clock.advance(90 * DAY)
    world.apply()
    return world


def back(world: Regions, points: Failpoints) -> None:
    rollback(points.wrap(world.world()), "accounts", reason="bad", owner="ann")


@pytest.mark.slow
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("led_up", [after_a_switch, in_the_middle])
def test_a_crash_at_any_call(led_up: Callable[[], Regions], when: str) -> None:
    there, whole = led_up(), Failpoints(die, reads=True)
    back(copy_of(there), whole)
    points = whole.passed if when == BEFORE else whole.changes
    assert len(points) > 10
    for point in points:
        world = copy_of(there)
        with pytest.raises(KilledError):
            _doomed(world, point, when)
        check_at_once(world, f"killed {when} {point}")
        world.state.break_lease()
        world.clock.advance(timedelta(minutes=1))
        begun = world.remembered().request or world.phases()[1] is Phase.RETIRED
        if begun:
            assert not world.apply().failed, point
        else:
            back(world, Failpoints(die))
        assert world.phases() == ["active", "retired", "published"], (point, when)
        assert {world.signing(name).active.kid for name in NAMES} == {world.key(0).kid}
        assert world.remembered().request is None
        assert not world.apply().results, point


def _doomed(world: Regions, point: str, when: str) -> None:
    back(world, Failpoints(die, fatal=point, when=when, reads=True))
    die()
