"""Random months in which operators intervene: switches ahead of their turn, ways back, holds, lost and old states.

Tokens are held against verifiers as in the hostile months; no living one is refused, no plan is unsafe, and no request
outlives what it asked for.
"""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from rotator.app.forget import forget
from rotator.app.from_regions import rebuild
from rotator.app.hold import hold, release
from rotator.app.rollback import rollback
from rotator.app.rotate import rotate
from rotator.errors import (
    LeaseHeld,
    RequestRefused,
    StateBehind,
    StateConflict,
    StateError,
    UsageError,
)
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.test_hostile_years import HOUR, WITH_STANDBY, Copy, Months
from tests.scenarios.world import SIGNING

REFUSALS = (RequestRefused, UsageError, StateBehind, StateError, StateConflict, LeaseHeld)


@dataclass
class Operators(Months):
    """Months with people in them; signers go on with the orders they read last, as long as those allow."""

    seed: int
    read: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    away: str | None = None
    amnesia: bool = False
    backup: dict[str, str] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Months.__init__(self, self.seed, WITH_STANDBY)

    def mischief(self) -> None:
        """What somebody does in this hour, if anything; a refusal is an answer like any other."""
        Months.mischief(self)
        if self.random.random() > 0.08:
            return
        acts = (
            self.rotate,
            self.back,
            self.hold,
            self.release,
            self.deny,
            self.leaves,
            self.returns,
            self.lose,
            self.keep,
            self.restore,
        )
        act = self.random.choice(acts)
        try:
            act()
        except REFUSALS:
            return
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def rotate(self) -> None:
        rotate(self.world.world(), "accounts", reason="drill", owner="ann")

    def back(self) -> None:
        rollback(self.world.world(), "accounts", reason="bad", owner="ann")

    def hold(self) -> None:
        until = self.world.at() + 20 * HOUR
        hold(self.world.world(), "accounts", "freeze", owner="ann", until=until)

    def release(self) -> None:
        release(self.world.world(), "accounts", owner="ann")

    def deny(self) -> None:
        name = self.random.choice(self.world.names)
        kind = self.random.choice((self.world.jwks, self.world.signings))
        kind[name].next_writes = [Fault.DENIED] * self.random.randint(1, 4)

    def leaves(self) -> None:
        """A region is let go: its signers were stopped before, and nobody asks it any more."""
        if self.away is None and len(self.world.names) > 2:
            self.away = self.random.choice(self.world.names[1:])
            self.read.pop(self.away, None)
            self.world.leave(self.away)
            forget(
                self.world.world(),
                self.away,
                stopped_at=self.world.at(),
                reason="sold",
                owner="ann",
            )

    def returns(self) -> None:
        """It comes back, with what it served or with nothing; its verifiers start without a copy."""
        if self.away:
            if self.amnesia or self.random.random() < 0.5:  # keys that nobody remembers are foreign
                self.world.regions[self.away].documents.clear()
            else:
                self.world.regions[self.away].documents.pop(SIGNING, None)
            self.world.names = (*self.world.names, self.away)
            self.copies[self.away] = Copy()
            self.away, self.amnesia = None, False

    def lose(self) -> None:
        """Nothing is left of the state; it is made anew before anything else, once every region answers."""
        self.all_up()
        self.amnesia = True
        self.world.state = MemoryState(self.world.clock)
        rebuild(self.world.world(), force=False, confirm=None)

    def keep(self) -> None:
        self.backup = dict(self.world.state._states)

    def restore(self) -> None:
        """An old state is put back, while every region can say what was done since."""
        if self.backup:
            self.all_up()
            self.amnesia = True
            self.world.state._states = dict(self.backup)
            self.world.apply()

    def all_up(self) -> None:
        for name in self.world.regions:
            self.world.up(name)

    def sign(self) -> None:
        """A signer signs as it was told when it last could read, until that is too old."""
        now, policy = self.world.at(), self.world.policy
        for name in self.world.names:
            region = self.world.regions[name]
            if SIGNING in region.documents and not region.fault:
                self.read[name] = (self.world.signing(name).active.kid, now)
            kid, at = self.read.get(name, ("", now))
            if kid and now - at < policy.signer_stop:
                self.tokens.append((name, kid, now + policy.token_lifetime))

    def verify(self) -> None:
        """Only who is asked at all refuses anything."""
        there = self.copies
        self.copies = {name: copy for name, copy in there.items() if name in self.world.names}
        Months.verify(self)
        self.copies = there


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_no_living_token_is_refused_whatever_operators_do(seed: int) -> None:
    months = Operators(seed)
    months.live(days=30)
    assert not months.failures[:3]
    assert len(months.done) == 10  # everything was done at least once
    assert months.checked > 10_000
    months.all_up()
    release(months.world.world(), "accounts", owner="ann")
    months.world.runs(days=20)
    assert months.world.remembered().request is None
    assert not months.world.apply().left.blocked
