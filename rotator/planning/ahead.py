"""What will be wrong at a later moment, as far as it is known now (`verify --as-of`); what passes is taken to go on passing."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from rotator.domain.evidence import Check, Verdict
from rotator.domain.state import Hold


def check_then(check: Check, then: datetime) -> Check:
    """The check as it would come out at `then`: one whose certificate ends before that fails, whatever it says now."""
    if check.expires is None or check.expires > then:
        return check
    words = f"its certificate ends {_exact(check.expires)}, before {_day(then, check.expires)}"
    before = f"{check.detail}; " if check.detail else ""
    return replace(check, verdict=Verdict.FAIL, detail=f"{before}{words}")


def checks_then(checks: Iterable[Check], then: datetime) -> tuple[Check, ...]:
    """All of them."""
    return tuple(check_then(check, then) for check in checks)


def hold_ending(hold: Hold | None, now: datetime, then: datetime) -> datetime | None:
    """When a hold that is in force ends, where that is not later than `then`: what is due goes on from there (design I5)."""
    if hold is None or hold.until is None or not hold.holds_at(now):
        return None
    return hold.until if hold.until <= then else None


def _exact(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def _day(moment: datetime, other: datetime) -> str:
    """The day is enough, unless it is the other's too."""
    at = moment.astimezone(UTC)
    if at.date() == other.astimezone(UTC).date():
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}" if at.year == other.year else f"{at.day} {at:%b %Y}"
