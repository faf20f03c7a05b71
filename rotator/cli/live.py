"""A picture on a terminal that is drawn anew in its place while something is waited for, and leaves no trace."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

PER_SECOND = 2
"""How often it is drawn: a countdown in seconds should not skip one."""


def can_redraw(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether lines can be drawn over: on a terminal that moves its cursor, never with NO_COLOR (contract §1)."""
    dumb = environ.get("TERM", "") in ("", "dumb", "unknown")
    return stream.isatty() and not environ.get("NO_COLOR") and not dumb


@contextmanager
def live(stream: TextIO, draw: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Show what `draw` returns, ANSI colours included, until the block ends; calling what is yielded draws it at once."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    shown = Live(
        console=Console(file=stream, force_terminal=True),
        get_renderable=lambda: Text.from_ansi(draw()),
        refresh_per_second=PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with shown:
        shown.refresh()
        yield shown.refresh


def fitting(pictures: Sequence[Callable[[], str]]) -> str:
    """The first picture that the terminal has lines for; of the last the beginning and its last line."""
    room = shutil.get_terminal_size().lines - 1
    lines: list[str] = []
    for picture in pictures:
        lines = picture().rstrip("\n").split("\n")
        if len(lines) <= room:
            return "\n".join(lines)
    return "\n".join([*lines[: max(0, room - 2)], "  …", lines[-1]])
