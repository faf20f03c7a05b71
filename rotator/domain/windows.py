"""When a switch may begin: weekly windows and blackout days, in the wall time of one zone (design T12).

A pure value; the zone is handed in as a `tzinfo`. A window keeps the hours that a clock on the wall shows when daylight
saving begins or ends.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T", int, datetime)

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAY = 24 * 60
_WEEK = 7 * _DAY
_ONE = timedelta(days=1)
_LAST = date(9990, 1, 1)
_FIRST_YEAR = 1970
_SWALLOWED = 15
"""Days in a row without a blackout after which a weekly window has come, even one that a clock change swallowed once."""

_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)
_EXPECTED = "write a window as days and hours, such as Mon-Fri 09:00-16:00, Sat,Sun 22:00-02:00 or 00:00-24:00"


@dataclass(frozen=True, slots=True)
class Window:
    """Some days of the week (0: Monday) from one minute of the day to another; over midnight where that is not later."""

    days: tuple[int, ...]
    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long it is open each time, in minutes of wall time."""
        return self.end - self.start if self.end > self.start else _DAY - self.start + self.end

    def __str__(self) -> str:
        """The written form."""
        hours = f"{_clock(self.start)}-{_clock(self.end)}"
        return hours if len(self.days) == len(DAYS) else f"{_names(self.days)} {hours}"


