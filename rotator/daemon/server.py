"""The listener: a thread for each reader, few at a time, each for a short while and one small request only."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from rotator.daemon.request import MAX_BYTES, BadRequest, parse
from rotator.daemon.site import Answer, Site, problem
from rotator.errors import ConfigError

READERS_MAX: Final = 16
"""Readers at the same time. One more takes the place of whoever has been asking for longest; where all are being answered,
it has its connection closed at once."""
READ_S: Final = 5.0
WRITE_S: Final = 20.0
"""How long a reader may take to ask, and to take in the answer."""
_BACKLOG: Final = 16
_ROOM_S: Final = 1.0
"""How long the end of a reader who was turned out is waited for."""

Spawn = Callable[[Callable[[], None]], None]
"""Does something in a thread of its own; raises RuntimeError where there is none to be had."""


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


class Server:
    """Listens from the moment it is made until `close`. `site` may be replaced while it does."""

    def __init__(self, host: str, port: int, site: Site, *, spawn: Spawn = _in_a_thread) -> None:
        """Port 0 takes a free one. Raises ConfigError where it cannot listen."""
        self.site = site
        self._socket = _listening(host, port)
        self._free = threading.BoundedSemaphore(READERS_MAX)
        self._spawn = spawn
        self._lock = threading.Lock()
        self._asking: dict[socket.socket, None] = {}
        self._thread = threading.Thread(target=self._accept, name="http", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where it listens."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Listen no more; readers that are being served are left to end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(READ_S)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if self._socket.fileno() < 0:
                    return
                time.sleep(0.1)  # no descriptors left, or the reader has gone: neither is for ever
                if not _listens(self._socket):
                    return
                continue
            if self._has_room():
                self._begin(connection)
            else:
                connection.close()

    def _has_room(self) -> bool:
        """Whether one more may be served, having turned out the oldest of those who ask slowly if need be."""
        if self._free.acquire(blocking=False):
            return True
        with self._lock:
            oldest = next(iter(self._asking), None)
            if oldest is None:
                return False
            del self._asking[oldest]
        with suppress(OSError):
            oldest.shutdown(socket.SHUT_RDWR)
        return self._free.acquire(timeout=_ROOM_S)

    def _begin(self, connection: socket.socket) -> None:
        with self._lock:
            self._asking[connection] = None
        try:
            self._spawn(lambda: self._serve(connection))
        except RuntimeError:  # this reader goes, the next one may find a thread
            self._end(connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):
                respond(connection, self.site, time.monotonic, lambda: self._asked(connection))
        finally:
            self._end(connection)

    def _asked(self, connection: socket.socket) -> None:
        with self._lock:
            self._asking.pop(connection, None)

    def _end(self, connection: socket.socket) -> None:
        self._asked(connection)
        connection.close()
        self._free.release()


def respond(
    connection: socket.socket,
    site: Site,
    monotonic: Callable[[], float],
    asked: Callable[[], None] = lambda: None,
) -> None:
    """Read one request and send its answer; `asked` is called in between. Raises OSError when the reader is gone or too slow."""
    head_only = False
    try:
        head = _head(connection, monotonic)
        asked()
        request = parse(head)
        head_only = request.method == "HEAD"
        answer = site.answer(request)
    except BadRequest as bad:
        answer = problem(bad.status)
    except Exception:  # noqa: BLE001  (a page that fails must not end the thread without an answer)
        answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR)
    connection.settimeout(WRITE_S)
    connection.sendall(_bytes(answer, head_only=head_only))


def _head(connection: socket.socket, monotonic: Callable[[], float]) -> bytes:
    """What was sent up to the empty line. Raises BadRequest when it is too long, OSError when it takes too long."""
    end, head = monotonic() + READ_S, b""
    while b"\r\n\r\n" not in head:
        left = end - monotonic()
        if left <= 0:
            raise BadRequest(HTTPStatus.REQUEST_TIMEOUT)
        connection.settimeout(left)
        try:
            received = connection.recv(MAX_BYTES)
        except TimeoutError:
            raise BadRequest(HTTPStatus.REQUEST_TIMEOUT) from None
        if not received:
            raise OSError("the reader has gone")
        head += received
        if len(head) > MAX_BYTES:
            raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return head


def _bytes(answer: Answer, *, head_only: bool) -> bytes:
    status = HTTPStatus(answer.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in answer.all_headers().items()]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if head_only else head + answer.body


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:  # a name that can be none is a UnicodeError
        raise ConfigError(
            f"nothing can listen on {host} port {port}: {getattr(error, 'strerror', None) or error}",
            hint="end what listens there, or choose another port (daemon.listen); a daemon that is to change its host alone"
            " has to be started anew",
        ) from None
    return listener


def _listens(listener: socket.socket) -> bool:
    try:
        return bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False
