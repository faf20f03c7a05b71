"""An issuer's keys as bars in time: SVG whose places are percentages, so that bars stretch and letters do not."""

from datetime import datetime

from rotator.app.reports import IssuerStatus, KeyStatus
from rotator.render.html.markup import Html, h, together
from rotator.render.spans import Axis, Bar, Span, left, spans, stuck, ticks
from rotator.render.words import date, key_name, utc

_ROW = 34
"""Pixels of a key: a line of text and a bar below it."""

_TOP = 20
"""Pixels of the labels."""

_PLACES = 60
_LABEL_EVERY = 14
"""Of `_PLACES`: four labels, which fit on a phone."""

_SHAPES = {Bar.PUBLISHED: (11, 4), Bar.ACTIVE: (6, 14), Bar.RETIRED: (7, 12)}
"""How far below its line of text a bar begins, and how high it is: not by colour alone."""

_CAPTION = (
    "Dotted: staged. Thin: published. Solid: active. Hollow: retired. "
    "The upright line is now; to the right of it, as planned."
)


def axis_figure(issuer: IssuerStatus, axis: Axis) -> Html:
    """The drawing and what its shapes mean; the list of keys says the same in words."""
    height = _TOP + _ROW * len(axis.keys)
    label = (
        f"Keys of {issuer.issuer} from {utc(axis.start)} to {utc(axis.end)}, now {utc(axis.now)}: "
        "the list below says the same"
    )
    drawing = h(
        "svg",
        *_ticks(axis, height),
        *(_row(key, issuer, axis, row) for row, key in enumerate(axis.keys)),
        _upright(axis.part(axis.now), 14, height, "now"),
        role="img",
        aria_label=label,
        width="100%",
        height=str(height),
    )
    return h("figure", drawing, h("figcaption", _CAPTION))


def _ticks(axis: Axis, height: int) -> list[Html]:
    drawn = []
    for place, label in ticks(axis.start, axis.end, _PLACES, _LABEL_EVERY):
        if place <= _PLACES - _LABEL_EVERY / 2:
            at = (place + 1) / _PLACES
            drawn.append(_upright(at, 16, height, "grid"))
            drawn.append(h("text", label, x=_percent(at), y="12", class_="tick"))
    return drawn


def _row(key: KeyStatus, issuer: IssuerStatus, axis: Axis, row: int) -> Html:
    top = _TOP + row * _ROW
    bars = [_bar(span, axis, top + 14) for span in spans(key, issuer, axis)]
    mark = None
    if stuck(key, issuer):
        place = _percent(axis.part(axis.now) + 0.012)
        mark = h("text", "? blocked", x=place, y=str(top + 31), class_="stuck")
    told = key_name(key.key.kid) if left(key) else f"{key_name(key.key.kid)} {key.phase}"
    name = h("text", told, x="0", y=str(top + 12))
    return together(name, _end(key, axis.now, top + 12), *bars, mark)


def _end(key: KeyStatus, now: datetime, y: int) -> Html | None:
    gone = left(key)
    if gone is not None:
        words = f"{key.phase} {date(gone, now)}"
    elif key.remove_after:
        words = f"leaves {date(key.remove_after, now)}"
    else:
        return None
    return h("text", words, x="100%", y=str(y), text_anchor="end", class_="tick")


def _bar(span: Span, axis: Axis, top: int) -> Html:
    start, end = axis.part(span.start), axis.part(span.end)
    name = f"{span.bar} planned" if span.start >= axis.now else f"{span.bar}"
    if span.bar is Bar.STAGED:
        y = str(top + 13)
        return h("line", x1=_percent(start), x2=_percent(end), y1=y, y2=y, class_=name)
    below, height = _SHAPES[span.bar]
    return h(
        "rect",
        x=_percent(start),
        y=str(top + below - 1),
        width=_percent(end - start),
        height=str(height),
        class_=name,
    )


def _upright(at: float, top: int, bottom: int, name: str) -> Html:
    place = _percent(at)
    return h("line", x1=place, x2=place, y1=str(top), y2=str(bottom), class_=name)


def _percent(part: float) -> str:
    return f"{part * 100:.2f}%"
