"""Servers that are no servers: bytes in slow pieces, and TLS with a certificate nobody knows."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.servers.certificates import make_certificate


@contextlib.contextmanager
def raw_server(
    pieces: Sequence[bytes], *, pause_s: float = 0, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Send `pieces` to whoever connects, a pause after each, then close; yields the port."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(
            target=_accept, args=(listener, pieces, pause_s, tls, over), daemon=True
        ).start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


def _accept(
    listener: socket.socket,
    pieces: Sequence[bytes],
    pause_s: float,
    tls: ssl.SSLContext | None,
    over: threading.Event,
) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(
                target=_serve, args=(client, pieces, pause_s, tls, over), daemon=True
            ).start()


def _serve(
    client: socket.socket,
    pieces: Sequence[bytes],
    pause_s: float,
    tls: ssl.SSLContext | None,
    over: threading.Event,
) -> None:
    with contextlib.suppress(OSError), client:
        stream = tls.wrap_socket(client, server_side=True) if tls else client
        with stream:
            if not pause_s:
                stream.recv(65_536)
            for piece in pieces:
                stream.sendall(piece)
                if pause_s and over.wait(pause_s):
                    return


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1 that vouches for itself; returns its file and the server's context.

    Both halves stand in `server.pem` as well, for a server that is a process of its own.
    """
    made = make_certificate(folder)
    both = folder / "server.pem"
    both.write_bytes(made.key.read_bytes() + made.chain.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return made.chain, context
