"""What is particular to the SQLite file: how it is made, what damage looks like, and who a lease's holder is."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.sqlite_state import SqliteState
from rotator.adapters.sqlite_state.database import explained
from rotator.domain.audit import verify_chain
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.errors import LeaseHeld, LeaseLost, StateConflict, StateDamaged, StateError
from rotator.ports import AuditEntry, Lease
from rotator.process import Process
from tests.fakes.clock import START, FakeClock

MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[2]
ELSEWHERE = Process(host="other/1", boot="b-1", namespace="pid:[1]", pid=1, started="7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".rotator" / "state.db"


def filled(path: Path, saves: int = 3) -> SqliteState:
    """A state that was saved some times, with a log entry for each."""
    store = SqliteState(path, FakeClock())
    lease = store.acquire("me", MINUTE)
    state = IssuerState(issuer="accounts", lineage="l-1")
    for number in range(saves):
        state = store.save(lease, state, [AuditEntry(START, "accounts", "saved", {"n": number})])
    store.save_evidence(Evidence(issuer="accounts"))
    store.release(lease)
    return store


def tamper(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


# ------------------------------------------------------------------------------------- the file


def test_reading_creates_nothing(path: Path) -> None:
    store = SqliteState(path, FakeClock())
    store.load("accounts")
    store.load_evidence("accounts")
    store.issuers()
    list(store.audit())
    store.holder()
    store.break_lease()
    store.release(Lease("me", 1))
    assert not path.parent.exists()


def test_the_file_is_whole_and_for_its_owner_alone(path: Path) -> None:
    SqliteState(path, FakeClock()).acquire("me", MINUTE)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_file_keeps_a_write_ahead_log(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_newer_format_is_refused(path: Path) -> None:
    store = filled(path)
    tamper(path, "PRAGMA user_version = 2")
    for use in (lambda: store.load("accounts"), lambda: store.acquire("me", MINUTE)):
        with pytest.raises(StateError, match="newer"):
            use()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b""), "not a state"),
        (lambda path: path.write_bytes(b"SQLite? no" * 1000), "damaged"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged"),
        (lambda path: tamper(path, "PRAGMA user_version = 0"), "not a state"),
        (lambda path: tamper(path, "DROP TABLE issuers"), "damaged"),
        (lambda path: tamper(path, "UPDATE issuers SET state = replace(state, 'l-1', 'l-2')"), "accounts"),
        (lambda path: tamper(path, "UPDATE issuers SET state = substr(state, 1, 40)"), "accounts"),
        (lambda path: tamper(path, "UPDATE issuers SET serial = 2"), "another time"),
        (lambda path: (path.unlink(), path.with_name("state.db-wal").write_bytes(b"x")), "gone"),
    ],
    ids=[
        "emptied",
        "overwritten",
        "truncated",
        "no version",
        "table dropped",
        "altered",
        "cut",
        "serial moved",
        "only the log left",
    ],
)  # fmt: skip
def test_damage_is_found_and_never_half_used(
    path: Path, damage: Callable[[Path], object], words: str
) -> None:
    store = filled(path)
    damage(path)
    with pytest.raises(StateDamaged, match=words) as caught:
        store.load("accounts")
    assert caught.value.hint


def test_one_issuers_state_cannot_stand_in_for_anothers(path: Path) -> None:
    store = filled(path)
    tamper(path, "INSERT INTO issuers SELECT 'payments', serial, state, sha256 FROM issuers")
    with pytest.raises(StateDamaged):
        store.load("payments")


def test_a_state_whose_members_are_unknown_is_damaged(path: Path) -> None:
    store = filled(path)
    text = '{"issuer":"accounts","surprise":1}'
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("sha", 1, _checksum)
        connection.execute("UPDATE issuers SET state = ?1, sha256 = sha(?1)", (text,))
    with pytest.raises(StateDamaged, match="cannot be read"):
        store.load("accounts")


def _checksum(text: str) -> str:
    import hashlib

    return hashlib.sha256(f"accounts\n{text}".encode()).hexdigest()


@pytest.mark.parametrize("statement", ["DELETE FROM lease", "UPDATE lease SET owner = 'x'"])
def test_a_damaged_lease_is_said(path: Path, statement: str) -> None:
    store = filled(path)
    tamper(path, statement + (", term = NULL" if "UPDATE" in statement else ""))
    with pytest.raises(StateDamaged):
        store.holder()


def test_damaged_evidence_is_said(path: Path) -> None:
    store = filled(path)
    tamper(path, "UPDATE evidence SET evidence = '{}'")
    with pytest.raises(StateDamaged, match="evidence of accounts"):
        store.load_evidence("accounts")


def test_a_folder_where_no_file_can_be_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SqliteState(tmp_path / "file" / "state.db", FakeClock())
    with pytest.raises(StateError, match="cannot use") as caught:
        store.acquire("me", MINUTE)
    assert caught.value.detail == f"File exists: {tmp_path / 'file'}"


def test_a_full_disk_is_said_and_leaves_the_state_as_it_was(path: Path) -> None:
    store = filled(path)
    lease = store.acquire("me", MINUTE)
    before = store.load("accounts")
    assert before is not None
    big = replace(before, lineage="x" * 5_000_000)
    with _small_files(), pytest.raises(StateError, match="cannot use") as caught:
        store.save(lease, big, ())
    assert caught.value.detail
    assert not isinstance(caught.value, StateDamaged)
    assert store.load("accounts") == before
    assert store.save(lease, before, ()).serial == before.serial + 1


@pytest.mark.parametrize(
    ("folder", "words", "hint"),
    [("/proc", "the disk is full", "make room there: df /proc"), ("/", "with an error", "runbook")],
)
def test_an_error_of_a_disk_that_is_full_is_called_that(folder: str, words: str, hint: str) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    said = explained(Path(folder) / "state.db", error)  # /proc never has room for anything
    assert words in said.detail
    assert hint in said.hint


@contextmanager
def _small_files() -> Iterator[None]:
    """No file of this process may grow past a megabyte: writing fails as on a full disk."""
    import resource
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can look into; pytest's own belong to the user who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="rotator-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_what_cannot_be_written_can_still_be_read(open_folder: Path) -> None:
    path = open_folder / "state.db"
    filled(path)
    path.chmod(0o444)
    open_folder.chmod(0o555)
    reader = subprocess.run(
        [sys.executable, "-m", "tests.adapters.onlooker", path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    refused, seen = reader.stdout.splitlines()
    assert "cannot be written" in refused
    assert seen == "serial 3, 3 entries, held by None"


def test_a_writer_waits_for_another_and_then_gives_way(path: Path) -> None:
    store = filled(path)
    lease = store.acquire("me", MINUTE)
    state = store.load("accounts")
    assert state is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.load("accounts") == state
        with pytest.raises(StateConflict, match="another process"):
            _impatient(store).save(lease, state, ())


def _impatient(store: SqliteState) -> SqliteState:
    store._database.patience = 0.2
    return store


# --------------------------------------------------------------------------------- the audit log


@pytest.mark.parametrize(
    ("statement", "first_broken"),
    [
        ("UPDATE audit SET entry = replace(entry, '\"n\":1', '\"n\":7')", 2),
        ("DELETE FROM audit WHERE number = 1", 2),
        ("DELETE FROM audit WHERE number = 2", 3),
        ("UPDATE audit SET digest = previous WHERE number = 3", 3),
    ],
)
def test_a_changed_log_shows(path: Path, statement: str, first_broken: int) -> None:
    store = filled(path)
    tamper(path, statement)
    records = []
    try:
        for record in store.audit():
            records.append(record)  # noqa: PERF402 - what came before the error counts
    except StateDamaged:
        assert "number = 3" in statement
    assert verify_chain(records) == first_broken


def test_a_log_that_lost_its_end_shows_now_and_for_ever(path: Path) -> None:
    store = filled(path)
    tamper(path, "DELETE FROM audit WHERE number = 3")
    with pytest.raises(StateDamaged, match="end of the audit log"):
        list(store.audit())
    lease, state = store.acquire("me", MINUTE), store.load("accounts")
    assert state is not None
    store.save(lease, state, [AuditEntry(START, "accounts", "later")])
    records = list(store.audit())
    assert [record.number for record in records] == [1, 2, 4]
    assert verify_chain(records) == 4


def test_an_entry_that_is_no_entry_is_damage(path: Path) -> None:
    store = filled(path)
    tamper(path, "UPDATE audit SET entry = '{' WHERE number = 2")
    with pytest.raises(StateDamaged, match="entry 2"):
        list(store.audit())


# ------------------------------------------------------------------------------------- the lease


def test_a_holder_elsewhere_that_goes_on_renewing_keeps_the_lease(path: Path) -> None:
    clock = RenewingClock(path)
    clock.lease = SqliteState(path, clock, ELSEWHERE).acquire("there", MINUTE)
    with pytest.raises(LeaseHeld, match="there"):
        SqliteState(path, clock).acquire("here", MINUTE)
    assert clock.slept == [timedelta(seconds=1)]


class RenewingClock(FakeClock):
    """While somebody sleeps, the holder elsewhere renews its lease."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.lease: Lease | None = None

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        assert self.lease is not None
        SqliteState(self._path, self, ELSEWHERE).renew(self.lease, MINUTE)


