"""Single keys of a terminal, without waiting for a line; the terminal is as before when the block ends."""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TextIO

from rotator.ports import Clock

Waiting = Callable[[timedelta], str]
"""Waits for keys, at most so long; what was typed, or nothing. `END` where the terminal went away."""

END = "\x04"


@contextmanager
def keys(stream: TextIO, clock: Clock) -> Iterator[Waiting]:
    """What waits for keys of `stream`; where it is no terminal, what only waits."""
    descriptor = _terminal(stream)
    if descriptor is None:
        yield lambda longest: _nothing(clock, longest)
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    ended = signal.signal(signal.SIGTERM, _interrupt)  # or a dead terminal would be left behind
    tty.setcbreak(descriptor)
    try:
        yield lambda longest: _key(descriptor, longest)
    finally:
        with contextlib.suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, ended)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _terminal(stream: TextIO) -> int | None:
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # a stream without a file
        return None
    return descriptor if os.isatty(descriptor) else None


def _nothing(clock: Clock, longest: timedelta) -> str:
    clock.sleep(longest)
    return ""


def _key(descriptor: int, longest: timedelta) -> str:
    ready, _, _ = select.select([descriptor], [], [], max(0.0, longest.total_seconds()))
    if not ready:
        return ""
    try:
        return os.read(descriptor, 64).decode("ascii", "replace") or END
    except OSError:  # the terminal was closed
        return END
