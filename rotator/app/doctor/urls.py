"""What each public URL answers: whether a verifier could use it, and for how long caches may keep it."""

from collections.abc import Iterator

from rotator.app.doctor.caching import Allowed, Served, about, judge_headers
from rotator.app.doctor.clocks import judge_clock
from rotator.app.urls import reading_of
from rotator.app.world import IssuerWorld, World
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwks import Unreadable, parse
from rotator.domain.policy import JWKS_URL
from rotator.domain.state import IssuerState
from rotator.planning.judging import seconds_of
from rotator.ports import Examination, HttpAnswer, NoAnswer

_LOOK = "see what answers there; rotator verify looks again · runbooks/region-down.md"


def of_urls(world: World, issuer: IssuerWorld, state: IssuerState | None) -> Iterator[Examination]:
    """Each public URL of an issuer's regions, and the issuer's own."""
    urls = [(name, url) for name, ports in issuer.regions.items() for url in ports.public_urls]
    if issuer.jwks_url:
        urls.append((JWKS_URL, issuer.jwks_url))
    for gate, url in urls:
        look = _Url(world, issuer, state, gate, url)
        yield Examination(Area.URLS, look.place, url, look.look)


class _Url:
    """One URL that gates a switch."""

    def __init__(
        self, world: World, issuer: IssuerWorld, state: IssuerState | None, gate: str, url: str
    ) -> None:
        self._world, self._issuer, self._state = world, issuer, state
        self._gate, self._url = gate, url
        self.place = Place(issuer.name, gate)

    def look(self) -> Iterator[Diagnosis]:
        """One look as a verifier takes it."""
        clock = self._world.clock
        asked = clock.now()
        answer = self._world.probe.get(self._url)
        answered = clock.now()
        if isinstance(answer, NoAnswer):
            yield self._error(f"{self._url} does not answer", answer.detail)
            return
        took = max(answer.latency, answered - asked)
        reading = reading_of(self._url, answer.headers, answered, took)
        if reading:
            drift = self._issuer.setup.policy.max_clock_drift
            yield judge_clock(reading, drift, Place(region=self._gate))
        yield from self._judged(answer)

    def _judged(self, answer: HttpAnswer) -> Iterator[Diagnosis]:
        if answer.status == 404 and not self._published():
            yield self._fine(f"{self._url} answers 404: nothing is published yet")
        elif 300 <= answer.status < 400:
            why = "PyJWT, jose and jwks-rsa do not follow redirects"
            yield self._error(f"{self._url} answers {answer.status}, a redirect", why)
        elif answer.status != 200:
            yield self._error(f"{self._url} answers {answer.status}", "verifiers find no key there")
        elif answer.truncated:
            yield self._error(f"{self._url} answers too much to be a key set", "it is cut off")
        elif isinstance(document := parse(answer.body), Unreadable):
            yield self._error(f"{self._url} answers no key set", document.reason)
        else:
            yield from self._served(answer)

    def _served(self, answer: HttpAnswer) -> Iterator[Diagnosis]:
        headers = answer.headers
        kept = headers.get("cache-control"), headers.get("content-type")
        served = Served(self._url, *kept, seconds_of(answer.headers.get("age")))
        setup = self._issuer.setup
        allowed = Allowed(setup.policy, setup.cache_of(self._gate))
        troubles = list(judge_headers(served, allowed, Area.URLS, self.place))
        took = f"{answer.latency.total_seconds() * 1000:.0f} ms"
        yield from troubles or [
            self._fine(f"{self._url} answers in {took}, {about(served) or 'no max-age'}")
        ]

    def _published(self) -> bool:
        """Whether there should be something; nobody knows better than the state."""
        return (
            self._state is None
            or self._state.record(self._gate).jwks_etag is not None
            or (self._gate == JWKS_URL and self._state.was_ever_active())
        )

    def _error(self, what: str, why: str) -> Diagnosis:
        return Diagnosis(Area.URLS, self.place, Health.ERROR, what, why, _LOOK)

    def _fine(self, what: str) -> Diagnosis:
        return Diagnosis(Area.URLS, self.place, Health.OK, what)
