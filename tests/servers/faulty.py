"""A proxy before an S3 endpoint (or any HTTP server) that breaks what the test asks for.

The client signs for the proxy's own host and port, and the head is passed on as it came: signatures stay valid. Every
request gets a connection of its own, so a fault holds from the next request on, and `requests` is a true account.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import urlsplit

from tests.servers.process import free_port
from tests.servers.s3 import S3Endpoint

_CHUNK = 65_536
_HANG_LIMIT_S = 60.0
_CONNECTION = re.compile(rb"\r\nconnection:[^\r]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; `number` counts from 1."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody listens: connection refused (the whole endpoint, whatever `when` says)."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The connection is accepted and nothing ever comes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is closed with RST before an answer."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no HTTP."""

    data: bytes = b"\x00\xff this is not HTTP\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A made-up answer; the server behind is not asked."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def s3_error(cls, status: int, code: str) -> Answer:
        """Answer as S3 does: 403 AccessDenied, 500 InternalError, 503 SlowDown …"""
        xml = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
        return cls(status, xml.encode(), {"Content-Type": "application/xml"})


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The server behind does what was asked, but its answer never arrives."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The request is passed on late."""

    seconds: float


Fault = Refuse | Hang | Reset | Garbage | Answer | LoseAnswer | Delay


def _always(_: Request) -> bool:
    return True


class FaultyProxy:
    """A context manager in front of `upstream` (an http URL); passes everything on until told otherwise."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.port = free_port()
        self.requests: list[Request] = []
        self._fault: Fault | None = None
        self._when: Callable[[Request], bool] = _always
        self._lock = threading.Lock()
        self._healed = threading.Event()
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """The URL that clients use instead of the upstream's."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._healed.set()
        self._stop_listening()

    def fail(self, fault: Fault, when: Callable[[Request], bool] = _always) -> None:
        """Break the requests that `when` picks, until `heal`."""
        self.heal()
        with self._lock:
            self._fault, self._when = fault, when
        if isinstance(fault, Refuse):
            self._stop_listening()

    def heal(self) -> None:
        """Pass everything on again; requests that hang are dropped."""
        with self._lock:
            self._fault, self._when = None, _always
            self._healed.set()
            self._healed = threading.Event()
        if self._listener is None:
            self._listen()

    @contextlib.contextmanager
    def failing(self, fault: Fault, when: Callable[[Request], bool] = _always) -> Iterator[None]:
        """Break for the length of a block."""
        self.fail(fault, when)
        try:
            yield
        finally:
            self.heal()

    def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _stop_listening(self) -> None:
        if self._listener is not None:
            # close() alone would leave the accepting thread asleep, and the port open with it.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head, rest = _read_head(client)
            if head:
                self._handle(client, head, rest)

    def _handle(self, client: socket.socket, head: bytes, rest: bytes) -> None:
        request = _parse(head)
        with self._lock:
            request = replace(request, number=len(self.requests) + 1)
            self.requests.append(request)
            fault = self._fault if self._when(request) else None
            healed = self._healed
        match fault:
            case Hang():
                healed.wait(_HANG_LIMIT_S)
            case Reset() | Refuse():
                _reset(client)
            case Garbage(data):
                client.sendall(data)
            case Answer():
                client.sendall(_render(fault))
                _drain(client)
            case LoseAnswer():
                self._forward(None, client, request, head, rest)
                _reset(client)
            case Delay(seconds):
                time.sleep(seconds)
                self._forward(client, client, request, head, rest)
            case None:
                self._forward(client, client, request, head, rest)

    def _forward(
        self,
        answer_to: socket.socket | None,
        client: socket.socket,
        request: Request,
        head: bytes,
        rest: bytes,
    ) -> None:
        """Pass one request on; the answer goes to `answer_to`, or is read and thrown away."""
        with socket.create_connection(self._upstream, timeout=_HANG_LIMIT_S) as server:
            # `Connection` is never signed, and closing makes "the answer" end where the stream ends.
            server.sendall(_CONNECTION.sub(b"", head) + b"\r\nConnection: close\r\n\r\n")
            expects = request.headers.get("expect", "").lower() == "100-continue"
            if expects and answer_to is None:
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            answer = threading.Thread(target=_pump, args=(server, answer_to), daemon=True)
            answer.start()
            _copy_body(client, server, rest, int(request.headers.get("content-length", "0")))
            answer.join(_HANG_LIMIT_S)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(_CHUNK)
        if not chunk:
            return b"", b""
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _parse(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines)
    return Request(0, method, target, {name.lower(): value.strip() for name, _, value in fields})


def _copy_body(client: socket.socket, server: socket.socket, rest: bytes, length: int) -> None:
    server.sendall(rest)
    missing = length - len(rest)
    while missing > 0:
        chunk = client.recv(min(_CHUNK, missing))
        if not chunk:
            return
        server.sendall(chunk)
        missing -= len(chunk)


def _pump(source: socket.socket, sink: socket.socket | None) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK):
            if sink is not None:
                sink.sendall(chunk)
        if sink is not None:
            sink.shutdown(socket.SHUT_WR)


def _render(answer: Answer) -> bytes:
    fields = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {answer.status} Made Up\r\n{head}\r\n".encode() + answer.body


def _drain(client: socket.socket) -> None:
    """Read what the client still sends: closing with unread bytes would turn the answer into a reset."""
    client.settimeout(0.2)
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(_CHUNK):
            pass


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@contextlib.contextmanager
def faulty(endpoint: S3Endpoint) -> Iterator[tuple[FaultyProxy, S3Endpoint]]:
    """Put a proxy before an endpoint; yields it and the endpoint as seen through it."""
    with FaultyProxy(endpoint.url) as proxy:
        yield proxy, replace(endpoint, url=proxy.url)
