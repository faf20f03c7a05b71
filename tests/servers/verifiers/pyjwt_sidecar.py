"""A program: checks bearer tokens with PyJWKClient, and says at /healthz/jwks which keys it holds (contract §3).

URL, issuer, port, lifespan, cooldown and leeway are its arguments.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

import jwt

AUDIENCE: Final = "traffic"
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Checker:
    """What a service with PyJWT does with a token."""

    client: jwt.PyJWKClient
    issuer: str
    leeway_s: float

    def verdict(self, token: str) -> tuple[int, dict[str, str]]:
        """200, or 401 with what PyJWT says."""
        try:
            key = self.client.get_signing_key_from_jwt(token)
            jwt.decode(
                token,
                key,
                algorithms=["ES256", "RS256", "PS256", "EdDSA"],
                issuer=self.issuer,
                audience=AUDIENCE,
                leeway=self.leeway_s,
            )
        except jwt.PyJWTError as error:
            return 401, {"error": f"{type(error).__name__}: {error}"}
        return 200, {}

    def health(self) -> dict[str, Any]:
        """The keys that it would check a token with now, without fetching any."""
        cache = self.client.jwk_set_cache
        kept = cache.jwk_set_with_timestamp if cache else None
        kids = [key.key_id for key in kept.get_jwk_set().keys] if kept else []
        state = (
            "empty" if cache is None or kept is None else "stale" if cache.is_expired() else "fresh"
        )
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        held = {"url": self.issuer, "kids": kids, "source": self.client.uri, "state": state}
        return {"format": "rotator.verifier/1", "time": now, "issuers": [held]}


class Connection(asyncio.Protocol):
    """HTTP/1.1 as far as a GET without a body needs it; a connection stays open."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while _END in self._unread and self._transport is not None:
            head, _, self._unread = self._unread.partition(_END)
            self._transport.write(self._answer(head))

    def _respond(self, head: bytes) -> tuple[int, dict[str, Any]]:
        if head.startswith(b"GET /healthz/jwks "):
            return 200, self._checker.health()
        return self._checker.verdict(_bearer(head))

    def _answer(self, head: bytes) -> bytes:
        # Checking fetches now and then, and everybody waits for it: as in a service with one thread.
        status, body = self._respond(head)
        text = json.dumps(body).encode()
        reason = "OK" if status == 200 else "Unauthorized"
        first = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        return f"{first}Content-Length: {len(text)}\r\n\r\n".encode() + text


def _bearer(head: bytes) -> str:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "authorization":
            return value.strip().removeprefix("Bearer ").strip()
    return ""


async def _serve(checker: Checker, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(checker), "127.0.0.1", port)
    await server.serve_forever()


def _main(url: str, issuer: str, *numbers: str) -> None:
    port, lifespan, cooldown, leeway = (float(number) for number in numbers)
    client = jwt.PyJWKClient(url, lifespan=lifespan, cooldown_duration=cooldown, timeout=5)
    asyncio.run(_serve(Checker(client, issuer, leeway), int(port)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
