"""A moving bar on a terminal for what takes longer than a second, and nothing for what does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

SOON = 1.0
"""Seconds that pass before anything is shown."""


@contextmanager
def patience(stream: TextIO, words: str, *, shown: bool) -> Iterator[None]:
    """Show `words` beside a bar while the block goes on; the bar leaves no trace."""
    if not shown:
        yield
        return
    bars: list[Progress] = []
    timer = Timer(SOON, lambda: bars.append(_started(stream, words)))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for bar in bars:
            bar.stop()


def _started(stream: TextIO, words: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=stream, force_terminal=True), transient=True)
    bar.add_task(words, total=None)
    bar.start()
    return bar
