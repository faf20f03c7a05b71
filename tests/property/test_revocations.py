"""Random emergencies: whatever is revoked when, nobody is cut off, no other token is refused, and it ends well.

Planner and checker agree all the way: a plan that the checker refuses raises out of `apply`.
"""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotator.app.hold import hold, release
from rotator.domain.lifecycle import Phase, phase
from tests.fakes.targets import Fault
from tests.scenarios.emergencies import Consumers, revoke, warm
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions


@dataclass(frozen=True)
class Act:
    """One thing that happens before the next run: what, which (a key, a region), and how long it takes."""

    what: str
    which: int
    takes: timedelta


WHAT = ("revoke", "revoke cold", "revoke all", "down", "up", "deny", "hold", "release", "put back")
ACTS = st.builds(
    Act,
    st.sampled_from((*WHAT, "run", "run")),
    st.integers(0, 5),
    st.sampled_from([timedelta(seconds=1), timedelta(minutes=6), DAY, 30 * DAY, 60 * DAY]),
)


def act(world: Regions, one: Act, before: dict[str, dict[str, bytes]]) -> None:
    """Let it happen."""
    name = NAMES[one.which % len(NAMES)]
    count = len(world.remembered().keys)
    match one.what:
        case "revoke" | "revoke cold":
            revoke(world, one.which % count, cold="cold" in one.what)
        case "revoke all":
            revoke(world, *range(count), cold=True)
        case "down":
            world.down(name)
        case "up":
            world.up(name)
        case "deny":
            target = (world.jwks, world.signings)[one.which % 2][name]
            target.next_writes = [Fault.DENIED] * 3
        case "hold":
            hold(world.world(), "accounts", "freeze", owner="ben")
        case "release":
            release(world.world(), "accounts", owner="ben")
        case "put back":
            world.regions[name].documents[JWKS] = before[name][JWKS]
        case other:
            assert other == "run", "an act that nobody plays"


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, min_size=1, max_size=10))
def test_nobody_is_cut_off_and_it_ends_well(acts: list[Act]) -> None:
    world = warm()
    before = {name: dict(region.documents) for name, region in world.regions.items()}
    consumers = Consumers(world)
    for one in acts:
        act(world, one, before)
        world.clock.advance(one.takes)
        cold = any(told.cold for told in world.remembered().revocations)
        if cold or one.what == "put back":
            world.apply()  # tokens are refused for a while: an operator's word, or somebody's write
            consumers.copies.clear()
        else:
            consumers.apply()
        everybody_can_sign(world)
    ends_well(world)


def everybody_can_sign(world: Regions) -> None:
    """Each region's signers have a key that exists, and that the region serves."""
    for name in NAMES:
        kid = world.signing(name).active.kid
        key = world.remembered().key(kid)
        assert key
        assert world.document(name).holds(key.jwk)
        assert f"accounts/{key.generation}" not in world.keys.destroyed


def ends_well(world: Regions) -> None:
    """Everything answers again: one key signs, one stands by, and nothing that was revoked is left anywhere."""
    for name in NAMES:
        world.up(name)
        world.jwks[name].next_writes = world.signings[name].next_writes = []
    release(world.world(), "accounts", owner="ben")
    for _ in range(4):
        world.clock.advance(DAY + timedelta(minutes=6))
        assert not world.apply().failed
    keys = world.remembered().keys
    assert [phase(key) for key in keys].count(Phase.ACTIVE) == 1
    gone = {key.kid for key in keys if key.moments.revoked_at}
    for name in NAMES:
        assert not gone.intersection(world.document(name).kids())
        assert set(world.signing(name).revoked) == gone
        assert SIGNING in world.regions[name].documents
    assert not world.plan().steps
    assert all(key.moments.destroyed_at for key in keys if key.kid in gone)
