"""Public URLs in memory: each is an edge that keeps what it fetched until `max_age` has passed.

A URL's name may have several addresses, with an edge of its own at each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

from rotator.domain.jwks import MAX_BYTES
from rotator.names import is_address
from rotator.ports import Clock, HttpAnswer, NoAnswer

Source = Callable[[], bytes | None]
"""Fetches the origin's document, None when there is none (the edge then answers 404, and caches that too)."""


@dataclass
class Edge:
    """One URL, or one address of it. `status`, `body` and `headers` are lies told instead of the truth.

    `down` says why nothing answers (`unreachable`: and that there was no connection at all), `ahead` is how far its
    clock is, `expires` the end of its certificate, and `judge` its status for whoever brings this token or none.
    """

    source: Source
    max_age: timedelta | None = timedelta(minutes=5)  # None: no Cache-Control, nothing is kept
    age: timedelta | None = None  # None: the copy's true age
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    down: str | None = None
    unreachable: bool = False
    ahead: timedelta = timedelta()
    expires: datetime | None = None
    judge: Callable[[str | None], int] | None = None
    _copy: tuple[bytes | None, datetime] | None = None

    def purge(self) -> None:
        """Forget the copy, as an operator's purge does."""
        self._copy = None

    def answer(self, now: datetime, token: str | None = None) -> HttpAnswer | NoAnswer:
        """Return what the edge says at this moment."""
        if self.down is not None:
            return NoAnswer(self.down, unreachable=self.unreachable)
        kept, fetched_at = self._current(now)
        honest = self.judge(token) if self.judge else (404 if kept is None else 200)
        status = self.status or honest
        body = self.body if self.body is not None else kept or b"not found\n"
        headers = {"content-type": "application/jwk-set+json", "date": _http_date(now + self.ahead)}
        if self.max_age is not None:
            age = now - fetched_at if self.age is None else self.age
            headers["cache-control"] = f"public, max-age={self.max_age.total_seconds():.0f}"
            headers["age"] = f"{age.total_seconds():.0f}"
        return HttpAnswer(
            status,
            {**headers, **self.headers},
            body[: MAX_BYTES + 1],
            truncated=len(body) > MAX_BYTES,
            latency=timedelta(milliseconds=1),
            expires=self.expires,
        )

    def _current(self, now: datetime) -> tuple[bytes | None, datetime]:
        fresh_for = self.max_age or timedelta(0)
        if self._copy is None or now - self._copy[1] >= fresh_for:
            self._copy = self.source(), now
        return self._copy


@dataclass(frozen=True, slots=True)
class Asked:
    """One look that was taken."""

    url: str
    address: str | None
    token: str | None


SOMEWHERE = "192.0.2.1"
"""The address of every name of which the test says no other."""


@dataclass
class FakeProbe:
    """The probe over these edges; an unknown URL does not answer. `asked` is every URL looked at, in order.

    `at` are edges at one address of a URL, instead of the URL's own; `names` the addresses of hosts, none if unknown.
    """

    clock: Clock
    edges: dict[str, Edge] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    at: dict[tuple[str, str], Edge] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    looks: list[Asked] = field(default_factory=list)

    def serve(
        self, url: str, source: Source, *, max_age: timedelta | None = timedelta(minutes=5)
    ) -> Edge:
        """Put an edge at `url`; change its fields to make it lie."""
        self.edges[url] = Edge(source, max_age)
        return self.edges[url]

    def serve_at(
        self,
        url: str,
        address: str,
        source: Source,
        *,
        max_age: timedelta | None = timedelta(minutes=5),
    ) -> Edge:
        """Put an edge at one more address of `url`; its name resolves to it from now on."""
        host = urlsplit(url).hostname or ""
        self.names[host] = tuple(dict.fromkeys((*self.names.get(host, ()), address)))
        self.at[url, address] = Edge(source, max_age)
        return self.at[url, address]

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        host = urlsplit(url).hostname or ""
        if is_address(host):
            return (host,)
        served = {urlsplit(known).hostname for known in self.edges}
        found = self.names.get(host, (SOMEWHERE,) if host in served else ())
        return found or NoAnswer("the host name does not resolve")

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        self.asked.append(url)
        self.looks.append(Asked(url, address, token))
        found = (address,) if address else self.addresses(url)
        if isinstance(found, NoAnswer):
            return found
        edge = self.at.get((url, found[0]), self.edges.get(url))
        if edge is None:
            return NoAnswer("connection refused", unreachable=True)
        return edge.answer(self.clock.now(), token)


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
