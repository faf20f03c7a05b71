"""One request over one connection that was made for it."""

import contextlib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Final

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from rotator import __version__
from rotator.adapters.http_probe.destination import Destination
from rotator.adapters.http_probe.sockets import (
    NotConnectedError,
    PlainSocket,
    TlsSocket,
    connect,
    encrypt,
)
from rotator.adapters.http_probe.words import reason
from rotator.domain.jwks import MAX_BYTES
from rotator.names import Limit, places
from rotator.ports import HttpAnswer, NoAnswer

_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": f"rotator/{__version__}",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked, where (`at`: an address, or the name itself), whose word is taken, and how long it may take."""

    to: Destination
    at: str
    token: str | None = field(repr=False)
    tls: ssl.SSLContext | None
    deadline: timedelta
    limit: Limit

    def take(self) -> HttpAnswer | NoAnswer:
        """Look; never raises, whatever the other side does."""
        try:
            return self._ask(time.monotonic())
        except NotConnectedError as error:
            found = error.answer
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            found = NoAnswer(reason(error))
        if self.limit.over:
            return NoAnswer(f"no complete answer within {self.deadline.total_seconds():g} s")
        return found

    def _ask(self, started: float) -> HttpAnswer:
        with self._connected() as (connection, expires):
            connection.request(
                "GET",
                self.to.target,
                headers=self._headers(),
                preload_content=False,
                decode_content=False,
            )
            with contextlib.closing(connection.getresponse()) as response:
                body = b""
                # read() tells of a body cut short only when it is asked once more.
                while len(body) <= MAX_BYTES and (part := response.read(MAX_BYTES + 1 - len(body))):
                    body += part
                return HttpAnswer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=body,
                    truncated=len(body) > MAX_BYTES,
                    latency=timedelta(seconds=time.monotonic() - started),
                    expires=expires,
                )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[tuple[HTTPConnection, datetime | None]]:
        """A connection with its handshake made, and the end of the certificate that was shown."""
        opened: PlainSocket | TlsSocket
        opened = connect(places(self.at, self.to.port, self.limit), self.limit)
        if self.tls is not None:
            opened = encrypt(opened, self.tls, self.to.name, self.limit)
        connection = HTTPConnection(self.to.name, self.to.port, timeout=self.limit.patience)
        connection.sock = opened
        with contextlib.closing(connection), contextlib.closing(opened):
            yield connection, _end(opened)

    def _headers(self) -> dict[str, str]:
        """`Host` is the URL's name at whatever address it is asked."""
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        return {"Host": self.to.authority, **_HEADERS, **bearer}


def _end(connection: PlainSocket | TlsSocket) -> datetime | None:
    shown = connection.getpeercert() if isinstance(connection, TlsSocket) else None
    end = shown.get("notAfter") if shown else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(end)), UTC) if end else None
