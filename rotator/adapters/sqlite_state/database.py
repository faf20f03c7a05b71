"""The file itself: made whole or not at all, opened for writing or only for reading, its errors put into words."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from rotator.errors import RotatorError, StateConflict, StateDamaged, StateError

VERSION: Final = 1
BUSY_SECONDS: Final = 10.0
"""How long a use waits for the transaction of another process."""

_SCHEMA: Final = """
CREATE TABLE issuers (issuer TEXT PRIMARY KEY, serial INTEGER NOT NULL, state TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE evidence (issuer TEXT PRIMARY KEY, evidence TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE audit (number INTEGER PRIMARY KEY, previous TEXT NOT NULL, entry TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, digest TEXT NOT NULL);
CREATE TABLE lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), fence INTEGER NOT NULL, owner TEXT, since TEXT, term REAL,
    renewals INTEGER, host TEXT, boot TEXT, namespace TEXT, pid INTEGER, started TEXT
);
INSERT INTO audit_head VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO lease (one, fence) VALUES (1, 0);
"""

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNUSABLE: Final = {
    sqlite3.SQLITE_PERM: "no permission",
    sqlite3.SQLITE_READONLY: "it cannot be written: file system or permissions say read-only",
    sqlite3.SQLITE_IOERR: "the disk answered with an error",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the permissions of the file and its folder",
    sqlite3.SQLITE_NOMEM: "out of memory",
}
_PRIMARY: Final = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest byte."""


class Database:
    """One SQLite file. Each use opens and closes it, so nothing is shared between threads, forks or runs."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.patience = BUSY_SECONDS

    def exists(self) -> bool:
        """Whether there is a state; raises StateDamaged when only its write-ahead log is left."""
        if self.path.exists():
            return True
        if self._log.exists():
            raise StateDamaged(
                f"{self.path} is gone while its log {self._log.name} is there",
                detail="the state was deleted, moved or only half restored",
            )
        return False

    def create(self) -> None:
        """Make the file, whole and for its owner alone, unless it is there."""
        with self._explained():
            if not self.exists():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
                try:
                    os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                    _lay_out(aside)
                    _put(aside, self.path)
                finally:
                    aside.unlink(missing_ok=True)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A consistent look at the file, which must exist; works where nothing can be written."""
        with self._explained(), closing(self._open_to_read()) as connection:
            self._check_version(connection)
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes every other writer; undone by closing when the block raises."""
        with self._explained(), closing(self._connect("mode=rw")) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            self._check_version(connection)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @property
    def _log(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def _open_to_read(self) -> sqlite3.Connection:
        if os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK):
            return self._connect("mode=rw")
        # Without a log nothing but the file can hold the state, and reading it needs no lock file beside it.
        whole = not self._log.exists() or self._log.stat().st_size == 0
        return self._connect("mode=ro&immutable=1" if whole else "mode=ro")

    def _connect(self, options: str) -> sqlite3.Connection:
        uri = f"{self.path.as_uri()}?{options}"
        return sqlite3.connect(uri, uri=True, timeout=self.patience, isolation_level=None)

    def _check_version(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer rotator",
                detail=f"its format is {version}, this rotator knows {VERSION}",
                hint="use the newer rotator",
            )
        if version != VERSION:
            raise StateDamaged(
                f"{self.path} is not a state of rotator", detail="it is empty or something else"
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(self.path, error) from error
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise StateError(
                f"cannot use the state {self.path}", detail=f"{error.strerror}{where}"
            ) from error


def only_row(connection: sqlite3.Connection, query: str) -> tuple[Any, ...]:
    """The row that is there since the file was made; raises StateDamaged when it is not."""
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    if row is None:
        raise StateDamaged("the state has lost a row that every state has", detail=query)
    return row


def explained(path: Path, error: sqlite3.Error) -> RotatorError:
    """What SQLite says, in words."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY
    if code in _BUSY:
        return StateConflict(
            f"another process is writing {path}", detail="it held it longer than this run can wait"
        )
    if code in _UNUSABLE:
        # A full disk has no room for the lock file of a reader either, which SQLite calls an error of the disk.
        why = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR and _full(path) else code
        hint = f"make room there: df {path.parent}" if why == sqlite3.SQLITE_FULL else ""
        return StateError(f"cannot use the state {path}", detail=_UNUSABLE[why], hint=hint)
    return StateDamaged(f"{path} is damaged", detail=str(error))


def _full(path: Path) -> bool:
    """Whether nothing more can be written where the file lies."""
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def _lay_out(aside: Path) -> None:
    with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")


def _put(aside: Path, path: Path) -> None:
    """Link the new file into place, unless another process was faster; then make both survive a power cut."""
    _sync(aside, os.O_RDONLY)
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return
    _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
