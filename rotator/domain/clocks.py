"""Other clocks against this host's (design T11): every offset is an interval, and says only what all of it says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rotator.domain.evidence import Verdict

DATE_RESOLVES = timedelta(seconds=5)
"""Closer than this no whole-second `Date` behind a slow answer can tell clocks apart (design T11)."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far another clock is ahead of this host's: by `offset`, at most `error` more or less.

    `target` is where it was read, `source` says how, for people.
    """

    target: str
    source: str
    offset: timedelta
    error: timedelta

    def verdict(self, drift: timedelta) -> Verdict:
        """FAIL where it is surely off by more than `drift` (ε), PASS where surely not by more than max(ε, 5 s)."""
        least, most = self.offset - self.error, self.offset + self.error
        if least > drift or most < -drift:
            return Verdict.FAIL
        limit = max(drift, DATE_RESOLVES)
        return Verdict.PASS if -limit <= least and most <= limit else Verdict.UNKNOWN

    def words(self) -> str:
        """`+0.41 s ± 0.52 s by the Date of https://…`."""
        return f"{signed(self.offset)} ± {self.error.total_seconds():.2f} s by {self.source}"


def dated(
    target: str, date: datetime, age: timedelta | None, answered: datetime, latency: timedelta
) -> Reading:
    """The reading of an answer's `Date` (RFC 9110 §6.6.1), which has whole seconds.

    A cache either keeps the origin's `Date` and counts `Age` from it or writes its own: with an `Age` both must fit.
    """
    earliest = date - answered
    latest = date + _SECOND + (age + _SECOND if age else timedelta()) - (answered - latency)
    return Reading(
        target, f"the Date of {target}", (earliest + latest) / 2, (latest - earliest) / 2
    )


def parse_date(text: str | None) -> datetime | None:
    """The moment that a `Date` header names, None where it names none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def signed(value: timedelta) -> str:
    """`+0.41 s`, `−180.02 s`."""
    sign = "−" if value < timedelta() else "+"
    return f"{sign}{abs(value).total_seconds():.2f} s"
