"""Clocks that are not the program's, in memory: NTP servers that are as far off as a test says, and a kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from rotator.ports import Clock, KernelClock, NoAnswer, NtpAnswer

DISCIPLINED = KernelClock(synchronised=True, max_error=timedelta(milliseconds=3))
FREE_RUNNING = KernelClock(synchronised=False, max_error=timedelta(seconds=16))
"""What the kernel of a host says whose clock nothing disciplines."""


@dataclass
class TimeServer:
    """One NTP server, `offset` ahead of the test's clock; `down` says why nothing answers."""

    offset: timedelta = timedelta()
    error: timedelta = timedelta(milliseconds=1)
    down: str | None = None
    unreachable: bool = False


@dataclass
class FakeTimeSource:
    """Implements `ports.TimeSource`; a server nobody put there does not answer. `asked` is every server asked, in order.

    `host` is the kernel's word, None: it does not tell.
    """

    clock: Clock | None = None
    servers: dict[str, TimeServer] = field(default_factory=dict)
    host: KernelClock | None = DISCIPLINED
    asked: list[str] = field(default_factory=list)

    def serve(self, server: str, offset: timedelta = timedelta()) -> TimeServer:
        """Put a server there; change its fields to make it lie."""
        assert self.clock is not None, "servers need the test's clock"
        self.servers[server] = TimeServer(offset)
        return self.servers[server]

    def ntp(self, server: str) -> NtpAnswer | NoAnswer:
        self.asked.append(server)
        known = self.servers.get(server)
        if known is None or self.clock is None:
            return NoAnswer("the NTP server's name does not resolve")
        if known.down is not None:
            return NoAnswer(known.down, unreachable=known.unreachable)
        return NtpAnswer(self.clock.now() + known.offset, known.error)

    def kernel(self) -> KernelClock | None:
        return self.host
