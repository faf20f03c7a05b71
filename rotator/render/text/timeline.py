"""Keys on a time axis: one row a key, one character a slice of time, `┆` at the present.

Past slices show the phase that the recorded moments amount to; future ones only what is certain: a retired
key stays until its T4.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rotator.app.reports import KeyStatus
from rotator.domain.keys import Moments
from rotator.render.text.screen import Block, Cell, Style, grid, line, say
from rotator.render.words import date, key_name

WIDTH = 60

LEGEND = "· staged  ─ published  █ active  ░ retired  ┆ now"
_STYLES = {"█": Style.GOOD, "░": Style.PAST, "·": Style.PAST, "┆": Style.STRONG}
_UNITS = (
    (timedelta(days=360), "%Y"),
    (timedelta(days=30), "%b"),
    (timedelta(days=1), "%-d %b"),
    (timedelta(hours=1), "%H:%M"),
    (timedelta(minutes=1), "%H:%M"),
    (timedelta(seconds=1), "%H:%M:%S"),
)
_SHORTEST = timedelta(seconds=10)
"""A history shorter than that has nothing to show yet."""

_LABEL_EVERY = 10
"""Columns between two labels of the axis, at least."""


def timeline(keys: Sequence[KeyStatus], now: datetime, until: datetime) -> list[Block]:
    """The axis, a row for each key, the legend; nothing while there is nothing to show."""
    start = min((key.key.moments.staged_at for key in keys), default=now)
    if now - start < _SHORTEST:
        return []
    slice_ = max(timedelta(microseconds=1), (max(until, now) - start) / WIDTH)
    rows: list[list[Cell]] = [["", say(axis(start, slice_), Style.PAST), ""]]
    for key in keys:
        bar = "".join(
            _character(key, start + (i + 0.5) * slice_, slice_, now) for i in range(WIDTH + 1)
        )
        rows.append(
            [key_name(key.key.kid), _coloured(bar.rstrip().ljust(WIDTH + 1)), _end(key, now)]
        )
    rows.append(["", say(LEGEND, Style.PAST), ""])
    return [grid(rows, by=2)]


def axis(start: datetime, slice_: timedelta) -> str:
    """Labels where a month, a day, an hour … begins, as many as fit."""
    unit, form = next(((u, f) for u, f in _UNITS if slice_ * WIDTH >= 2 * u), _UNITS[-1])
    labels = [" "] * (WIDTH + _LABEL_EVERY)
    free = 0
    for column in range(WIDTH):
        begins, ends = (start + (column + i) * slice_ for i in (0, 1))
        if column >= free and _mark(begins, unit) != _mark(ends, unit):
            text = ends.astimezone(UTC).strftime(form)
            labels[column : column + len(text)] = text
            free = column + max(_LABEL_EVERY, len(text) + 2)
    return "".join(labels).rstrip()


def _mark(at: datetime, unit: timedelta) -> tuple[int, ...]:
    """Which unit a moment lies in."""
    parts = at.astimezone(UTC).timetuple()[:6]
    depth = {360: 1, 30: 2, 1: 3}.get(unit.days) or {3600: 4, 60: 5, 1: 6}[unit.seconds]
    return tuple(parts[:depth])


def _character(key: KeyStatus, at: datetime, slice_: timedelta, now: datetime) -> str:
    if at - slice_ / 2 <= now < at + slice_ / 2:
        return "┆"
    if at <= now:
        return _past(key.key.moments, at)
    return (
        "░" if _is_retired(key.key.moments) and key.remove_after and at < key.remove_after else " "
    )


def _past(moments: Moments, at: datetime) -> str:
    ladder = (
        (moments.revoked_at, " "),
        (moments.removed_at, " "),
        (moments.retired_at, "░"),
        (moments.activated_at, "█"),
        (moments.published_at, "─"),
        (moments.staged_at, "·"),
    )
    return next((character for moment, character in ladder if moment and moment <= at), " ")


def _is_retired(moments: Moments) -> bool:
    return moments.retired_at is not None and not (moments.removed_at or moments.revoked_at)


def _end(key: KeyStatus, now: datetime) -> Cell:
    moments = key.key.moments
    if moments.revoked_at:
        return say(f"revoked {date(moments.revoked_at, now)}", Style.BAD)
    if moments.removed_at:
        return say(f"removed {date(moments.removed_at, now)}", Style.PAST)
    if moments.retired_at and key.remove_after:
        return say(f"leaves {date(key.remove_after, now)}", Style.PAST)
    return ""


def _coloured(bar: str) -> Cell:
    return line(*(say(character, _STYLES.get(character, Style.PLAIN)) for character in bar))
