"""Services of `tests.fakes.services` over HTTP on loopback: running verifiers, and an endpoint for canaries."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rotator.ports import HttpAnswer
from tests.fakes.services import Service


@dataclass
class Served:
    """A service at a URL; it may be another one the next moment. Silence is a connection that is closed."""

    service: Service
    url: str = ""


@contextlib.contextmanager
def served(service: Service) -> Iterator[Served]:
    """Answer every GET with what the service says to its bearer token."""
    here = Served(service)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            said = here.service(token if scheme == "Bearer" else None)
            if not isinstance(said, HttpAnswer):
                return
            self.send_response_only(said.status)
            for name, value in (*said.headers.items(), ("Content-Length", str(len(said.body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        here.url = f"http://127.0.0.1:{server.server_address[1]}/"
        yield here
        server.shutdown()
        thread.join(timeout=5)