def test_a_holder_elsewhere_that_is_silent_for_its_term_loses_the_lease(path: Path) -> None:
    clock = FakeClock()
    old = SqliteState(path, clock, ELSEWHERE).acquire("there", timedelta(minutes=3))
    store = SqliteState(path, clock)
    new = store.acquire("here", MINUTE)
    assert sum(clock.slept, timedelta()) == timedelta(minutes=3)
    assert (new.fence, store.holder()) == (old.fence + 1, new)
    with pytest.raises(LeaseLost):
        SqliteState(path, clock, ELSEWHERE).renew(old, MINUTE)


def test_the_wall_clock_does_not_shorten_the_wait(path: Path) -> None:
    clock = FakeClock()
    SqliteState(path, clock, ELSEWHERE).acquire("there", MINUTE)
    clock.set(START + timedelta(days=400))
    SqliteState(path, clock).acquire("here", MINUTE)
    assert sum(clock.slept, timedelta()) == MINUTE


def test_a_lease_given_back_while_it_is_watched_is_taken(path: Path) -> None:
    class ReleasingClock(FakeClock):
        def sleep(self, duration: timedelta) -> None:
            super().sleep(duration)
            SqliteState(path, self, ELSEWHERE).release(old)

    clock = ReleasingClock()
    old = SqliteState(path, clock, ELSEWHERE).acquire("there", MINUTE)
    assert SqliteState(path, clock).acquire("here", MINUTE).fence == old.fence + 1
    assert len(clock.slept) == 1


