"""Waiting for KMS, which is eventually consistent and makes replicas in its own time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from rotator.ports import Clock

_FIRST_PAUSE: Final = timedelta(milliseconds=200)
_LONGEST_PAUSE: Final = timedelta(seconds=2)


def looks(clock: Clock, patience: timedelta) -> Iterator[None]:
    """One turn at once, then one after each pause; the last at the end of patience."""
    deadline = clock.monotonic() + patience.total_seconds()
    pause = _FIRST_PAUSE
    while True:
        yield
        left = timedelta(seconds=deadline - clock.monotonic())
        if left <= timedelta():
            return
        clock.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)
