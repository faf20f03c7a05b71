"""Host names to addresses, by a deadline: the system's resolver knows none, so each question has a thread of its own.

One that is given up ends when the resolver itself gives up (resolv.conf(5): 5 s and 2 attempts for each name server
unless it says otherwise); nobody waits for it.
"""

import errno
import socket
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Final

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""What `socket.connect` takes: of IPv4, of IPv6, and of a family that this Python was built without."""

NOWHERE: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "no way to the network",
    errno.EHOSTUNREACH: "no way to the host",
    errno.EADDRNOTAVAIL: "this host has no address of that kind",
    errno.EAFNOSUPPORT: "this host has no address of that kind",
}
"""Errors of connect(2) that come at once where nobody listens, or where there is no way, in words."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long one may wait: `patience` seconds each time, and never past the monotonic moment `end`."""

    patience: float
    end: float

    @classmethod
    def of(cls, patience: float, deadline: float) -> "Limit":
        """The limit of what begins now; both in seconds."""
        return cls(patience, time.monotonic() + deadline)

    def left(self) -> float:
        """The seconds that the next wait may take. Raises TimeoutError when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(self.patience, left)

    @property
    def over(self) -> bool:
        """Whether the end has come."""
        return time.monotonic() >= self.end


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port to connect to."""

    family: socket.AddressFamily
    address: SocketAddress

    @property
    def host(self) -> str:
        """The address in words."""
        return str(self.address[0])


def is_address(host: str) -> bool:
    """Whether it is an IPv4 or IPv6 address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def places(host: str, port: int, limit: Limit) -> tuple[Place, ...]:
    """Where a name, or an address itself, is reached: each place once, IPv4 and IPv6, in the resolver's order.

    Raises socket.gaierror where there is none, TimeoutError at the limit, and ValueError for what cannot be a name.
    """
    if is_address(host):
        return _look_up(host, port, socket.AI_NUMERICHOST)
    limit.left()
    found: Future[tuple[Place, ...]] = Future()
    ask = partial(_answer, found, host, port)
    threading.Thread(target=ask, name="resolver", daemon=True).start()
    return found.result(max(0.0, limit.end - time.monotonic()))


def _answer(found: Future[tuple[Place, ...]], host: str, port: int) -> None:
    try:
        found.set_result(_look_up(host, port))
    except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
        found.set_exception(error)


def _look_up(host: str, port: int, flags: int = 0) -> tuple[Place, ...]:
    # SOCK_STREAM only so that each address comes once; a datagram goes to the same places.
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return tuple(dict.fromkeys(Place(family, address) for family, _, _, _, address in told))
