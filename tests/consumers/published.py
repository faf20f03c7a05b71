"""What rotator publishes and what its signers sign, for each algorithm: a real `apply`, then real tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rotator.domain.jwk import Algorithm
from rotator.domain.jwks import ServedKey, own_entry, render
from rotator.domain.policy import Policy
from tests.fakes.clock import FakeClock
from tests.scenarios.world import JWKS, Regions

REGION = "us-east-1"
ISSUER = "https://auth.example.com"


@dataclass(frozen=True, slots=True)
class Published:
    """One issuer after its first `apply`: its document, the key that signs, a token that lives a quarter of an hour."""

    algorithm: Algorithm
    kid: str
    document: bytes
    entry: ServedKey
    token: str


def publish(algorithm: Algorithm) -> Published:
    """A fresh issuer. Consumers look at the clock on the wall, so this one starts there, a minute behind it.

    A run takes virtual time: without that minute a token could be issued in its consumer's future.
    """
    start = datetime.now(UTC) - timedelta(minutes=1)
    world = Regions(policy=Policy(algorithm=algorithm), names=(REGION,), clock=FakeClock(start))
    world.apply()
    active = world.remembered().active()
    assert active is not None, "the first apply switches to the first key"
    return Published(
        algorithm=algorithm,
        kid=active.kid,
        document=world.regions[REGION].documents[JWKS],
        entry=own_entry(active.jwk),
        token=world.token(REGION),
    )


def document_of(published: list[Published]) -> bytes:
    """One document with the signing keys of several issuers, as a mixed set is published."""
    return render(one.entry for one in published)
