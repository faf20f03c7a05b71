"""What looks at a URL as a consumer does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete HTTP answer: headers by lower-case name, `body` cut at the limit (`truncated`).

    `expires` is the end of the certificate that the other side showed, None without TLS.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    latency: timedelta
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No complete answer, and why: refused, timed out, TLS, cut short.

    `unreachable`: not even a connection was made, at once (nothing listens there, or there is no way).
    """

    detail: str
    unreachable: bool = False


class Probe(Protocol):
    """Looks at a public URL as a consumer does: fresh connection, no redirect followed, bounded in time and size."""

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        """Every address that the URL's host resolves to now, IPv4 and IPv6, each once; of an address itself, that one."""
        ...

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        """One look, at `address` where one is given (name, port and certificate stay the URL's), with a bearer token."""
        ...
