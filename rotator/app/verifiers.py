"""Looks at running verifiers: every address of every URL that is configured, and of those that an index lists.

One URL behind DNS with many addresses is many verifiers. All are asked side by side, and all together within `PATIENCE`.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import assert_never

from rotator.app.addresses import is_loopback, passed_over
from rotator.app.parallel import side_by_side
from rotator.domain.checks import VerifierCheck
from rotator.domain.evidence import Check
from rotator.domain.jwks import Unreadable
from rotator.domain.policy import IssuerSetup
from rotator.domain.verifier_health import VerifierIndex, VerifierReport
from rotator.planning.judging import Expected
from rotator.planning.verifying import (
    Judged,
    judge_report,
    no_answer,
    no_report,
    read_answer,
    summed_up,
)
from rotator.ports import Clock, NoAnswer, Probe

AT_ONCE = 64
"""Verifiers asked at the same time by one check."""
PATIENCE = timedelta(seconds=30)
"""How long one check goes on asking; what was not asked by then is unknown."""
MOST = 4000
"""Addresses that one check asks: an index of a thousand URLs, four addresses each."""

_LATE = f"not asked: the others took {PATIENCE.total_seconds():.0f} s"
_TOO_MANY = f"not asked: it stands behind {MOST} others"
_INDEX = "an index, and an index may list verifiers only"
_INSECURE = "not asked: it is http: and not loopback, and the check has no allow_insecure"


def look_at_verifiers(
    probe: Probe, clock: Clock, spec: VerifierCheck, setup: IssuerSetup, expected: Expected
) -> tuple[Check, ...]:
    """One check for each configured URL, which sums up everything that stands behind it."""
    until = clock.monotonic() + PATIENCE.total_seconds()
    looking = _Looking(probe, clock, spec, setup, expected, until)
    return tuple(side_by_side(looking.at, spec.urls, AT_ONCE))


@dataclass(frozen=True, slots=True)
class _Place:
    """One address of one URL, and what it is called."""

    url: str
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a place came to: a verifier, judged, or an index. `silence` where nothing answered."""

    place: _Place
    said: Judged | VerifierIndex
    silence: NoAnswer | None = None

    def passed_over(self, answering: Container[str]) -> bool:
        """Whether nobody asks there, since the URL answers at another address."""
        others = self.place.url in answering
        return passed_over(self.place.url, self.place.address, self.silence, others=others)


@dataclass(frozen=True, slots=True)
class _Looking:
    """One check under way, until `until` by the monotonic clock."""

    probe: Probe
    clock: Clock
    spec: VerifierCheck
    setup: IssuerSetup
    expected: Expected
    until: float

    def at(self, url: str) -> Check:
        """Everything behind one configured URL."""
        first = self._ask_all((url,), listed=False)
        indexes = [said for said in first if isinstance(said, VerifierIndex)]
        listed = dict.fromkeys(other for index in indexes for other in index.urls)
        allowed = [other for other in listed if self._allowed(other)]
        further = self._ask_all(allowed, listed=True)
        judged = [said for said in (*first, *further) if isinstance(said, Judged)]
        refused = [no_report(other, _INSECURE) for other in listed if not self._allowed(other)]
        return summed_up(url, [*judged, *refused], self.expected, self.spec.covers)

    def _ask_all(self, urls: Sequence[str], *, listed: bool) -> list[Judged | VerifierIndex]:
        found = list(zip(urls, side_by_side(self._addresses, urls, AT_ONCE), strict=True))
        places = [place for url, there in found for place in _places(url, there)]
        heard = side_by_side(partial(self._ask, listed=listed), places[:MOST], AT_ONCE)
        answering = {one.place.url for one in heard if one.silence is None}
        return [
            *(no_answer(url, there.detail) for url, there in found if isinstance(there, NoAnswer)),
            *(one.said for one in heard if not one.passed_over(answering)),
            *(no_answer(place.name, _TOO_MANY) for place in places[MOST:]),
        ]

    def _addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        found = self._in_time() or self.probe.addresses(url)
        return found or NoAnswer("the host name has no address")

    def _ask(self, place: _Place, *, listed: bool) -> _Heard:
        asked = self.clock.now()
        answer = self._in_time() or self.probe.get(place.url, address=place.address)
        answered = self.clock.now()
        if isinstance(answer, NoAnswer):
            return _Heard(place, no_answer(place.name, answer.detail), answer)
        said = read_answer(answer.status, answer.headers, None if answer.truncated else answer.body)
        match said:
            case VerifierIndex() if listed:
                return _Heard(place, no_report(place.name, _INDEX, answer.latency))
            case VerifierIndex():
                return _Heard(place, said)
            case Unreadable(reason):
                return _Heard(place, no_report(place.name, reason, answer.latency))
            case VerifierReport():
                # A busy host notices an answer late, and then knows less about when it was written.
                took = max(answer.latency, answered - asked)
                return _Heard(
                    place, judge_report(place.name, said, self.setup, self.expected, answered, took)
                )
            case _:
                assert_never(said)

    def _in_time(self) -> NoAnswer | None:
        return NoAnswer(_LATE) if self.clock.monotonic() > self.until else None

    def _allowed(self, url: str) -> bool:
        return self.spec.allow_insecure or url.startswith("https:") or is_loopback(url)


def _places(url: str, addresses: tuple[str, ...] | NoAnswer) -> tuple[_Place, ...]:
    if isinstance(addresses, NoAnswer):
        return ()
    alone = len(addresses) == 1
    return tuple(_Place(url, each, url if alone else f"{url} ({each})") for each in addresses)
