"""The file in which node_exporter finds the metrics of runs that end: replaced whole, by one run at a time."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from rotator.cli.files import write_shared
from rotator.domain.times import say
from rotator.errors import UsageError
from rotator.ports import Clock

_LONGEST: Final = 64 * 1024 * 1024
PATIENCE: Final = timedelta(seconds=10)
"""How long another run may take to write its own."""
_MOMENT: Final = timedelta(milliseconds=50)


def update(path: Path, renewed: Callable[[str], bytes], clock: Clock) -> None:
    """Replace the file by what `renewed` makes of its text, "" where there is none. Raises UsageError."""
    try:
        with _alone_in(path.parent, clock):
            write_shared(path, renewed(_text(path)))
    except OSError as error:
        raise UsageError(f"{path} cannot be written", detail=error.strerror or str(error)) from None


@contextlib.contextmanager
def _alone_in(folder: Path, clock: Clock) -> Iterator[None]:
    """Nobody else replaces a file there meanwhile: of two runs that end together one would lose its counts.

    Raises OSError, also when somebody else does not come to an end: no run hangs because another one does.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        end = clock.monotonic() + PATIENCE.total_seconds()
        while not _locked(handle):
            if clock.monotonic() >= end:
                raise TimeoutError(f"another run has been writing there for {say(PATIENCE)}")
            clock.sleep(_MOMENT)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
