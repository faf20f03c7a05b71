"""What is answered to whom: pages of the last look and health, for readers with the token, and never anything else."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from rotator.daemon.board import Board, Facts
from rotator.daemon.health import health_document, stalled, unready
from rotator.daemon.request import Request
from rotator.domain.hosts import is_loopback

NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The content security policy of what is no page."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASK: Final = {"WWW-Authenticate": 'Basic realm="rotator", charset="UTF-8"'}
_METHODS: Final = ("GET", "HEAD")
_OPEN: Final = ("/healthz", "/readyz")
"""For probes that cannot show a token; to them only whether, never why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; `headers` beside those that every response has."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """Every header of the response."""
        policy = {"Content-Security-Policy": NOTHING}
        kind = {"Content-Type": self.content_type, "Content-Length": str(len(self.body))}
        return {**kind, **_HEADERS, **policy, **self.headers}


Page = Callable[[Facts], Answer]


@dataclass(frozen=True, slots=True)
class Site:
    """The pages by path, and who may read them: whoever shows `token`; without one, whoever is on this machine.

    Without a token the Host must be this machine's own, or a page elsewhere could have a browser here read for it.
    """

    board: Board
    monotonic: Callable[[], float]
    pages: Mapping[str, Page]
    token: str | None = None

    def answer(self, request: Request) -> Answer:
        """The response to a request, with the body also for HEAD."""
        if request.method not in _METHODS:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(_METHODS)})
        reader = self._may_read(request)
        if request.path in _OPEN:
            return self._health(request.path, told=reader)
        if not reader:
            return (
                _plain(HTTPStatus.UNAUTHORIZED, _ASK)
                if self.token
                else _plain(HTTPStatus.FORBIDDEN)
            )
        page = self.pages.get(request.path)
        return page(self.board.facts) if page else _plain(HTTPStatus.NOT_FOUND)

    def _may_read(self, request: Request) -> bool:
        if self.token is None:
            return _is_here(request.headers.get("host", ""))
        shown = _shown(request.headers.get("authorization", ""))
        return hmac.compare_digest(shown.encode(), self.token.encode())

    def _health(self, path: str, *, told: bool) -> Answer:
        facts, now = self.board.facts, self.monotonic()
        good = not (stalled(facts, now) if path == "/healthz" else unready(facts, now))
        document = health_document(facts, now) if told else {}
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return as_json({"ok": good, **document}, status)


def as_json(document: Mapping[str, object], status: int = HTTPStatus.OK) -> Answer:
    """A JSON document as a response."""
    return Answer(status, "application/json", json.dumps(document, indent=1).encode() + b"\n")


def not_yet(_facts: Facts) -> Answer:
    """The response while there was no look: there is nothing to show, and nobody's fault."""
    return _plain(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"})


def _plain(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Answer:
    body = f"{status.value} {status.phrase}\n".encode()
    return Answer(status, "text/plain; charset=utf-8", body, headers or {})


def problem(status: int) -> Answer:
    """The response to what is no request."""
    return _plain(HTTPStatus(status))


def _is_here(host: str) -> bool:
    """Whether a Host header names this machine itself."""
    before, colon, port = host.rpartition(":")
    name = before if colon and port.isdigit() else host
    return is_loopback(name[1:-1] if name.startswith("[") and name.endswith("]") else name)


def _shown(authorization: str) -> str:
    """The token that a reader shows: as a bearer token, or as the password that a browser asks for."""
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return ""
        case _:
            return ""
