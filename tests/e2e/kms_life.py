"""The life of a place with keys in KMS, apply by apply: the first keys, a switch, a disabled key, a removal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tests.e2e.aws_hooks import Around, HookedClients, passed_on
from tests.e2e.kms_onlooker import Onlooker
from tests.e2e.place import REGIONS, Place, Ran
from tests.fakes.clock import FakeClock
from tests.servers.s3 import S3Endpoint

DAY = timedelta(days=1)
SOON = timedelta(minutes=6)  # by then what KMS lists is believed
TWO = REGIONS[:2]


@dataclass(frozen=True)
class Moment:
    """An apply that has something to do: how long after the one before, and the phases that it ends with."""

    name: str
    after: timedelta
    phases: tuple[str, ...]


FIRST = Moment("the first keys", 0 * DAY, ("active", "published"))
SWITCH = Moment("a switch", 91 * DAY, ("retired", "active", "published"))
DISABLE = Moment("a disabled key", 9 * DAY, ("retired", "active", "published"))
REMOVAL = Moment("a removal", 24 * DAY, ("removed", "active", "published"))
LIFE = (FIRST, SWITCH, DISABLE, REMOVAL)


@dataclass
class Life:
    """One place with its onlooker; every AWS call of its runs passes `clients.around`."""

    place: Place
    clients: HookedClients
    onlooker: Onlooker

    @property
    def clock(self) -> FakeClock:
        """The place's clock."""
        assert isinstance(self.place.clock, FakeClock)
        return self.place.clock

    def apply(self, around: Around = passed_on, *words: str) -> Ran:
        """One apply whose calls pass `around`."""
        self.clients.around = around
        try:
            return self.place.run("apply", "--yes", *words)
        finally:
            self.clients.around = passed_on

    def lives(self, *moments: Moment) -> None:
        """Undisturbed applies."""
        for moment in moments:
            self.clock.advance(moment.after)
            self.ends(moment, moment.name)

    def goes_on(self, moment: Moment, when: str) -> None:
        """One ordinary apply a little later, after which everything is as if nothing had been."""
        self.onlooker.everything_verifies(self.clock.now(), when)
        self.clock.advance(SOON)
        self.ends(moment, when)

    def ends(self, moment: Moment, when: str) -> None:
        """An ordinary apply that leaves what the moment leaves."""
        ran = self.apply()
        assert ran.code == 0, (when, ran)
        self.onlooker.is_settled(moment.phases, self.clock.now(), when)


@dataclass
class Lives:
    """One account, in which places live one after the other with the same connections."""

    store: S3Endpoint
    make: Callable[..., Place]
    clients: HookedClients
    count: int = 0

    def begin(
        self,
        *,
        state: str = "sqlite",
        regions: Sequence[str] = TWO,
        kms: Mapping[str, str] | None = None,
    ) -> Life:
        """A new place for which one passing probe is enough, the state in a file unless it is `s3`."""
        self.count += 1
        place = self.make(self.store, kms=kms, name=f"life-{self.count}", passes_required=1)
        place.clients, place.clock = self.clients, FakeClock()
        self.clients.around = passed_on
        for region in {*REGIONS} - {*regions}:
            del place.config["regions"][region]
        if state == "sqlite":
            place.config["state"] = {"kind": "sqlite", "path": ".rotator/state.db"}
        place.write_config()
        return Life(place, self.clients, Onlooker(place, self.store))
