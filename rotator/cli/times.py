"""Moments and durations on the command line: RFC 3339, or `+DURATION` from now."""

from datetime import datetime, timedelta

from rotator.domain.times import parse_duration, parse_moment
from rotator.errors import UsageError


def moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """The moment that an option names; raises UsageError."""
    if text is None:
        return None
    try:
        return now + parse_duration(text[1:]) if text.startswith("+") else parse_moment(text)
    except (ValueError, OverflowError) as error:
        hint = "write a time such as 2026-11-24T06:17:00Z, or a distance such as +36h"
        raise UsageError(f"{option} is no time", detail=str(error), hint=hint) from None


def duration(option: str, text: str | None) -> timedelta | None:
    """The duration that an option names; raises UsageError."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            f"{option} is no duration", detail=str(error), hint="write 30s, 15m, 24h or 90d"
        ) from None


def before(option: str, text: str | None, now: datetime) -> datetime | None:
    """A moment that has passed: RFC 3339, or how long ago (`7d`); raises UsageError."""
    if text is None:
        return None
    try:
        return parse_moment(text) if "-" in text or ":" in text else now - parse_duration(text)
    except (ValueError, OverflowError) as error:
        hint = "write a time such as 2026-11-24T06:17:00Z, or how long ago: 7d"
        raise UsageError(f"{option} is no time", detail=str(error), hint=hint) from None
