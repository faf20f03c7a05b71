"""Files that a command line names: written whole or not at all and private, read up to a limit."""

import contextlib
import os
import tempfile
from pathlib import Path

from rotator.errors import UsageError

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; readable by its owner alone. Raises UsageError."""
    scratch: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        scratch = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(PRIVATE)
        scratch.replace(path)
    except OSError as error:
        if scratch is not None:
            with contextlib.suppress(OSError):
                scratch.unlink()
        raise UsageError(f"{path} cannot be written", detail=error.strerror or str(error)) from None


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's bytes, at most one more than `limit`. Raises UsageError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read", detail=error.strerror or str(error)) from None
