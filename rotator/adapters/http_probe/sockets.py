"""Connections that cannot be waited for past a limit, however slowly the other side drips.

A timeout of a socket starts anew with each byte that comes. These ask the limit before each read, so that a look needs
no second thread to end it.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Sequence
from typing import Any

from rotator.names import NOWHERE, Limit, Place
from rotator.ports import NoAnswer


class NotConnectedError(Exception):
    """No connection came about; `answer` says why."""

    def __init__(self, answer: NoAnswer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class PlainSocket(socket.socket):
    """A TCP connection whose reads end at `limit`."""

    limit: Limit

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read, waiting no longer than the limit says."""
        self.settimeout(self.limit.left())
        return super().recv_into(*args, **kwargs)


class TlsSocket(ssl.SSLSocket):
    """The same through TLS."""

    limit: Limit

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read, waiting no longer than the limit says."""
        self.settimeout(self.limit.left())
        return super().recv_into(*args, **kwargs)


class Trust:
    """Whose certificates are believed: the system's authorities, or those of `SSL_CERT_FILE` where it is set.

    They are loaded when they are needed first, once, whoever asks: loading takes longer than a look nearby.
    """

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The settings of all connections. Raises OSError when the authorities cannot be read."""
        with self._loading:
            if self._context is None:
                self._context = ssl.create_default_context()
                self._context.set_alpn_protocols(["http/1.1"])
                self._context.sslsocket_class = TlsSocket
            return self._context


def connect(tried: Sequence[Place], limit: Limit) -> PlainSocket:
    """Connect to the first of these places that lets one. Raises NotConnectedError when none does."""
    refusals: list[OSError] = []
    for place in tried:
        try:
            return _connect(place, limit)
        except OSError as error:
            refusals.append(error)
    raise NotConnectedError(_why(refusals))


def encrypt(plain: PlainSocket, context: ssl.SSLContext, name: str, limit: Limit) -> TlsSocket:
    """Shake hands with a server that must prove to be `name`. Raises OSError, ssl.SSLError among them."""
    with contextlib.ExitStack() as undone:
        undone.callback(plain.close)
        wrapped = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        undone.callback(wrapped.close)
        if not isinstance(wrapped, TlsSocket):
            raise TypeError("the context makes sockets of another class")
        wrapped.limit = limit
        wrapped.settimeout(limit.left())
        wrapped.do_handshake()
        undone.pop_all()
        return wrapped


def _connect(place: Place, limit: Limit) -> PlainSocket:
    with contextlib.ExitStack() as undone:
        made = PlainSocket(place.family, socket.SOCK_STREAM)
        undone.callback(made.close)
        made.limit = limit
        made.settimeout(limit.left())
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.connect(place.address)
        undone.pop_all()
        return made


def _why(refusals: Sequence[OSError]) -> NoAnswer:
    """The most telling reason: where one place was waited for, that nobody answered there."""
    nowhere = [NOWHERE[error.errno] for error in refusals if error.errno in NOWHERE]
    if len(nowhere) == len(refusals):
        return NoAnswer(", or ".join(dict.fromkeys(nowhere)), unreachable=True)
    if any(isinstance(error, TimeoutError) for error in refusals):
        return NoAnswer("timed out while connecting")
    strange = next(error for error in refusals if error.errno not in NOWHERE)
    return NoAnswer(f"no connection: {strange.strerror or type(strange).__name__}")
