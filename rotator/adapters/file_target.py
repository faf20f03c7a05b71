"""A document in a folder: replaced whole or not at all, and only by the writer that read it last.

The compare-and-swap holds between processes of one machine: it stands on `flock`, so the folder must lie on a file
system whose locks work. The order of a write is lock, compare, temporary file, fsync, rename, fsync of the folder.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rotator.domain.jwks import MAX_BYTES
from rotator.errors import (
    TargetConflict,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
    TargetUnsafe,
)
from rotator.ports import Stored

PUBLIC_MODE: Final = 0o644
"""What a web server must be able to read: the JWKS."""

PRIVATE_MODE: Final = 0o600
"""For `signing.json`."""

_CHUNK: Final = 65_536
_LOCK_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class FileTarget:
    """One document in a file; `mode` is given to the file at every write, whatever the umask says.

    `lock_patience` bounds the wait for another writer. A symbolic link is followed: what it points at is replaced.
    """

    path: Path
    mode: int = PUBLIC_MODE
    lock_patience: timedelta = timedelta(seconds=10)

    @property
    def location(self) -> str:
        """The path as configured."""
        return str(self.path)

    def read(self) -> Stored | None:
        """The document, at most MAX_BYTES + 1 bytes of it; its ETag is a digest of the content."""
        with self._explained("read"):
            try:
                body = _content(self._real())
            except FileNotFoundError:
                return None
            return Stored(body, etag_of(body))

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """Compare and swap under the lock beside the file; parent folders are made."""
        with self._explained("write"):
            real = self._real()
            real.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(real):
                self._compare(real, expected_etag)
                _replace(real, body, self.mode)
        return etag_of(body)

    def prove_conditional_writes(self) -> None:
        """Nothing to prove: the comparison is this class's own."""

    def oldest_version(self) -> datetime | None:
        """A folder keeps no versions: the file's own time."""
        with self._explained("read"):
            try:
                written = self._real().stat().st_mtime
            except FileNotFoundError:
                return None
        return datetime.fromtimestamp(written, UTC)

    def _real(self) -> Path:
        # Two names of one file must meet at one lock.
        return Path(os.path.realpath(self.path))

    def _compare(self, real: Path, expected_etag: str | None) -> None:
        try:
            found = etag_of(_content(real))
        except FileNotFoundError:
            found = None
        if found != expected_etag:
            raise TargetConflict(
                f"{self.location} is no longer the document that was read",
                detail="it was written, made or removed in between",
            )

    @contextlib.contextmanager
    def _locked(self, real: Path) -> Iterator[None]:
        deadline = time.monotonic() + self.lock_patience.total_seconds()
        lock_path = real.with_name(f".{real.name}.lock")
        while (lock := _try_lock(lock_path)) is None:
            if time.monotonic() > deadline:
                raise TargetUnreachable(
                    f"{self.location} is locked by another process",
                    detail=f"{lock_path} was not released in {self.lock_patience.total_seconds():g} s",
                    hint="see which rotator still runs or hangs; the lock goes with its process",
                )
            time.sleep(_LOCK_POLL_S)
        try:
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain(error, f"cannot {verb} {self.location}") from error


def etag_of(body: bytes) -> str:
    """The ETag of a content: a strong one in the form of RFC 9110 §8.8.3."""
    return f'"sha256-{hashlib.sha256(body).hexdigest()}"'


def explain(error: OSError, what: str) -> TargetError:
    """What an error of the operating system means for a target, and what to do about it."""
    why = error.strerror or type(error).__name__
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return TargetDenied(
                what,
                detail=why,
                hint="give the user that runs rotator the right to read and write this folder",
            )
        case errno.EROFS:
            return TargetDenied(what, detail=why, hint="mount the file system writable")
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return TargetDenied(
                what,
                detail=f"{why}; the document there is unchanged",
                hint="free some space or raise the quota, then run the command again",
            )
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST | errno.ELOOP | errno.ENAMETOOLONG:
            return TargetMissing(
                what,
                detail=why,
                hint="the path must lead to an ordinary file: correct it in the configuration, or move away what is there",
            )
        case errno.ENOLCK | errno.ENOTSUP:
            return TargetUnsafe(
                what,
                detail=f"{why}: this file system cannot lock, so two writers would undo each other",
                hint="put the folder on a local file system",
            )
        case _:
            return TargetUnreachable(what, detail=why)


def _content(path: Path) -> bytes:
    """At most MAX_BYTES + 1 bytes: enough to tell that a file is too large."""
    # A pipe in the file's place must not make rotator wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, "something that is not a file lies there")
        parts, missing = [], MAX_BYTES + 1
        while missing and (part := os.read(descriptor, min(_CHUNK, missing))):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock, None when another has it; closing gives it back."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # held, or the lock file was removed in between: then a lock on it excludes nobody
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _replace(path: Path, body: bytes, mode: int) -> None:
    # One name for all writers is enough under the lock, and what a killed one left is swept away by the next.
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        _write_durably(temporary, body, mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_durably(path: Path, body: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_MODE)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
