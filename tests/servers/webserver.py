"""A web server for one directory, in threads: regions' public URLs, well behaved or as broken as a test asks for."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

JWKS_TYPE = "application/jwk-set+json"
_HANG_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """How one path answers instead of serving its file."""

    status: int = 200
    body: bytes | None = None  # None: the file
    headers: Mapping[str, str] = field(
        default_factory=dict
    )  # replace the usual ones; "" removes one
    delay_s: float = 0  # before anything is sent
    drip_s: float = 0  # between one byte of the body and the next: a slow body
    slow_head_s: float = 0  # between one byte of the headers and the next
    promised: int | None = None  # Content-Length, when it is to be a lie
    huge: int = 0  # bytes of junk instead of the body
    hang: bool = False  # never answers
    gzipped: bool = False  # compressed, whatever the client asked for

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Reply:
        """Send the client elsewhere."""
        return cls(status=status, body=b"", headers={"Location": location})


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    headers: Mapping[str, str]


class WebServer:
    """A context manager; `url(path)` says where a file of the directory is served.

    `host` is the loopback address to listen at, IPv4 or IPv6, and `tls` a context that speaks for it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        cache_control: str | None = "public, max-age=300",
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.directory = directory
        self.host = host
        self.tls = tls
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)  # what `Date` says
        self.cache_control = cache_control
        self.age_s: int | None = None  # sent as `Age` when set, as an edge does
        self.seen: list[Seen] = []
        self._scripted: dict[str, Reply] = {}
        self._released = threading.Event()
        self._server = _Server(self, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def port(self) -> int:
        """The port, chosen by the kernel unless the test did."""
        return int(self._server.server_address[1])

    def url(self, path: str = "") -> str:
        """Return the URL of a file, given by its path below the directory."""
        return self.url_as(f"[{self.host}]" if ":" in self.host else self.host, path)

    def url_as(self, name: str, path: str = "") -> str:
        """Return the same under another name, which need not resolve."""
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}/{path.lstrip('/')}"

    def script(self, path: str, reply: Reply) -> None:
        """Let `path` answer with `reply` until `heal`."""
        self._scripted["/" + path.lstrip("/")] = reply

    def heal(self) -> None:
        """Serve every file as it is again; requests that hang are dropped."""
        self._scripted.clear()
        self._released.set()
        self._released = threading.Event()

    def reply_for(self, path: str) -> Reply:
        """Return what was scripted for the path, or a plain reply."""
        return self._scripted.get(path, Reply())

    def hang(self) -> None:
        """Wait until `heal` or the end."""
        self._released.wait(_HANG_LIMIT_S)

    def file(self, path: str) -> bytes | None:
        """Return the file's bytes; None when there is none or it lies outside."""
        target = (self.directory / unquote(path).lstrip("/")).resolve()
        if not target.is_relative_to(self.directory.resolve()) or not target.is_file():
            return None
        return target.read_bytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    request_queue_size = 256

    def __init__(self, web: WebServer, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        super().__init__((web.host, port), _Handler)
        self.web = web

    def get_request(self) -> tuple[socket.socket, Any]:
        """The handshake is made by the first read, in the thread of the connection."""
        plain, client = super().get_request()
        if self.web.tls is None:
            return plain, client
        wrapped = self.web.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        return wrapped, client

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients that give up on a scripted fault are the point of the test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _slow_head_s = 0.0

    @property
    def _web(self) -> WebServer:
        return cast("_Server", self.server).web

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(_HANG_LIMIT_S)

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def do_POST(self) -> None:
        """What was posted is dropped; `seen` knows that it was."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(send_body=True)

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean; `seen` has the requests."""

    def _answer(self, *, send_body: bool) -> None:
        web = self._web
        path = urlsplit(self.path).path
        web.seen.append(Seen(self.command, path, dict(self.headers.items())))
        reply = web.reply_for(path)
        if reply.hang:
            web.hang()
            self.close_connection = True
            return
        time.sleep(reply.delay_s)
        status, body = self._content(path, reply)
        self._send_head(status, body, reply)
        if send_body and status != 304:
            self._send_body(body, reply)
        if reply.promised is not None:
            self.close_connection = True

    def _content(self, path: str, reply: Reply) -> tuple[int, bytes]:
        if reply.huge:
            return reply.status, b"x" * reply.huge
        body = self._web.file(path) if reply.body is None else reply.body
        if body is None:
            return 404, b"not found\n"
        if reply.gzipped:
            body = gzip.compress(body, mtime=0)
        if reply.status == 200 and self.headers.get("If-None-Match") == _etag(body):
            return 304, b""
        return reply.status, body

    def _send_head(self, status: int, body: bytes, reply: Reply) -> None:
        web = self._web
        self._slow_head_s = reply.slow_head_s
        self.send_response_only(status)
        length = len(body) if reply.promised is None else reply.promised
        headers = {
            "Server": self.version_string(),
            "Date": format_datetime(web.now(), usegmt=True),
            "Content-Type": JWKS_TYPE,
            "Content-Length": str(length),
            "ETag": _etag(body),
        }
        if web.cache_control is not None:
            headers["Cache-Control"] = web.cache_control
        if web.age_s is not None:
            headers["Age"] = str(web.age_s)
        if reply.gzipped:
            headers["Content-Encoding"] = "gzip"
        for name, value in {**headers, **reply.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def flush_headers(self) -> None:
        """Send what was collected, slowly where that was scripted."""
        head = b"".join(getattr(self, "_headers_buffer", ()))
        self._headers_buffer = list[bytes]()
        self._drip(head, self._slow_head_s)

    def _send_body(self, body: bytes, reply: Reply) -> None:
        self._drip(body, reply.drip_s)

    def _drip(self, data: bytes, pause_s: float) -> None:
        if not pause_s:
            self.wfile.write(data)
            return
        for position in range(len(data)):
            self.wfile.write(data[position : position + 1])
            time.sleep(pause_s)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


@contextlib.contextmanager
def webserver(
    directory: Path,
    *,
    cache_control: str | None = "public, max-age=300",
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> Iterator[WebServer]:
    """Serve `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with WebServer(directory, cache_control=cache_control, host=host, tls=tls, port=port) as server:
        yield server
