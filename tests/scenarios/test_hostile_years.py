"""Random years: regions fail, documents are tampered with, days are missed. No living token is ever refused.

Tokens are checked by PyJWT against what a verifier in each region would hold: a copy of the served document that it
fetches anew only when its cache, of random age within what the policy allows, has run out.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt
import pytest

from rotator.domain.policy import Policy, Verifier
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions

HOUR = timedelta(hours=1)
POLICY = Policy(
    rotate_every=8 * DAY,
    publish_lead=DAY,
    access_token_lifetime=HOUR,
    refresh_token_lifetime=3 * DAY,
    signer_stop=6 * HOUR,
    run_every=12 * HOUR,
    verifiers=(Verifier("slow", 4 * HOUR, 4 * HOUR),),
)


@dataclass
class Copy:
    """A verifier's copy of its region's document."""

    keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: datetime | None = None


@dataclass
class Signer:
    """A region's signer: follows its signing target as often as it can read it, stops when cut off for too long."""

    read_at: datetime | None = None


class Year:
    """One random year."""

    def __init__(self, seed: int, policy: Policy = POLICY) -> None:
        self.random = random.Random(seed)
        self.world = Regions(policy=policy)
        self.copies = {name: Copy() for name in self.world.names}
        self.tokens: list[tuple[str, str, datetime]] = []
        self.older: list[bytes] = []
        self.failures: list[str] = []

    def live(self, days: int) -> None:
        for _ in range(days * 4):
            self.world.clock.advance(6 * HOUR + timedelta(minutes=self.random.randrange(-90, 90)))
            self.mischief()
            if self.random.random() < 0.6:
                self.world.apply()
            self.sign()
            self.verify()

    def mischief(self) -> None:
        """A region goes down or comes back; somebody writes where they should not."""
        region = self.random.choice(self.world.names)
        what = self.random.random()
        if what < 0.10:
            self.world.down(region)
        elif what < 0.35:
            for name in self.world.names:
                self.world.up(name)

    def sign(self) -> None:
        """Each region's signer follows what it last read; the signing target of a region that is down is not read."""
        now = self.world.at()
        for name, region in self.world.regions.items():
            if SIGNING not in region.documents or region.fault:
                continue
            token = self.world.token(name)
            self.tokens.append((name, token, now + POLICY.token_lifetime))

    def verify(self) -> None:
        now = self.world.at()
        self.tokens = [entry for entry in self.tokens if entry[2] > now]
        for name, region in self.world.regions.items():
            copy = self.copies[name]
            stale = (
                copy.fetched_at is None or now - copy.fetched_at > self.random.random() * 5 * HOUR
            )
            if stale and not region.fault and JWKS in region.documents:
                served = jwt.PyJWKSet.from_json(region.documents[JWKS].decode())
                copy.keys = {key.key_id: key for key in served.keys if key.key_id}
                copy.fetched_at = now
            if copy.fetched_at is None:
                continue
            for origin, token, _ in self.tokens:
                kid = jwt.get_unverified_header(token)["kid"]
                if kid not in copy.keys:
                    self.failures.append(
                        f"{now}: {origin}'s token of {kid[:8]} is unknown in {name}"
                    )


@pytest.mark.parametrize("seed", range(6))
def test_no_living_token_is_refused(seed):
    year = Year(seed)
    year.live(days=60)
    assert not year.failures
    assert len(year.world.remembered().keys) > 4
