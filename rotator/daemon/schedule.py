"""When to run: a pure function of the schedule, of the last run, and of now. Nothing here waits or reads a clock."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from rotator.daemon.cron import CronTime
from rotator.domain.times import parse_duration

_LONG_AGO: Final = datetime(2001, 1, 1, tzinfo=UTC)
"""A Monday, from which gaps between moments are measured: the same for everybody."""
_MOMENTS: Final = 100
_DAYS: Final = 400
"""How many moments of a cron line, and how many days without one, tell its gaps."""
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(minutes=30)


class Times(Protocol):
    """Moments that come again and again."""

    def after(self, moment: datetime) -> datetime | None:
        """The first one later than `moment`, None when there is none any more."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed time after each run."""

    length: timedelta

    def after(self, moment: datetime) -> datetime:
        """The moment that much later."""
        return moment + self.length


@dataclass(frozen=True, slots=True)
class Schedule:
    """When `apply` and `verify` have their turn.

    `jitter` delays each apply by less than that, the same for the same moment and `seed`, so that a restart does not draw
    again; it never reaches into the second half of a gap. `gap` is the longest time between two turns by the calendar.
    """

    times: Times
    verify_every: timedelta
    jitter: timedelta
    gap: timedelta
    shortest: timedelta
    seed: str = ""

    def next_apply(self, last: datetime | None, now: datetime) -> datetime:
        """When apply has its turn, which may be over: all turns that were missed are one.

        `last` is when the last one began, None when nobody knows; one that lies in the future counts as now.
        """
        if last is None:
            return now
        turn = self.times.after(min(last, now))
        return now + self.gap if turn is None else turn.astimezone(UTC) + self._delay(turn)

    def pause(self, failures: int) -> timedelta:
        """How long to wait before apply is tried again after that many failures in a row (from 1)."""
        first = min(_FIRST_PAUSE, self.shortest / 10)
        longest = min(_LONGEST_PAUSE, self.shortest / 4)
        doubled: int = 2 ** min(max(failures - 1, 0), 16)
        return min(first * doubled, longest)

    def _delay(self, turn: datetime) -> timedelta:
        drawn = hashlib.sha256(f"{self.seed} {turn.timestamp()}".encode()).digest()[:4]
        longest = min(self.jitter, self.shortest / 2)
        return longest * (int.from_bytes(drawn) / 2**32)


def schedule(
    apply: str,
    zone: str,
    *,
    jitter: timedelta = timedelta(),
    verify_every: timedelta = timedelta(minutes=5),
    seed: str = "",
) -> Schedule:
    """The schedule of a cron line or a duration; raises ValueError for a line that has no meaning or no moment."""
    times = _times(apply, ZoneInfo(zone))
    shortest, longest = _gaps(_times(apply, ZoneInfo("UTC")))
    return Schedule(times, verify_every, jitter, longest, shortest, seed)


def _times(apply: str, zone: ZoneInfo) -> Times:
    if " " in apply:
        return CronTime(apply, zone)
    return Every(parse_duration(apply))


def _gaps(times: Times) -> tuple[timedelta, timedelta]:
    """The shortest and the longest time between two moments, where no clock is ever put forward or back."""
    if isinstance(times, Every):
        return times.length, times.length
    moments = [_LONG_AGO]
    while len(moments) < _MOMENTS and (found := times.after(moments[-1])):
        moments.append(found)
    gaps = [later - earlier for earlier, later in pairwise(moments[1:])]
    if not gaps:
        raise ValueError("there is no such day in any year")
    days = (_LONG_AGO + timedelta(days=n) for n in range(_DAYS))
    waits = (found - day for day in days if (found := times.after(day)))
    return min(gaps), max(*gaps, *waits)
