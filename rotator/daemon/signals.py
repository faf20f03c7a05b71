"""What the operating system asks: SIGTERM and SIGINT to stop, SIGHUP to read the configuration again."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

AT_ONCE: Final = 130
"""The exit code of a daemon that was asked twice: the lease stays, and is taken over since its holder is gone."""


class Signals:
    """Implements `stopping.Control`. Waits end when a signal comes.

    A handler runs in the middle of whatever the main thread does, also of a wait: an Event's lock could be held just then,
    and would never be free again. A SimpleQueue may be put to at any moment.
    """

    def __init__(self, leave: Callable[[int], None] = os._exit) -> None:
        """`leave` ends the process at once."""
        self._leave = leave
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._reload = False
        self._stop = False

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop

    def reload_asked(self) -> bool:
        """Whether it was asked to read its configuration again since this was asked last."""
        asked, self._reload = self._reload, False
        return asked

    def wait(self, duration: timedelta) -> None:
        """Wait, not longer than until something is asked."""
        if not self._stop:
            with suppress(Empty):
                self._woken.get(timeout=max(0.0, duration.total_seconds()))

    def stop(self) -> None:
        """Ask it to stop; a second time ends it at once."""
        if self._stop:
            self._leave(AT_ONCE)
        self._stop = True
        self._woken.put(None)

    def reload(self) -> None:
        """Ask it to read its configuration again."""
        self._reload = True
        self._woken.put(None)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Signals arrive here in this block, which must be in the main thread."""
        wanted: dict[int, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
        }
        if hasattr(signal, "SIGHUP"):
            wanted[signal.SIGHUP] = self.reload

        def handle(number: int, _frame: FrameType | None) -> None:
            wanted[number]()

        before = {number: signal.signal(number, handle) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
