"""Random months: regions are away for days, days are missed, keys are published late. No living token is refused.

Tokens are held against what the slowest allowed verifier of each region holds: a copy of the served document that it
fetches anew only when the copy is as old as the policy allows. Without the lead of T1, or without T4, this fails.
"""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import jwt
import pytest

from rotator.domain.policy import Policy, Verifier
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions

HOUR = timedelta(hours=1)
COPY_LIVES = timedelta(hours=4)
WITH_STANDBY = Policy(
    rotate_every=8 * DAY,
    publish_lead=DAY,
    access_token_lifetime=HOUR,
    refresh_token_lifetime=3 * DAY,
    signer_stop=6 * HOUR,
    run_every=12 * HOUR,
    verifiers=(Verifier("slow", COPY_LIVES, COPY_LIVES),),
)
JUST_IN_TIME = replace(WITH_STANDBY, rotate_every=3 * DAY, standby_keys=0)
"""Each successor is made two days before its turn, so that an outage of two days makes its lead matter."""


@dataclass
class Copy:
    """The kids that a verifier can load from its copy of a region's document."""

    kids: frozenset[str] = frozenset()
    fetched_at: datetime | None = None


class Months:
    """Some random months of one world."""

    def __init__(self, seed: int, policy: Policy) -> None:
        self.random = random.Random(seed)
        self.world = Regions(policy=policy)
        self.copies = {name: Copy() for name in self.world.names}
        self.tokens: list[tuple[str, str, datetime]] = []
        self.failures: list[str] = []
        self.checked = 0

    def live(self, days: int) -> None:
        for _ in range(days * 24):
            self.world.clock.advance(HOUR)
            self.mischief()
            if self.random.random() < 0.15:
                self.world.apply()
            self.sign()
            self.verify()

    def mischief(self) -> None:
        """A region goes away for two days or so, or every one is back."""
        if self.random.random() < 0.02:
            self.world.down(self.random.choice(self.world.names))
        elif self.random.random() < 0.02:
            for name in self.world.names:
                self.world.up(name)

    def sign(self) -> None:
        """A signer in each region that answers signs as it is told now."""
        end = self.world.at() + self.world.policy.token_lifetime
        for name, region in self.world.regions.items():
            if SIGNING in region.documents and not region.fault:
                self.tokens.append((name, self.world.signing(name).active.kid, end))

    def verify(self) -> None:
        """Every verifier looks at every living token; one whose region is away goes on with the copy it has."""
        now = self.world.at()
        self.tokens = [token for token in self.tokens if token[2] > now]
        for name, copy in self.copies.items():
            self.refresh(name, copy, now)
            for origin, kid, _ in self.tokens if copy.fetched_at else ():
                self.checked += 1
                if kid not in copy.kids:
                    self.failures.append(f"{now}: {origin}'s token of {kid[:8]} in {name}")

    def refresh(self, name: str, copy: Copy, now: datetime) -> None:
        region = self.world.regions[name]
        fresh = copy.fetched_at is not None and now - copy.fetched_at < COPY_LIVES
        if not fresh and not region.fault and JWKS in region.documents:
            served = jwt.PyJWKSet.from_json(region.documents[JWKS].decode())
            copy.kids = frozenset(key.key_id for key in served.keys if key.key_id)
            copy.fetched_at = now


@pytest.mark.slow
@pytest.mark.parametrize("policy", [WITH_STANDBY, JUST_IN_TIME], ids=["standby", "just in time"])
@pytest.mark.parametrize("seed", range(2))
def test_no_living_token_is_refused(seed, policy):
    months = Months(seed, policy)
    months.live(days=60)
    assert not months.failures[:3]
    assert len(months.world.remembered().keys) > 4
    assert months.checked > 100_000
