"""This host's clock against the `Date` of answers (design T11, RFC 9110 §6.6.1): an offset with its error bound.

A `Date` has whole seconds, an answer takes a while, and a cache adds `Age` in whole seconds more: the offset is known
as an interval, and is judged only where all of the interval says the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravity
from rotator.domain.times import say

_SECOND = timedelta(seconds=1)
_SET_IT = (
    "set this host's clock by NTP (chronyc tracking shows how far it is off), then run doctor again"
)


@dataclass(frozen=True, slots=True)
class Dated:
    """An answer that was asked for and came between two moments of this host's clock and says when it was made."""

    source: str
    asked: datetime
    answered: datetime
    date: datetime
    age: timedelta | None = None

    def offset(self) -> tuple[timedelta, timedelta]:
        """How far the other clock is ahead of this host's: the least and the most that it can be."""
        earliest = self.date + (self.age or timedelta())
        latest = earliest + _SECOND * (2 if self.age else 1)
        return earliest - self.answered, latest - self.asked


def parse_date(text: str | None) -> datetime | None:
    """The moment that a `Date` header names, None where it names none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def judge_clock(dated: Dated, allowed: timedelta, place: Place) -> Diagnosis:
    """Whether the clocks agree within `allowed` (ε); UNKNOWN where the interval leaves it open."""
    least, most = dated.offset()
    bound = (most - least) / 2
    words = (
        f"{_signed(least + bound)} ± {bound.total_seconds():.2f} s by the Date of {dated.source}"
    )
    if least > allowed or most < -allowed:
        late = "behind" if least > allowed else "ahead"
        why = (
            f"this host's clock is {late} by more than max_clock_drift {say(allowed)} (design T11)"
        )
        return Diagnosis(Area.CLOCKS, place, Health.ERROR, words, why, _SET_IT)
    if -allowed <= least and most <= allowed:
        return Diagnosis(Area.CLOCKS, place, Health.OK, words)
    why = f"too coarse to tell whether max_clock_drift {say(allowed)} is kept"
    return Diagnosis(
        Area.CLOCKS, place, Health.UNKNOWN, words, why, "compare by NTP: chronyc tracking"
    )


def one_a_place(diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """The diagnoses with only the gravest about each place's clock; a warning where no clock was seen at all."""
    listed = list(diagnoses)
    clocks: dict[Place, Diagnosis] = {}
    for found in (d for d in listed if d.area is Area.CLOCKS):
        before = clocks.get(found.place)
        if before is None or gravity(found) > gravity(before):
            clocks[found.place] = found
    others = [d for d in listed if d.area is not Area.CLOCKS]
    return [*others, *clocks.values()] if clocks else [*others, _NOTHING_TO_COMPARE]


_NOTHING_TO_COMPARE = Diagnosis(
    Area.CLOCKS,
    Place(),
    Health.WARNING,
    "nothing that answered says what time it is",
    "a wrong clock here would switch and remove keys too early (design T11)",
    "give a region an http check, and keep this host's clock by NTP",
)


def _signed(value: timedelta) -> str:
    sign = "−" if value < timedelta() else "+"
    return f"{sign}{abs(value).total_seconds():.2f} s"
