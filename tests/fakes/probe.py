"""Public URLs in memory: each is an edge that keeps what it fetched until `max_age` has passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from rotator.domain.jwks import MAX_BYTES
from rotator.ports import Clock, HttpAnswer, NoAnswer

Source = Callable[[], bytes | None]
"""Fetches the origin's document, None when there is none (the edge then answers 404, and caches that too)."""


@dataclass
class Edge:
    """One URL. `status`, `body` and `headers` are lies told instead of the truth; `down` says why nothing answers."""

    source: Source
    max_age: timedelta | None = timedelta(minutes=5)  # None: no Cache-Control, nothing is kept
    age: timedelta | None = None  # None: the copy's true age
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    down: str | None = None
    _copy: tuple[bytes | None, datetime] | None = None

    def purge(self) -> None:
        """Forget the copy, as an operator's purge does."""
        self._copy = None

    def answer(self, now: datetime) -> HttpAnswer | NoAnswer:
        """Return what the edge says at this moment."""
        if self.down is not None:
            return NoAnswer(self.down)
        kept, fetched_at = self._current(now)
        status = self.status or (404 if kept is None else 200)
        body = self.body if self.body is not None else kept or b"not found\n"
        headers = {"content-type": "application/jwk-set+json", "date": _http_date(now)}
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
        )

    def _current(self, now: datetime) -> tuple[bytes | None, datetime]:
        fresh_for = self.max_age or timedelta(0)
        if self._copy is None or now - self._copy[1] >= fresh_for:
            self._copy = self.source(), now
        return self._copy


@dataclass
class FakeProbe:
    """The probe over these edges; an unknown URL does not answer. `asked` is every URL looked at, in order."""

    clock: Clock
    edges: dict[str, Edge] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(
        self, url: str, source: Source, *, max_age: timedelta | None = timedelta(minutes=5)
    ) -> Edge:
        """Put an edge at `url`; change its fields to make it lie."""
        self.edges[url] = Edge(source, max_age)
        return self.edges[url]

    def get(self, url: str) -> HttpAnswer | NoAnswer:
        self.asked.append(url)
        edge = self.edges.get(url)
        return edge.answer(self.clock.now()) if edge else NoAnswer("the host name does not resolve")


def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
