"""Endpoints that are far away: TLS over connections on which every byte takes half a round trip each way.

`far_endpoints` starts them as a process of their own, so that they take no time from what is measured.
"""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from botocore.httpsession import where

from tests.adapters.rawserver import certificate

_CHUNK = 65_536


@contextmanager
def far_endpoints(folder: Path, upstream: int, trips: Sequence[float]) -> Iterator[list[str]]:
    """A TLS endpoint before the local port `upstream` for each round trip, in seconds; yields their URLs.

    Meanwhile AWS_CA_BUNDLE names a bundle as long as the usual one, in which their certificate is the last.
    """
    own, _ = certificate(folder)
    bundle = folder / "bundle.pem"
    bundle.write_bytes(Path(where()).read_bytes() + own.read_bytes())
    command = [sys.executable, "-m", "benchmarks.far", str(folder), str(upstream), *map(str, trips)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ports = process.stdout.readline().split()
        os.environ["AWS_CA_BUNDLE"] = str(bundle)
        yield [f"https://127.0.0.1:{port}" for port in ports]
    finally:
        os.environ.pop("AWS_CA_BUNDLE", None)
        process.kill()
        process.wait()


async def serve(folder: Path, upstream: int, trips: Sequence[float]) -> None:
    """Open the endpoints, print their ports, and stay."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem")
    near = await _listen(upstream, 0.0, tls)
    print(*[await _listen(near, trip, None) for trip in trips], flush=True)
    await asyncio.Event().wait()


async def _listen(upstream: int, trip: float, tls: ssl.SSLContext | None) -> int:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(trip)  # the handshake of TCP
        back, forth = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(_late(reader, forth, trip / 2), _late(back, writer, trip / 2))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=tls, backlog=256)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Pass on what comes, each part `delay` seconds later, whatever else is under way."""
    loop, last = asyncio.get_running_loop(), asyncio.Event()

    def send(data: bytes) -> None:
        if data:
            writer.write(data)
        else:
            writer.close()
            last.set()

    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            loop.call_later(delay, send, data)
    loop.call_later(delay, send, b"")
    await last.wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), [float(trip) for trip in sys.argv[3:]]))
