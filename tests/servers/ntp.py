"""An NTP server on loopback, as honest or as broken as a test asks for."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

_BEGIN = datetime(1900, 1, 1, tzinfo=UTC)
_ERA = 1 << 32


@dataclass(frozen=True, slots=True)
class Manner:
    """How it answers. `ahead` is how far its clock is, `at` what it says instead of any clock's time."""

    ahead: timedelta = timedelta()
    at: datetime | None = None
    leap: int = 0
    version: int = 4
    mode: int = 4
    stratum: int = 2
    precision: int = -20
    reference: bytes = b"LOCL"
    root_delay: timedelta = timedelta()
    root_dispersion: timedelta = timedelta()
    origin: bytes | None = None  # instead of what it was asked with
    left_out: bool = False  # the timestamps of receipt and answer
    claimed: timedelta = timedelta()  # how long it says the answer took to make
    delay_s: float = 0  # before it answers
    silent: bool = False
    size: int | None = None  # bytes of the answer that are sent
    stray_first: bool = False  # an answer to another question comes before
    instead: bytes | None = None  # of all that


class NtpServer:
    """A context manager; `asked` is every packet that came in."""

    def __init__(self, manner: Manner | None = None, *, host: str = "127.0.0.1") -> None:
        self.manner = manner or Manner()
        self.asked: list[bytes] = []
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty packet ends it; closing the socket would leave the thread in recv().
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname()[:2])
        self._thread.join(timeout=5)
        self._socket.close()

    @property
    def port(self) -> int:
        """The port, chosen by the kernel."""
        return int(self._socket.getsockname()[1])

    @property
    def name(self) -> str:
        """What a client is told: `host:port`."""
        host = self._socket.getsockname()[0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(1024)
            if not question:
                return
            received = self.now()
            self.asked.append(question)
            manner = self.manner
            if manner.silent:
                continue
            time.sleep(manner.delay_s)
            with contextlib.suppress(OSError):
                if manner.stray_first:
                    self._socket.sendto(self._answer(bytes(8), received, manner), client)
                self._socket.sendto(self._answer(question[40:48], received, manner), client)

    def _answer(self, nonce: bytes, received: datetime, manner: Manner) -> bytes:
        if manner.instead is not None:
            return manner.instead
        now = manner.at or self.now() + manner.ahead
        received = manner.at or received + manner.ahead
        moments = (
            [bytes(8)] * 2 if manner.left_out else [_stamp(received - manner.claimed), _stamp(now)]
        )
        packet = struct.pack(
            "!B B b b I I 4s 8s 8s 8s 8s",
            manner.leap << 6 | manner.version << 3 | manner.mode,
            manner.stratum,
            6,
            manner.precision,
            _short(manner.root_delay),
            _short(manner.root_dispersion),
            manner.reference,
            bytes(8),
            nonce if manner.origin is None else manner.origin,
            *moments,
        )
        return packet[: manner.size]


def _stamp(moment: datetime) -> bytes:
    """NTP's 64 bits, in whole numbers: the era is left out, as the protocol does."""
    micros = (moment - _BEGIN) // timedelta(microseconds=1)
    return struct.pack("!II", micros // 1_000_000 % _ERA, (micros % 1_000_000 << 32) // 1_000_000)


def _short(duration: timedelta) -> int:
    return round(duration.total_seconds() * 65_536)


@contextlib.contextmanager
def ntp_server(manner: Manner | None = None, *, host: str = "127.0.0.1") -> Iterator[NtpServer]:
    """Answer questions about the time."""
    with NtpServer(manner, host=host) as server:
        yield server
