"""Elements of HTML from which nothing foreign gets out: text is cleaned, shortened and escaped unless it is `Html`."""

from html import escape

from rotator.render.words import clean

LONGEST = 400
"""Characters of a foreign text that a page shows."""


class Html(str):
    """Markup that was made here; every operation of `str` gives a plain one back, which is escaped again."""

    __slots__ = ()


Child = str | Html | None


def h(name: str, *children: Child, **attributes: str | None) -> Html:
    """An element; `class_` is `class`, `data_at` is `data-at`, attributes and children that are None are left out."""
    return Html(f"<{name}{_attributes(attributes)}>{together(*children)}</{name}>")


def together(*children: Child) -> Html:
    """Pieces side by side."""
    return Html("".join(_safe(child) for child in children if child is not None))


def text(foreign: str) -> str:
    """Escaped text in one line: control, bidirectional and invisible characters are U+FFFD, what is too long is cut."""
    shown = clean(foreign[: LONGEST + 1])
    if len(foreign) > LONGEST:
        shown = f"{shown[:LONGEST]} … ({len(foreign)} characters)"
    return escape(shown)


def _safe(child: str) -> str:
    return child if isinstance(child, Html) else text(child)


def _attributes(attributes: dict[str, str | None]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
