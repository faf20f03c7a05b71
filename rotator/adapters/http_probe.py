"""A look at a public URL as a verifier without manners would take it, except that it cannot be held up or flooded.

Each look is a connection of its own. Redirects are reported, not followed. Proxies named in the environment are not
used: what a proxy keeps is not what the region serves. A body that comes compressed although `identity` was asked for
stays as it came and will not parse: verifiers that ask the same way (PyJWT does) could not read it either.
"""

import contextlib
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from http.client import HTTPException
from typing import Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    IncompleteRead,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Url, parse_url

from rotator import __version__
from rotator.domain.jwks import MAX_BYTES
from rotator.ports import HttpAnswer, NoAnswer

_HEADERS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": f"rotator/{__version__}",
}
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (  # the first that fits
    (NameResolutionError, "the host name does not resolve"),
    (NewConnectionError, "connection refused, or no way to the host"),
    (ConnectTimeoutError, "timed out while connecting"),
    (ReadTimeoutError, "timed out while waiting for the answer"),
    (TimeoutError, "timed out while waiting for the answer"),
    (ProtocolError, "the answer was cut short"),
    (IncompleteRead, "the answer was cut short"),
    (ConnectionError, "the connection was closed before an answer came"),
    (HTTPException, "the answer is not HTTP"),
)
_SHOWN: Final = 200


@dataclass(frozen=True)
class HttpProbe:
    """Looks over HTTP(S). `patience` bounds each wait for the other side, `deadline` the whole look.

    Certificates are checked against the system's authorities, or those of `SSL_CERT_FILE` where it is set.
    """

    patience: timedelta = timedelta(seconds=5)
    deadline: timedelta = timedelta(seconds=10)

    def get(self, url: str) -> HttpAnswer | NoAnswer:
        """One look; never raises, whatever the other side does."""
        try:
            connection, target = self._connection(parse_url(url))
        except (HTTPError, ValueError) as error:
            return NoAnswer(f"not a URL that can be asked: {_printable(str(error))}")
        except OSError as error:  # the authorities cannot be read
            return NoAnswer(_reason(error))
        return _Look(connection, target).within(self.deadline)

    def _connection(self, url: Url) -> tuple[HTTPConnection, str]:
        timeout, host = self.patience.total_seconds(), url.host or ""
        if not host:
            raise ValueError("no host")
        host = host.strip("[]")
        match url.scheme:
            case "https":
                port = url.port or 443
                tls = self._tls
                return HTTPSConnection(
                    host, port, timeout=timeout, ssl_context=tls
                ), url.request_uri
            case "http":
                return HTTPConnection(host, url.port or 80, timeout=timeout), url.request_uri
            case _:
                raise ValueError("neither http nor https")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class _Look:
    """One request under way. It runs in a thread: neither name resolution nor a slow drip of headers knows a deadline."""

    connection: HTTPConnection
    target: str
    outcome: Future[HttpAnswer | NoAnswer] = field(default_factory=Future)

    def within(self, deadline: timedelta) -> HttpAnswer | NoAnswer:
        threading.Thread(target=self._run, name="http-probe", daemon=True).start()
        try:
            return self.outcome.result(deadline.total_seconds())
        except TimeoutError:
            self._abandon()
            return NoAnswer(f"no complete answer within {deadline.total_seconds():g} s")

    def _run(self) -> None:
        try:
            self.outcome.set_result(self._ask())
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            self.outcome.set_result(NoAnswer(_reason(error)))
        except BaseException as bug:  # noqa: BLE001 - it is raised in the thread that waits
            self.outcome.set_exception(bug)
        finally:
            self.connection.close()

    def _ask(self) -> HttpAnswer:
        started = time.monotonic()
        self.connection.request(
            "GET", self.target, headers=_HEADERS, preload_content=False, decode_content=False
        )
        response = self.connection.getresponse()
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
        )

    def _abandon(self) -> None:
        # shutdown() wakes a thread that waits in recv(); close() would leave it there.
        with contextlib.suppress(OSError, AttributeError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    """What went wrong in words; quotes nothing that the other side sent, but for the kind of a TLS fault."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"TLS: the certificate is not trusted: {_printable(error.verify_message)}"
        case ssl.SSLError():
            return f"TLS: {_printable(error.reason or 'handshake failed')}"
        case _:
            found = (words for kind, words in _REASONS if isinstance(error, kind))
            return next(found, f"no answer: {type(error).__name__}")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN])
