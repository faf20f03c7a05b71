"""Durations, moments and kids as people read them; foreign text made fit to print.

`zone` is the reader's time zone, None for the system's own.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, tzinfo

from rotator.domain.times import say

DASH = "\u2013"
"""Stands where there is nothing to say, and between the ends of a range."""

MINUS = "\u2212"

_REF = re.compile(r"[\w-]{1,64}/\d{1,9}", re.ASCII)
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str) -> str:
    """The text in one line, without control, bidirectional or invisible characters (each becomes U+FFFD)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def shortened(text: str, longest: int = 80) -> str:
    """Somebody's reason as it fits into a line; the rest is in the log."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def defused(text: str) -> str:
    """Text in which a CI runner finds no command: GitHub's takes `##[name]` for one, wherever it stands in a line."""
    return text.replace("##[", "# #[")


def defused_json(text: str) -> str:
    """The same for JSON, where a string can say the same in another way."""
    return text.replace("##[", r"#\u0023[")


def key_name(kid: str | None) -> str:
    """A kid shortened to eight characters; the `ref` of a key that does not exist yet stays whole."""
    if kid is None:
        return DASH
    return clean(kid) if _REF.fullmatch(kid) else clean(kid[:8])


def count(number: int, noun: str) -> str:
    """`1 step`, `3 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def rough(value: timedelta) -> str:
    """A duration for the eye, rounded: seconds below ten minutes, minutes below two days, then hours, then days."""
    value = abs(value)
    if value < timedelta(seconds=1):
        return "0 s" if not value else "under 1 s"
    if value < timedelta(minutes=10):
        return say(_rounded(value, timedelta(seconds=1)))
    if value < timedelta(hours=48):
        return say(_rounded(value, timedelta(minutes=1)))
    if value < timedelta(days=10):
        return say(_rounded(value, timedelta(hours=1)))
    return f"{_rounded(value, timedelta(days=1)).days} d"


def _rounded(value: timedelta, unit: timedelta) -> timedelta:
    return (value + unit / 2) // unit * unit


def age(value: timedelta) -> str:
    """How old something is, in its largest unit: `2 m`, `4 h`, `17 d`."""
    for unit, symbol in (
        (timedelta(days=2), "d"),
        (timedelta(hours=1), "h"),
        (timedelta(minutes=1), "m"),
    ):
        if value >= unit:
            return f"{value // (timedelta(days=1) if symbol == 'd' else unit)} {symbol}"
    return f"{max(0, int(value.total_seconds()))} s"


def distance(moment: datetime, now: datetime) -> str:
    """`in 24 h`, `2 m ago`, `now`."""
    if abs(moment - now) < timedelta(seconds=1):
        return "now"
    return f"in {rough(moment - now)}" if moment > now else f"{rough(now - moment)} ago"


def utc(moment: datetime, *, seconds: bool = False) -> str:
    """`Tue 24 Nov 2026, 06:17 UTC`."""
    at = moment.astimezone(UTC)
    return f"{_day(at)} {at.year}, {_clock(at, seconds=seconds)} UTC"


def both(moment: datetime, zone: tzinfo | None, *, seconds: bool = False) -> str:
    """`Tue 24 Nov 2026, 06:17 UTC (07:17 here)`; the local part only where it differs, with its day where that does."""
    here, there = moment.astimezone(zone), moment.astimezone(UTC)
    if here.utcoffset() == there.utcoffset():
        return utc(moment, seconds=seconds)
    day = "" if here.date() == there.date() else f"{_day(here)}, "
    return f"{utc(moment, seconds=seconds)} ({day}{_clock(here, seconds=seconds)} here)"


def full(moment: datetime, now: datetime, zone: tzinfo | None) -> str:
    """A moment in UTC, in local time and as a distance; with seconds where it is near."""
    near = abs(moment - now) < timedelta(hours=1)
    return f"{both(moment, zone, seconds=near)}, {distance(moment, now)}"


def date(moment: datetime, now: datetime) -> str:
    """A moment in a table: the clock within a day, the day within a year, else the year too; UTC."""
    at = moment.astimezone(UTC)
    if abs(moment - now) < timedelta(days=1):
        return _clock(at, seconds=abs(moment - now) < timedelta(hours=1))
    short = f"{at.day} {at:%b}"
    return short if abs(moment - now) < timedelta(days=330) else f"{short} {at.year}"


def offset(value: timedelta) -> str:
    """A clock offset with its sign: plus or minus, seconds."""
    sign = MINUS if value < timedelta() else "+"
    return f"{sign}{abs(value).total_seconds():.2f} s"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b}"


def _clock(at: datetime, *, seconds: bool) -> str:
    return f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
