"""A key's life as spans of time, for a terminal's axis and for a page's: what was, and behind `now` what is planned.

Past spans follow from the recorded moments. Future ones say what happens when every gate opens in time: the key that
is next becomes active at its turn, the one before it retires then, a retired key leaves at its T4. Nothing is planned
for a key whose next step is blocked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from rotator.app.reports import IssuerStatus, KeyStatus
from rotator.domain.lifecycle import Phase


class Bar(StrEnum):
    """How a stretch of a key's life is drawn."""

    STAGED = "staged"
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a key's life; it is planned where it begins at or after `now`."""

    bar: Bar
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Axis:
    """The keys that are shown in time, and from when until when."""

    keys: tuple[KeyStatus, ...]
    start: datetime
    now: datetime
    end: datetime

    def part(self, moment: datetime) -> float:
        """Where a moment lies, 0 at the start and 1 at the end."""
        inside = min(max(moment, self.start), self.end)
        return (inside - self.start) / (self.end - self.start)


GONE = frozenset({Phase.REMOVED, Phase.REVOKED})
LATELY = 3
"""How many keys that are gone are shown beside the living."""

SHORTEST = timedelta(seconds=10)
"""A history shorter than that has nothing to show yet."""

_UNITS = (
    (timedelta(days=360), "%Y", 1),
    (timedelta(days=30), "%b", 2),
    (timedelta(days=1), "%-d %b", 3),
    (timedelta(hours=1), "%H:%M", 4),
    (timedelta(minutes=1), "%H:%M", 5),
    (timedelta(seconds=1), "%H:%M:%S", 6),
)


def axis_of(issuer: IssuerStatus, now: datetime) -> Axis | None:
    """The time axis of an issuer, None while no key has lived long enough to be drawn."""
    living = [key for key in issuer.keys if key.phase not in GONE]
    if not living:
        return None
    began = min(key.key.moments.staged_at for key in living)
    gone = [key for key in issuer.keys if key.phase in GONE and (left(key) or began) > began]
    keys = (*gone[-LATELY:], *living)
    start = min(key.key.moments.staged_at for key in keys)
    if now - start < SHORTEST:
        return None
    return Axis(keys, start, now, max(_horizon(issuer, living, now), now + timedelta(seconds=1)))


def spans(key: KeyStatus, issuer: IssuerStatus, axis: Axis) -> tuple[Span, ...]:
    """The stretches of a key's life that lie on the axis, in order; none is empty."""
    past = _past(key, axis.now)
    return tuple(span for span in (*past, *_ahead(key, issuer, axis)) if span.start < span.end)


def left(key: KeyStatus) -> datetime | None:
    """When a key was withdrawn, None while it is served."""
    moments = key.key.moments
    return moments.revoked_at or moments.removed_at


def stuck(key: KeyStatus, issuer: IssuerStatus) -> bool:
    """Whether what comes next for the key is blocked: a switch to it, away from it, or its removal."""
    return any(
        wait.kid == key.key.kid or (wait.kind == "switch" and key.key.kid == issuer.active)
        for wait in issuer.blocked
    )


def ticks(start: datetime, end: datetime, places: int, gap: int) -> list[tuple[int, str]]:
    """Labels where a month, a day, an hour … begins in an axis of so many places, at least `gap` places apart; UTC."""
    slice_ = max(timedelta(microseconds=1), (end - start) / places)
    _unit, form, depth = next((u for u in _UNITS if slice_ * places >= 2 * u[0]), _UNITS[-1])
    found, free = [], 0
    for place in range(places):
        before, after = (start + (place + i) * slice_ for i in (0, 1))
        if place >= free and _begins(before, depth) != (begun := _begins(after, depth)):
            text = begun.strftime(form)
            found.append((place, text))
            free = place + max(gap, len(text) + 2)
    return found


def _begins(at: datetime, depth: int) -> datetime:
    """When the year, month, day … began that a moment lies in."""
    known = at.astimezone(UTC).timetuple()[:depth]
    year, month, day, hour, minute, second = (*known, *_FIRST[depth:])
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


_FIRST = (1, 1, 1, 0, 0, 0)


def _horizon(issuer: IssuerStatus, living: Sequence[KeyStatus], now: datetime) -> datetime:
    """Where the axis ends: after the next step and the last removal that is certain, but not far beyond the past."""
    began = min(key.key.moments.staged_at for key in living)
    known = [step.at for step in issuer.next if step.at]
    known += [key.remove_after for key in living if key.remove_after]
    furthest = max([now, *known]) + timedelta(seconds=1)
    if any(stuck(key, issuer) for key in living):
        furthest = max(furthest, now + (now - began) / 8)
    return min(furthest, now + max(now - began, timedelta(minutes=1)))


def _past(key: KeyStatus, now: datetime) -> list[Span]:
    moments = key.key.moments
    ladder = (
        (Bar.STAGED, moments.staged_at),
        (Bar.PUBLISHED, moments.published_at),
        (Bar.ACTIVE, moments.activated_at),
        (Bar.RETIRED, moments.retired_at),
    )
    began = [(bar, moment) for bar, moment in ladder if moment]
    ends = [moment for _, moment in began[1:]] + [left(key) or now]
    return [Span(bar, start, end) for (bar, start), end in zip(began, ends, strict=True)]


def _ahead(key: KeyStatus, issuer: IssuerStatus, axis: Axis) -> list[Span]:
    now, end = axis.now, axis.end
    if stuck(key, issuer):
        return []
    switch = next((step for step in issuer.next if step.kind == "switch"), None)
    turn = min(max(switch.at, now), end) if switch and switch.at else end
    match key.phase:
        case Phase.STAGED:
            return [Span(Bar.STAGED, now, end)]
        case Phase.PUBLISHED if switch and switch.kid == key.key.kid:
            return [Span(Bar.PUBLISHED, now, turn), Span(Bar.ACTIVE, turn, end)]
        case Phase.PUBLISHED:
            return [Span(Bar.PUBLISHED, now, end)]
        case Phase.ACTIVE:
            return [Span(Bar.ACTIVE, now, turn), Span(Bar.RETIRED, turn, end)]
        case Phase.RETIRED:
            return [Span(Bar.RETIRED, now, min(key.remove_after or end, end))]
        case _:
            return []
