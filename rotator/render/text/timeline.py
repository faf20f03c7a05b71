"""Keys on a time axis: one row a key, one character a slice of time, `┆` at the present; behind it what is planned."""

from datetime import datetime
from itertools import groupby

from rotator.app.reports import IssuerStatus, KeyStatus
from rotator.render.spans import Axis, Bar, spans, stuck, ticks
from rotator.render.text.screen import Block, Cell, Style, grid, indent, line, say
from rotator.render.words import date, key_name

WIDTH = 60
"""Slices where no terminal says how many there is room for."""

NARROWEST = 20
WIDEST = 120
_BESIDE = 30
"""What stands beside a bar: margin, kid and how the key ended."""

_LABEL_EVERY = 10
"""Columns between two labels of the axis, at least."""

_NOW = "┆"
_STUCK = "?"
_CHARACTERS = {Bar.STAGED: "·", Bar.PUBLISHED: "─", Bar.ACTIVE: "█", Bar.RETIRED: "░"}
_LEGEND = "· staged  ─ published  █ active  ░ retired  ┆ now, then as planned"
_STYLES = {
    "█": Style.GOOD,
    "░": Style.PAST,
    "·": Style.PAST,
    _NOW: Style.STRONG,
    _STUCK: Style.BAD,
}


def width_for(columns: int | None) -> int:
    """How many slices a terminal of so many columns has room for; None: it is no terminal."""
    return WIDTH if columns is None else min(max(columns - _BESIDE, NARROWEST), WIDEST)


def timeline(issuer: IssuerStatus, axis: Axis, width: int = WIDTH) -> list[Block]:
    """The axis, a row for each key, the legend."""
    rows: list[list[Cell]] = [["", say(_labels(axis, width), Style.PAST), ""]]
    for key in axis.keys:
        bar = _bar(key, issuer, axis, width)
        rows.append([key_name(key.key.kid), _coloured(bar), _end(key, axis.now)])
    blocked = any(stuck(key, issuer) for key in axis.keys)
    legend = f"{_LEGEND}  {_STUCK} blocked" if blocked else _LEGEND
    names = max(len(key_name(key.key.kid)) for key in axis.keys)
    return [grid(rows, by=2), indent(say(legend, Style.PAST), names + 4)]


def _labels(axis: Axis, width: int) -> str:
    labels = [" "] * (width + _LABEL_EVERY)
    for place, text in ticks(axis.start, axis.end, width, _LABEL_EVERY):
        labels[place : place + len(text)] = text
    return "".join(labels).rstrip()


def _bar(key: KeyStatus, issuer: IssuerStatus, axis: Axis, width: int) -> str:
    """One character a slice, by what the key is in its middle; the present takes the slice that it lies in."""
    slice_, drawn = (axis.end - axis.start) / width, spans(key, issuer, axis)
    present = round(axis.part(axis.now) * width - 0.5)

    def at(place: int) -> str:
        if place == present:
            return _NOW
        if place == present + 1 and stuck(key, issuer):
            return _STUCK
        middle = axis.start + (place + 0.5) * slice_
        found = (span.bar for span in drawn if span.start <= middle < span.end)
        return next((_CHARACTERS[bar] for bar in found), " ")

    return "".join(map(at, range(width + 1)))


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
    """Neighbours that look the same are one piece: a picture that is drawn often should be short."""
    runs = ((style, "".join(same)) for style, same in groupby(bar, _style))
    return line(*(say(text, style) for style, text in runs))


def _style(character: str) -> Style:
    return _STYLES.get(character, Style.PLAIN)
