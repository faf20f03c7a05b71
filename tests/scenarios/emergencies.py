"""What revocations are tested with: the decision alone, and consumers that hold copies as old as they may be."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotator.domain.jwks import Jwks, parse
from rotator.domain.policy import Policy
from rotator.domain.timing import staleness
from rotator.planning.emergency import revoked
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions


def revoke(world: Regions, *numbers: int, cold: bool = False) -> None:
    """An operator's word that these keys, by the order of their making, are compromised."""
    state, lease = world.remembered(), world.state.acquire("operator", timedelta(minutes=1))
    kids = [state.keys[number].kid for number in numbers]
    after = revoked(state, kids, cold=cold, reason="stolen", owner="ann", now=world.at())
    world.state.save(lease, after, [])
    world.state.release(lease)


def warm(**policy: Any) -> Regions:
    """Two days after the first run: one key signs, the next one is known to every cache."""
    world = Regions(policy=Policy(**policy))
    world.apply()
    world.runs(days=2)
    return world


def serves(world: Regions) -> dict[str, list[int]]:
    """By region, which keys its document holds, by the order of their making; -1 is somebody else's."""
    kids = [key.kid for key in world.remembered().keys]
    return {
        name: sorted(kids.index(k) if k in kids else -1 for k in world.document(name).kids())
        for name in world.names
    }


def signs(world: Regions) -> dict[str, int]:
    """By region, which key its signers are told to use, by the order of their making."""
    kids = [key.kid for key in world.remembered().keys]
    return {name: kids.index(world.signing(name).active.kid) for name in world.names}


@dataclass
class Consumers:
    """Every copy of a region's document that a verifier may still hold (W), in every region."""

    world: Regions
    copies: list[tuple[datetime, str, frozenset[str]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)

    def look(self, when: str = "") -> None:
        """They fetch, after the oldest copies expired; whatever signs now must be in every copy, unless it is revoked."""
        now = self.world.at()
        oldest = staleness(self.world.policy, self.world._issuer().setup.cache_of("jwks_url")).total
        for region in self.world.names:
            body = self.world.regions[region].documents.get(JWKS)
            document = parse(body) if body else None
            if isinstance(document, Jwks):
                self.copies.append((now, region, frozenset(document.kids())))
        newest = {region: (at, region, kids) for at, region, kids in self.copies}
        kept = [copy for copy in self.copies if now - copy[0] <= oldest]
        self.copies = list(dict.fromkeys((*kept, *newest.values())))
        state = self.world.state.load("accounts")
        self.gone |= {key.kid for key in state.keys if key.moments.revoked_at} if state else set()
        for region in self.world.names:
            if SIGNING not in self.world.regions[region].documents:
                continue
            kid = self.world.signing(region).active.kid
            lacking = [name for _, name, kids in self.copies if kid not in kids]
            assert kid in self.gone or not lacking, (when, region, lacking)

    def apply(self) -> None:
        """A run, between two looks."""
        self.look("before")
        self.world.apply()
        self.look("after")

    def days(self, count: int, every: timedelta = DAY) -> None:
        """Some days with a run each."""
        for _ in range(int(count * DAY / every)):
            self.world.clock.advance(every)
            self.apply()
