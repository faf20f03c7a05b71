"""Files that a command line names: written whole or not at all and private, read up to a limit."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from rotator.errors import UsageError

PRIVATE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; readable by its owner alone. Raises UsageError."""
    _replace(path, text.encode("utf-8"), PRIVATE)


def write_shared(path: Path, data: bytes) -> None:
    """Replace the file in one step; it keeps its permissions, a new one gets the usual ones. Raises UsageError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mode = 0o666 & ~_umask()
    _replace(path, data, mode)


def _umask() -> int:
    """The process's; there is no way to ask for it but to set it, for a moment to one that is safe for others' files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _replace(path: Path, data: bytes, mode: int) -> None:
    scratch: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        scratch = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(mode)
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
