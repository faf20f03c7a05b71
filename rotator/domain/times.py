"""Durations and moments as the configuration and the documents write them.

Durations: `500ms`, `30s`, `15m`, `24h`, `90d`, compound (`1d12h`) and ISO 8601 (`P90D`). Moments: RFC 3339, UTC, `Z`.
"""

import re
from datetime import UTC, datetime, timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_WHOLE = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d))+", re.ASCII)
_ISO = re.compile(
    r"P(?:(?P<w>\d{1,6})W)?(?:(?P<d>\d{1,6})D)?"
    r"(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parse_duration(text: str) -> timedelta:
    """A duration from its written form; raises ValueError with what was expected."""
    text = text.strip()
    if text == "0":
        return timedelta()
    try:
        if _WHOLE.fullmatch(text):
            return sum((float(n) * _UNITS[unit] for n, unit in _PART.findall(text)), timedelta())
        iso = _ISO.fullmatch(text)
        if iso and any(iso.groups()) and not text.endswith("T"):
            part = {name: float(value or 0) for name, value in iso.groupdict().items()}
            return timedelta(
                weeks=part["w"],
                days=part["d"],
                hours=part["h"],
                minutes=part["m"],
                seconds=part["s"],
            )
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration can be") from None
    raise ValueError(f"{text!r} is no duration: write 500ms, 30s, 15m, 24h, 90d, 1d12h or P90D")


def format_duration(value: timedelta) -> str:
    """The compact written form that `parse_duration` reads back: `1d12h`."""
    if value < timedelta():
        return "-" + format_duration(-value)
    return "".join(f"{count}{unit}" for count, unit in _parts(value, ("d", "h", "m", "s"))) or "0s"


def say(value: timedelta) -> str:
    """A duration as people read it, exact: `24 h 5 s` below two days, then `30 d 1 h`."""
    if value < timedelta():
        return "-" + say(-value)
    units = ("d", "h", "m", "s") if value >= timedelta(days=2) else ("h", "m", "s")
    return " ".join(f"{count} {unit}" for count, unit in _parts(value, units)) or "0 s"


def parse_moment(text: str) -> datetime:
    """An aware UTC moment from RFC 3339; raises ValueError."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(
            f"{text!r} is no time: write RFC 3339 with a zone, such as 2026-11-24T06:17:00Z"
        )
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no time: {error}") from None


def format_moment(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`; microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parts(value: timedelta, units: tuple[str, ...]) -> list[tuple[str, str]]:
    """Whole counts of the units, then milliseconds with as many digits as they need; zeros left out."""
    parts, left = [], value
    for unit in units:
        count, left = divmod(left, _UNITS[unit])
        parts.append((str(count) if count else "", unit))
    parts.append((f"{left.microseconds / 1000:g}" if left else "", "ms"))
    return [part for part in parts if part[0]]
