"""A year of a place: rotator runs now and then, signers sign in every region, verifiers check everything that lives."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rotator.app.world import World
from rotator.aws import AwsClients
from rotator.ports import KeyStore
from tests.e2e.consumers import Issued, LaggingSigner, Verifiers, issued
from tests.e2e.place import PASSPHRASE, REGIONS, Place, moment
from tests.fakes.clock import FakeClock

DAY = timedelta(days=1)
STOP, LIFETIME = DAY, 30 * DAY
LEEWAY, DRIFT, MARGIN = timedelta(seconds=30), timedelta(seconds=5), timedelta(hours=1)
REMOVAL = STOP + LIFETIME + LEEWAY + DRIFT + MARGIN
"""Design T4 under the default policy, from the last switch away."""


@dataclass
class OneProcess:
    """Hands the private keys that the first run decrypted to all later ones, as in a daemon."""

    keys: KeyStore | None = None

    def __call__(self, world: World) -> World:
        self.keys = self.keys or world.issuers[0].keys
        return replace(
            world, issuers=tuple(replace(issuer, keys=self.keys) for issuer in world.issuers)
        )


@dataclass
class Year:
    """The place over virtual time. `travel` is told every moment, for servers whose clock must come along."""

    place: Place
    clock: FakeClock
    gap: Callable[[random.Random], timedelta]
    travel: Callable[[datetime], None] = lambda _: None
    seed: int = 7
    runs: list[tuple[datetime, datetime]] = field(default_factory=list)
    verifiers: Verifiers = field(default_factory=lambda: Verifiers(LEEWAY))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.place.environ = {"ROTATOR_KEY_PASSPHRASE": PASSPHRASE}
        self.place.wiring, self.place.clients = OneProcess(), AwsClients()
        base, secret = self.place.folder, PASSPHRASE.encode()
        self.laggards = {name: LaggingSigner(base, secret) for name in REGIONS}

    def live(self, days: int) -> None:
        """Runs until so many days have passed."""
        end = self.clock.now() + days * DAY
        while self.clock.now() < end:
            self.day()
            self.wait(self.gap(self.random))

    def day(self) -> None:
        """One run, with what signers and verifiers do around it."""
        for name, laggard in self.laggards.items():
            laggard.read(self.place.signing(name), self.clock.now())
        started = self.clock.now()
        applied = self.place.run("apply", "--yes")
        assert applied.code == 0, applied
        self.runs.append((started, self.clock.now()))
        self.verifiers.take([token for name in REGIONS for token in self.tokens(name)])
        self.check()

    def tokens(self, region: str) -> list[Issued]:
        """An access token and the longest refresh token of a region, by the real command."""
        words: tuple[tuple[str, ...], ...] = ((), ("--lifetime", "30d"))
        return [issued(self.place.token(region, *each), region) for each in words]

    def wait(self, gap: timedelta) -> None:
        """Time until the next run; on the way signers that missed the switch sign for the last time."""
        if gap >= STOP:
            self.pass_time(self.runs[-1][0] + STOP - self.clock.now())
            gap -= STOP
        now = self.clock.now()
        last = [laggard.sign(now, f"late {name}") for name, laggard in self.laggards.items()]
        self.verifiers.take([token for token in last if token])
        self.pass_time(gap)
        self.check()

    def pass_time(self, gap: timedelta) -> None:
        self.travel(self.clock.advance(gap))

    def check(self) -> None:
        documents = {name: self.place.jwks(name) or b"" for name in REGIONS}
        self.verifiers.check_all(documents, self.clock.now())

    def removed_exactly_when_due(self) -> int:
        """Assert that each key left in the first run at or after its T4; how many left."""
        keys = [key for key in self.place.history() if key["removed_at"]]
        for key in keys:
            due = moment(key["retired_at"]) + REMOVAL
            assert moment(key["removed_at"]) >= due, key
            first = next(run for run in self.runs if run[0] >= due)
            assert first[0] <= moment(key["removed_at"]) <= first[1], (key, first)
        return len(keys)

    def ends_well(self) -> None:
        """Assert what is left after a year: five rotations' keys, no private half of a dead one, all in order."""
        place, gone = self.place, self.removed_exactly_when_due()
        phases = place.phases()
        assert gone >= 3
        assert phases == ["removed"] * gone + ["retired"] * (4 - gone) + ["active", "published"]
        kept = {str(key["generation"]) for key in place.history() if key["phase"] != "removed"}
        assert place.pems().keys() == kept
        assert len({place.jwks(name) for name in REGIONS}) == 1, "the regions do not agree"
        assert place.run("status").code == 0
        assert place.run("verify").code == 0
        place.ok("history")
        place.ok("audit", "--verify")
