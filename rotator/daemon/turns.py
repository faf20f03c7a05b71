"""What the daemon does next: look, apply, or wait. Pure; both clocks are asked, since neither alone can be trusted.

The clock on the wall may be set back or forward, and the monotonic one stands still while a machine is suspended: what
comes at intervals is due when either says so.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from rotator.daemon.schedule import Schedule

TICK: Final = timedelta(seconds=30)
"""No wait is longer: after it, whatever the clocks did meanwhile is noticed."""
_BLINK: Final = timedelta(milliseconds=10)


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: `wall` aware UTC, `monotonic` in seconds."""

    wall: datetime
    monotonic: float

    def elapsed(self, now: "Instant") -> timedelta:
        """How much time has passed until `now`, by the clock that saw more of it pass."""
        return max(now.wall - self.wall, timedelta(seconds=now.monotonic - self.monotonic))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What has been: when the last apply of anybody began, when this daemon looked last, and how often it failed.

    `again_at` (monotonic) is when an apply that failed, or was kept out, may be tried again.
    """

    applied: datetime | None = None
    looked: Instant | None = None
    failures: int = 0
    again_at: float = 0.0


def believed(memory: Memory, now: Instant) -> Memory:
    """The memory without a turn that was had in the future: that clock was wrong, and from now on it is reckoned anew."""
    ahead = memory.applied is not None and memory.applied > now.wall
    return replace(memory, applied=now.wall) if ahead else memory


class Turn(Enum):
    """Whose turn it is."""

    APPLY = "apply"
    LOOK = "verify"
    NOBODY = "wait"


def turn(schedule: Schedule, memory: Memory, now: Instant) -> Turn:
    """What to do now. The first look comes before everything else; an apply is followed by a look anyway."""
    if memory.looked is None:
        return Turn.LOOK
    if now.monotonic >= memory.again_at and now.wall >= schedule.next_apply(
        memory.applied, now.wall
    ):
        return Turn.APPLY
    return Turn.LOOK if memory.looked.elapsed(now) >= schedule.verify_every else Turn.NOBODY


def idle(schedule: Schedule, memory: Memory, now: Instant, tick: timedelta = TICK) -> timedelta:
    """How long nothing is to be done, at most a tick; for `now` whose turn is nobody's."""
    apply = schedule.next_apply(memory.applied, now.wall) - now.wall
    again = timedelta(seconds=memory.again_at - now.monotonic)
    look = memory.looked.elapsed(now) if memory.looked else timedelta()
    return max(_BLINK, min(tick, max(apply, again), schedule.verify_every - look))
