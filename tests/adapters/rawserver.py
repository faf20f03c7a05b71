"""Servers that are no servers: bytes in slow pieces, and TLS with a certificate nobody knows."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


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
    """Make a certificate for 127.0.0.1 that vouches for itself; returns its file and the server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "ca.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    both = folder / "server.pem"
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + file.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return file, context
