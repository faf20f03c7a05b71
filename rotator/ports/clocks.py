"""What tells the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rotator.ports.looking import NoAnswer


class Clock(Protocol):
    """Time. Writing commands take it from here alone."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class NtpAnswer:
    """The time of an NTP server at the moment its answer came; it lies within `error` of the truth it knows."""

    time: datetime
    error: timedelta


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What this host's kernel knows of its clock (`adjtimex`): whether something disciplines it, and how far off it may be."""

    synchronised: bool
    max_error: timedelta


class TimeSource(Protocol):
    """Clocks that are not this program's."""

    def ntp(self, server: str) -> NtpAnswer | NoAnswer:
        """Ask `host` or `host:port` once; one that says it is not synchronised itself gives no answer."""
        ...

    def kernel(self) -> KernelClock | None:
        """The state of this host's clock, None where the kernel does not tell."""
        ...
