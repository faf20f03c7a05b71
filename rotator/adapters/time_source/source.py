"""Asks NTP servers, one question and one answer each, and the kernel."""

import os
import re
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rotator.adapters.time_source.kernel import read_kernel
from rotator.adapters.time_source.packet import Stray, question, read_answer
from rotator.names import NOWHERE, Limit, Place, is_address, places
from rotator.ports import KernelClock, NoAnswer, NtpAnswer

_PORT: Final = 123
_SERVER: Final = re.compile(
    r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]\s]+))(?::(?P<port>[0-9]{1,5}))?"
)
_MOST: Final = 65_536


@dataclass(frozen=True, slots=True)
class SystemTime:
    """Implements `ports.TimeSource`. `patience` bounds one question, name resolution and all addresses included."""

    patience: timedelta = timedelta(seconds=3)

    def ntp(self, server: str) -> NtpAnswer | NoAnswer:
        """Ask `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; never raises, whatever the other side does."""
        limit = Limit.of(self.patience.total_seconds(), self.patience.total_seconds())
        try:
            host, port = _host_and_port(server)
            return _ask_one_of(places(host, port, limit), limit)
        except socket.gaierror:
            return NoAnswer("the NTP server's name does not resolve")
        except TimeoutError:
            return NoAnswer("the NTP server's name did not resolve in time")
        except ValueError as error:
            return NoAnswer(f"not an NTP server that can be asked: {error}")

    def kernel(self) -> KernelClock | None:
        """What `adjtimex` says, None where there is no such call."""
        return read_kernel()


def _host_and_port(server: str) -> tuple[str, int]:
    if is_address(server):
        return server, _PORT
    found = _SERVER.fullmatch(server)
    if not found or (found["v6"] and not is_address(found["v6"])):
        raise ValueError("neither host, host:port nor [IPv6]:port")
    port = int(found["port"] or _PORT)
    if not 0 < port < 65_536:
        raise ValueError(f"there is no port {port}")
    return found["v6"] or found["host"], port


def _ask_one_of(servers: tuple[Place, ...], limit: Limit) -> NtpAnswer | NoAnswer:
    """The first that answers with its time; each gets an equal part of what is left of the time."""
    silence = NoAnswer("no answer")
    for number, server in enumerate(servers):
        share = max(0.0, limit.end - time.monotonic()) / (len(servers) - number)
        told = _ask(server, Limit.of(share, share))
        if isinstance(told, NtpAnswer):
            return told
        silence = told
    return silence


def _ask(server: Place, limit: Limit) -> NtpAnswer | NoAnswer:
    """One question. The socket is connected: the kernel drops what others send."""
    with ExitStack() as closing:
        try:
            asking = closing.enter_context(socket.socket(server.family, socket.SOCK_DGRAM))
            asking.connect(server.address)
            nonce = os.urandom(8)
            sent = time.monotonic()
            asking.send(question(nonce))
            return _answer_to(nonce, asking, sent, limit)
        except OSError as error:
            return _no_way(error)


def _no_way(error: OSError) -> NoAnswer:
    """ICMP's word that nothing listens comes with the next call on the connected socket."""
    if error.errno in NOWHERE:
        return NoAnswer(f"no NTP server there: {NOWHERE[error.errno]}", unreachable=True)
    return NoAnswer(f"the NTP server cannot be asked: {error.strerror or type(error).__name__}")


def _answer_to(
    nonce: bytes, asking: socket.socket, sent: float, limit: Limit
) -> NtpAnswer | NoAnswer:
    """Wait for it; strays are dropped, as a forger who cannot see the nonce could otherwise silence the server."""
    stray: Stray | None = None
    while True:
        try:
            asking.settimeout(limit.left())
            packet = asking.recv(_MOST)
        except TimeoutError:
            seen = f"; {stray.why}" if stray else ""
            return NoAnswer(f"the NTP server did not answer in time{seen}")
        match read_answer(packet, nonce, timedelta(seconds=time.monotonic() - sent)):
            case Stray() as stray:
                continue
            case told:
                return told