@dataclass(frozen=True, slots=True)
class Blackout:
    """Whole days on which nothing opens, the first and the last included."""

    first: date
    last: date

    def __str__(self) -> str:
        """The written form."""
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Windows (none: always) without the blackout days, all in `zone`, whose name is `zone_name`."""

    zone: tzinfo
    zone_name: str
    windows: tuple[Window, ...] = ()
    blackouts: tuple[Blackout, ...] = ()

    def open_at(self, now: datetime) -> bool:
        """Whether a switch may begin at `now`."""
        day = now.astimezone(self.zone).date()
        return any(start <= now < end for start, end in self._of_day(day))

    def opens(self, after: datetime) -> datetime | None:
        """The first open moment at or after a moment; None when there is none any more."""
        day, idle = after.astimezone(self.zone).date(), 0
        while day < _LAST and idle < _SWALLOWED:
            closed = self._blackout(day)
            if closed:
                day, idle = min(closed.last, _LAST) + _ONE, 0
                continue
            for start, end in self._of_day(day):
                if end > after:
                    return max(start, after)
            day, idle = day + _ONE, idle + 1
        return None

    def open_time(self, since: datetime, until: datetime) -> timedelta:
        """For how long it was open between two moments."""
        total, day = timedelta(), since.astimezone(self.zone).date()
        last = until.astimezone(self.zone).date()
        while day <= last:
            for start, end in self._of_day(day):
                total += max(timedelta(), min(end, until) - max(start, since))
            day += _ONE
        return total

    def longest_opening(self) -> timedelta:
        """The longest stretch that is open in an ordinary week; a whole week where it never closes."""
        spans = list(self._weekly())
        joined = _gap(spans) == 0 and len(spans) > 1  # open through the turn of the week
        first = spans[0][1] - spans[0][0] if joined else 0
        return timedelta(minutes=max(e - s + (first if e == _WEEK else 0) for s, e in spans))

    def longest_closure(self) -> timedelta | None:
        """The longest stretch in which nothing opens, blackouts included; None when it never opens again."""
        spans = list(self._weekly())
        gaps = [b[0] - a[1] for a, b in pairwise(spans)]
        longest = timedelta(minutes=max([*gaps, _gap(spans)]))
        for blackout in self.blackouts:
            begins = self._moment(blackout.first, 0)
            again = self.opens(begins)
            if again is None:
                return None
            longest = max(longest, again - self._closed_since(begins))
        return longest

    def written(self) -> tuple[str, ...]:
        """Everything in its written form, the zone first."""
        return (self.zone_name, *map(str, self.windows), *map(str, self.blackouts))

    def _closed_since(self, moment: datetime) -> datetime:
        """The end of the last opening before a moment that is closed, as far as a week back."""
        day = moment.astimezone(self.zone).date()
        ends = (
            end for back in range(8) for _, end in self._of_day(day - back * _ONE) if end <= moment
        )
        return max(ends, default=moment)

    def _blackout(self, day: date) -> Blackout | None:
        return next((b for b in self.blackouts if b.first <= day <= b.last), None)

    def _of_day(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """What is open on one day, in order, as moments."""
        if self._blackout(day):
            return
        hours = self._minutes(day.weekday())
        spans = ((self._moment(day, start), self._moment(day, end)) for start, end in hours)
        # A clock that moves forward may swallow a window.
        yield from _merged((begins, ends) for begins, ends in spans if begins < ends)

    def _minutes(self, weekday: int) -> Iterator[tuple[int, int]]:
        """What is open on a day of the week, in minutes of it; with what began the evening before."""
        if not self.windows:
            yield 0, _DAY
        for window in self.windows:
            over = window.end <= window.start
            if weekday in window.days:
                yield window.start, _DAY if over else window.end
            if over and window.end and (weekday - 1) % 7 in window.days:
                yield 0, window.end

    def _weekly(self) -> Iterator[tuple[int, int]]:
        """What is open in a week, in minutes of it."""
        return _merged(
            (day * _DAY + start, day * _DAY + end)
            for day in range(7)
            for start, end in self._minutes(day)
        )

    def _moment(self, day: date, minute: int) -> datetime:
        """When the wall shows that minute of a day for the first time; one that it never shows counts as if no clock moved."""
        wall = datetime.combine(day, time()) + timedelta(minutes=minute)
        return wall.replace(tzinfo=self.zone).astimezone(UTC)


def parse_window(text: str) -> Window:
    """A window from its written form; raises ValueError with what was expected."""
    days, _, hours = text.strip().rpartition(" ")
    found = _HOURS.fullmatch(hours)
    if not found:
        raise ValueError(f"{text!r} is no window: {_EXPECTED}")
    start, end = _minute(found[1], found[2], text), _minute(found[3], found[4], text)
    if start in (end, _DAY):
        raise ValueError(f"{text!r} never opens: it ends when it begins")
    return Window(_weekdays(days.strip(), text) if days.strip() else tuple(range(7)), start, end)


def parse_blackout(text: str) -> Blackout:
    """A day, or a first and a last day with a slash between them; raises ValueError."""
    first, _, last = text.strip().partition("/")
    try:
        found = Blackout(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        raise ValueError(
            f"{text!r} is no blackout: write a day such as 2026-12-24, or 2026-12-20/2027-01-03"
        ) from None
    if found.last < found.first:
        raise ValueError(f"{text!r} ends before it begins")
    if found.first.year < _FIRST_YEAR:
        raise ValueError(f"{text!r} is no blackout: it begins in the year {found.first.year}")
    return found


def _weekdays(text: str, whole: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        begin, end = _weekday(first, whole), _weekday(last if dash else first, whole)
        found.update((begin + n) % 7 for n in range((end - begin) % 7 + 1))
    return tuple(sorted(found))


def _weekday(name: str, whole: str) -> int:
    if name.title() not in DAYS:
        raise ValueError(f"{whole!r} is no window: {_EXPECTED}")
    return DAYS.index(name.title())


def _minute(hour: str, minute: str, whole: str) -> int:
    found = 60 * int(hour) + int(minute)
    if int(minute) > 59 or found > _DAY:
        raise ValueError(f"{whole!r}: there is no {hour}:{minute} in a day")
    return found


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _names(days: tuple[int, ...]) -> str:
    """Days as people write them: ranges of three and more with a dash."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = (
        f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 2 else ",".join(DAYS[day] for day in run)
        for run in runs
    )
    return ",".join(words)


def _merged(spans: Iterable[tuple[T, T]]) -> Iterator[tuple[T, T]]:
    """The spans in order, those that touch as one."""
    held: tuple[T, T] | None = None
    for start, end in sorted(spans):
        if held and start <= held[1]:
            held = held[0], max(held[1], end)
            continue
        if held:
            yield held
        held = start, end
    if held:
        yield held


def _gap(spans: list[tuple[int, int]]) -> int:
    """What is closed around the turn of the week, in minutes."""
    return spans[0][0] + _WEEK - spans[-1][1]
