"""The log read from its end: a missing end, or another one than was noted, is said and never taken for the end."""

import sqlite3
from itertools import islice
from pathlib import Path

import pytest

from rotator.adapters.sqlite_state import SqliteState
from rotator.domain.audit import START, AuditEntry, AuditRecord
from rotator.errors import StateDamaged
from tests.adapters.states import Bench, run
from tests.fakes.clock import FakeClock
from tests.unit.logs import DAY, NOW


def events(records: list[AuditRecord]) -> list[str]:
    return [record.entry.event for record in records]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A log of three entries."""
    store = SqliteState(tmp_path / "state.db", FakeClock())
    lease = store.acquire("me", DAY)
    store.note(lease, [AuditEntry(NOW, "", name) for name in "abc"])
    store.release(lease)
    return tmp_path / "state.db"


def newest(file: Path) -> list[AuditRecord]:
    return list(SqliteState(file, FakeClock()).newest())


def tamper(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()


def test_from_its_end_to_its_beginning(file: Path) -> None:
    records = newest(file)
    assert events(records) == ["c", "b", "a"]
    assert records[-1].previous == START


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("DELETE FROM audit WHERE number = 3", []),
        ("DELETE FROM audit", []),
        ("UPDATE audit SET digest = 'x' WHERE number = 3", []),
        ("DELETE FROM audit WHERE number = 2", ["c"]),
        ("UPDATE audit SET digest = 'x' WHERE number = 1", ["c", "b"]),
        ("UPDATE audit SET entry = '{}' WHERE number = 3", []),
    ],
)
def test_what_is_missing_is_said_where_it_is_missing(
    file: Path, statement: str, read: list[str]
) -> None:
    tamper(file, statement)
    records = SqliteState(file, FakeClock()).newest()
    assert events(list(islice(records, len(read)))) == read
    with pytest.raises(StateDamaged):
        next(records)


def test_nothing_is_not_made_by_reading(tmp_path: Path) -> None:
    assert newest(tmp_path / "none.db") == []
    assert not (tmp_path / "none.db").exists()


@pytest.mark.s3
def test_a_bucket_whose_newest_entry_is_gone(
    seaweedfs_endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Bench(seaweedfs_endpoint, "log-end", tmp_path).team(monkeypatch)
    run(team.state(), saves=1)
    assert events(list(team.state().newest())) == ["done", "begun"]
    team.delete(next(name for name in team.names() if name.startswith("audit/")))
    with pytest.raises(StateDamaged, match="the end of the audit log is missing"):
        next(team.state().newest())
