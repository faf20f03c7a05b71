"""Services behind URLs, in memory: what stands at each address, and verifiers that say what they hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt

from rotator.domain.canary import CANARY_AUDIENCE, CANARY_TYPE
from rotator.domain.jwks import MAX_BYTES
from rotator.domain.times import format_moment
from rotator.ports import Clock, HttpAnswer, NoAnswer

FAST = timedelta(milliseconds=20)
Service = Callable[[str | None], HttpAnswer | NoAnswer]
"""Answers a request that brings this bearer token, or none."""


def answer(
    body: bytes = b"", status: int = 200, latency: timedelta = FAST, **headers: str
) -> HttpAnswer:
    """A complete answer; `content_encoding="gzip"` is the header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, named, body[: MAX_BYTES + 1], len(body) > MAX_BYTES, latency)


def always(said: HttpAnswer | NoAnswer) -> Service:
    """The service that says one thing to everybody."""
    return lambda token: said


@dataclass
class Services:
    """Implements `ports.Probe`: URL → address → service. `asked` keeps every request: URL, address, token."""

    places: dict[str, dict[str, Service]] = field(default_factory=dict)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    """What happens while a request is under way."""

    def put(self, url: str, service: Service, address: str = "192.0.2.1") -> None:
        """Let a service stand at one more address of the URL."""
        self.places.setdefault(url, {})[address] = service

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        return tuple(self.places[url]) if url in self.places else NoAnswer("no such host")

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        self.asked.append((url, address, token))
        self.before()
        there = self.places.get(url, {})
        service = there.get(address) if address else next(iter(there.values()), None)
        return service(token) if service else NoAnswer("no such host")


@dataclass
class Verifier:
    """A running verifier: the kids it holds for an issuer, how old its copy is, and a clock of its own."""

    clock: Clock
    kids: tuple[str, ...]
    issuer: str = "https://auth.example.com"
    state: str = "fresh"
    age: timedelta = timedelta(minutes=4)
    ahead: timedelta = timedelta()
    own_clock: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Members of the report that are another than they should be."""

    def __call__(self, token: str | None) -> HttpAnswer | NoAnswer:
        return answer(self.report())

    def report(self) -> bytes:
        """The health document of contract §3 at this moment."""
        now = self.clock.now() + self.ahead
        members = {
            "format": "rotator.verifier/1",
            "region": "us-east-1",
            "time": now.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "clock": self.own_clock,
            "issuers": [
                {
                    "url": self.issuer,
                    "kids": list(self.kids),
                    "jwks_digest": "sha256:…",
                    "fetched_at": format_moment(now - self.age),
                    "source": "https://auth.example.com/jwks.json",
                    "state": self.state,
                }
            ],
        }
        return json.dumps(members | dict(self.more)).encode()


@dataclass
class Api:
    """A service that checks canaries as PyJWT does, with the document that `jwks` returns now."""

    clock: Clock
    jwks: Callable[[], bytes]
    issuer: str = "https://auth.example.com"
    claims: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, token: str | None) -> HttpAnswer | NoAnswer:
        return answer(status=204 if token and self.accepts(token) else 401)

    def accepts(self, token: str) -> bool:
        """Whether a key of the document signed it, and it is a canary of this minute."""
        try:
            header = jwt.get_unverified_header(token)
            keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(self.jwks().decode()).keys}
            claims = jwt.decode(
                token,
                keys[header["kid"]],
                algorithms=[header["alg"]],
                audience=CANARY_AUDIENCE,
                issuer=self.issuer,
                options={"verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, KeyError):
            return False
        self.claims.append(claims)
        now = self.clock.now().timestamp()
        return bool(header["typ"] == CANARY_TYPE and claims["iat"] <= now < claims["exp"])
