"""Everything that many regions have behind URLs, at one port of one process, each answer as late as a test says.

Run as a program it serves the folder of a place: `/REGION/jwks.json` as it lies there, `/REGION/health` as a verifier
that has fetched it just now, `/REGION/api` as a service that lets in whom one of its keys signed for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import jwt

from tests.servers.process import ServerProcess, accepts, free_port

ISSUER, URL = "accounts", "https://auth.example.com"
_MODE = "/mode"


class Wide:
    """The server as a test sees it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, region: str, what: str) -> str:
        """The URL of a region's `jwks.json`, `health` or `api`."""
        return f"http://127.0.0.1:{self.port}/{region}/{what}"

    def answer(
        self, *, after: float = 0.0, meeting: int = 0, hanging: tuple[str, ...] = ()
    ) -> None:
        """From now on answer `after` so many seconds; the first `meeting` requests when all of them are there; never for regions that hang."""
        words = urlencode({"after": after, "meeting": meeting, "hanging": ",".join(hanging)})
        with urlopen(f"http://127.0.0.1:{self.port}{_MODE}?{words}") as done:
            assert done.status == 200

    def checks(self, region: str) -> list[dict[str, object]]:
        """One check of each kind, as the configuration has them."""
        kinds = {"http": "jwks.json", "verifier": "health", "clock": "jwks.json", "canary": "api"}
        return [{"kind": kind, "url": self.url(region, what)} for kind, what in kinds.items()]


@contextlib.contextmanager
def wide(folder: Path, log: Path) -> Iterator[Wide]:
    """Serve the regions of a place in that folder."""
    port = free_port()
    process = ServerProcess(
        [sys.executable, "-m", "tests.servers.wide", folder, str(port)], log=log
    )
    process.start(lambda: accepts(port))
    try:
        yield Wide(port)
    finally:
        process.kill()


class _Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.after, self.hanging = 0.0, frozenset[str]()
        self.missing, self.met = 0, asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = urlsplit(head.split()[1])
            if path.path == _MODE:
                self._set(parse_qs(path.query, keep_blank_values=True))
                status, body = 200, b""
            else:
                region, what = path.path.strip("/").split("/")
                await self._wait(region)
                status, body = self._answer(region, what, head)
            writer.write(_answer(status, body))
            await writer.drain()
        writer.close()

    def _set(self, mode: dict[str, list[str]]) -> None:
        self.after = float(mode["after"][0])
        self.hanging = frozenset(mode["hanging"][0].split(","))
        self.missing, self.met = int(mode["meeting"][0]), asyncio.Event()

    async def _wait(self, region: str) -> None:
        if region in self.hanging:
            await asyncio.Event().wait()
        if self.missing:
            self.missing -= 1
            if self.missing == 0:
                self.met.set()
            await self.met.wait()
        await asyncio.sleep(self.after)

    def _answer(self, region: str, what: str, head: str) -> tuple[int, bytes]:
        document = self.folder / "regions" / region / ISSUER / "jwks.json"
        body = document.read_bytes() if document.exists() else b""
        match what:
            case "jwks.json":
                return (200, body) if body else (404, b"")
            case "health":
                return 200, _report(region, body)
            case _:
                return (204 if _lets_in(head, body) else 401), b""


def _report(region: str, document: bytes) -> bytes:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    kids = [key["kid"] for key in json.loads(document or b'{"keys":[]}')["keys"]]
    issuer = {"url": URL, "kids": kids, "fetched_at": now, "source": URL, "state": "fresh"}
    report = {"format": "rotator.verifier/1", "region": region, "time": now}
    return json.dumps({**report, "issuers": [issuer]}).encode()


@lru_cache(10)
def _keys(document: bytes) -> dict[str | None, jwt.PyJWK]:
    return {key.key_id: key for key in jwt.PyJWKSet.from_json(document.decode()).keys}


def _lets_in(head: str, document: bytes) -> bool:
    """Whether the bearer token was signed by a key of the document."""
    _, found, rest = head.partition("Authorization: Bearer ")
    token = rest.partition("\r\n")[0]
    if not found:
        return False
    keys = _keys(document)
    try:
        key = keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, options={"verify_aud": False})
    except (jwt.PyJWTError, KeyError):
        return False
    return True


def _answer(status: int, body: bytes) -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    head = (
        f"HTTP/1.1 {status} -\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/jwk-set+json\r\nCache-Control: max-age=1\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def main(folder: Path, port: int) -> None:
    server = await asyncio.start_server(_Server(folder).serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