def _holder(path: Path) -> tuple[subprocess.Popen[str], int]:
    """A process of its own that holds the lease, and its fence."""
    holder = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.holder", path],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert holder.stdout is not None
    return holder, int(holder.stdout.readline())


def test_a_killed_holder_gives_way_at_once_and_a_live_one_does_not(path: Path) -> None:
    store = SqliteState(path, SystemClock())
    holder, fence = _holder(path)
    try:
        with pytest.raises(LeaseHeld, match="holder") as caught:
            store.acquire("here", MINUTE)
        assert str(holder.pid) in caught.value.detail
        holder.kill()
        holder.wait()
        lease = store.acquire("here", MINUTE)
        assert lease.fence == fence + 1
        store.save(lease, IssuerState(issuer="accounts"), ())
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close() if holder.stdout else None


def _compete(path: Path, answers: "multiprocessing.Queue[int]") -> None:
    store = SqliteState(path, SystemClock())
    wins = 0
    for _ in range(25):
        try:
            lease = store.acquire(f"process {os.getpid()}", MINUTE)
        except LeaseHeld:
            continue
        state = store.load("accounts") or IssuerState(issuer="accounts")
        store.save(lease, state, [AuditEntry(START, "accounts", "won")])
        store.release(lease)
        wins += 1
    answers.put(wins)


def test_processes_that_compete_never_lose_each_others_work(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[int] = context.Queue()
    racers = [context.Process(target=_compete, args=(path, answers)) for _ in range(3)]
    for racer in racers:
        racer.start()
    wins = sum(answers.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
    store = SqliteState(path, SystemClock())
    state = store.load("accounts")
    assert state is not None
    assert state.serial == wins == len(list(store.audit())) > 0
    assert verify_chain(store.audit()) is None
