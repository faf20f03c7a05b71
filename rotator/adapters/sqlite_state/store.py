"""`ports.StateStore` on one SQLite file; state and evidence are JSON with a checksum, every change a transaction."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rotator.adapters.sqlite_state import lease as leases
from rotator.adapters.sqlite_state.database import Database, only_row
from rotator.adapters.sqlite_state.lease import Holding
from rotator.domain.audit import AuditEntry, AuditRecord, chained
from rotator.domain.cautious import cautious
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.domain.stored import checksum, restored, restored_entry, restored_state, text_of
from rotator.errors import LeaseHeld, LeaseLost, StateConflict, StateDamaged
from rotator.ports import Clock, Lease
from rotator.process import Fate, Process, fate, this_process

_POLL: Final = timedelta(seconds=1)
_ROUNDS: Final = 5
"""How often somebody else may be quicker to take the lease that a holder handed over."""
_RECORD: Final = "SELECT previous, entry, digest FROM audit WHERE number = ?"


class SqliteState:
    """Implements `ports.StateStore`. Reading never creates the file; `acquire` and `save_evidence` do.

    `process` is the process that leases are taken for: this one, unless a test plays another.
    """

    def __init__(self, path: Path, clock: Clock, process: Process | None = None) -> None:
        self._database = Database(path)
        self._clock = clock
        self._played = process

    def load(self, issuer: str) -> IssuerState | None:
        """The issuer's state, None when there is none."""
        row = self._row("SELECT serial, state, sha256 FROM issuers WHERE issuer = ?", issuer)
        if row is None:
            return None
        serial, text, written = row
        return restored_state(text, written, issuer, serial)

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        """Save with serial + 1 and log `entries` in the same transaction."""
        saved = replace(state, serial=state.serial + 1)
        text = text_of(saved)
        self._must_exist()
        with self._database.writing() as connection:
            leases.check(connection, lease)
            _check_serial(connection, state)
            connection.execute(
                "INSERT OR REPLACE INTO issuers VALUES (?, ?, ?, ?)",
                (saved.issuer, saved.serial, text, checksum(saved.issuer, text)),
            )
            _log(connection, entries)
        return saved

    def issuers(self) -> tuple[str, ...]:
        """The issuers that have state, sorted."""
        if not self._database.exists():
            return ()
        with self._database.reading() as connection:
            rows = connection.execute("SELECT issuer FROM issuers").fetchall()
        return tuple(sorted(issuer for (issuer,) in rows))

    def load_evidence(self, issuer: str) -> Evidence:
        """What was seen of the issuer, empty when nothing was."""
        row = self._row("SELECT evidence, sha256 FROM evidence WHERE issuer = ?", issuer)
        if row is None:
            return Evidence(issuer=issuer)
        text, written = row
        return restored(Evidence, text, written, issuer, "evidence")

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        """Keep what was seen; where somebody kept theirs since `before`, what both may believe."""
        self._database.create()
        with self._database.writing() as connection:
            if before is not None:
                stored = self.load_evidence(evidence.issuer)
                evidence = evidence if stored == before else cautious(stored, evidence)
            text = text_of(evidence)
            connection.execute(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)",
                (evidence.issuer, text, checksum(evidence.issuer, text)),
            )
        return evidence

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log in order, then StateDamaged when its end is missing."""
        if not self._database.exists():
            return
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM audit ORDER BY number").fetchall()
            last, digest = only_row(connection, "SELECT number, digest FROM audit_head")
        for number, previous, entry, own in rows:
            yield AuditRecord(number, restored_entry(number, entry), previous, own)
        if last and (not rows or (rows[-1][0], rows[-1][3]) != (last, digest)):
            raise StateDamaged(
                "the end of the audit log is missing", detail=f"{last} entries were written"
            )

    def newest(self) -> Iterator[AuditRecord]:
        """The log from its end, newest first. Raises StateDamaged when its end is missing."""
        if not self._database.exists():
            return
        with self._database.reading() as connection:
            number, digest = only_row(connection, "SELECT number, digest FROM audit_head")
        while number:
            with self._database.reading() as connection:
                row = connection.execute(_RECORD, (number,)).fetchone()
            if row is None or row[2] != digest:
                raise StateDamaged(f"entry {number} of the audit log is missing or another one")
            previous, entry, own = row
            yield AuditRecord(number, restored_entry(number, entry), previous, own)
            number, digest = number - 1, previous

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        """Log what changes no issuer's state."""
        self._must_exist()
        with self._database.writing() as connection:
            leases.check(connection, lease)
            _log(connection, entries)

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take the lease: at once when it is free or its holder is gone, after a silent term when nobody can tell.

        `urgent` asks a holder that lives for it first.
        """
        self._database.create()
        taken = self._take(owner, term, watched=None, urgent=urgent)
        rounds = _ROUNDS if urgent else 1
        while isinstance(taken, Holding) and rounds:
            taken, rounds = self._take_over(owner, term, taken, urgent=urgent), rounds - 1
        if isinstance(taken, Holding):
            raise _held(taken)
        return taken

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours, for `term` from now."""
        self._must_exist()
        with self._database.writing() as connection:
            leases.renew(connection, lease, term)

    def release(self, lease: Lease) -> None:
        """Give it back; one that is lost already is fine."""
        if self._database.exists():
            with self._database.writing() as connection:
                leases.release(connection, lease)

    def holder(self) -> Lease | None:
        """Who holds the lease now."""
        if not self._database.exists():
            return None
        with self._database.reading() as connection:
            holding = leases.held(connection)
        return holding.lease if holding else None

    def break_lease(self) -> Lease | None:
        """Take it from whoever holds it; returns who did."""
        if not self._database.exists():
            return None
        with self._database.writing() as connection:
            return leases.break_(connection)

    def _take(
        self, owner: str, term: timedelta, watched: Holding | None, *, urgent: bool
    ) -> Lease | Holding:
        """The lease, or its holder when nothing here tells whether it lives; raises LeaseHeld when it does.

        `watched` is a holder that was silent for its whole term. One that lives and is asked urgently is returned, too.
        """
        me = self._played or this_process()
        with self._database.writing() as connection:
            holding = leases.held(connection)
            if holding is not None and holding != watched:
                known = fate(holding.process, me)
                asked = known is not Fate.GONE and urgent and _asked(connection, holding, owner)
                if known is Fate.ALIVE and not asked:
                    raise _held(holding)
                if known is not Fate.GONE:
                    return holding
            lease = leases.take(connection, owner, me, term, self._clock.now())
            if urgent:
                leases.mark_urgent(connection, lease)
            return lease

    def _take_over(
        self, owner: str, term: timedelta, watched: Holding, *, urgent: bool
    ) -> Lease | Holding:
        """The lease of a holder that does not renew it for its whole term, on our own clock (design I6)."""
        until = self._clock.monotonic() + watched.term.total_seconds()
        while self._clock.monotonic() < until:
            self._clock.sleep(_POLL)
            with self._database.reading() as connection:
                seen = leases.held(connection)
            if seen != watched:
                break
        return self._take(owner, term, watched, urgent=urgent)

    def _must_exist(self) -> None:
        if not self._database.exists():
            raise LeaseLost("the lease is gone, and so is the whole state")

    def _row(self, query: str, issuer: str) -> tuple[Any, ...] | None:
        if not self._database.exists():
            return None
        with self._database.reading() as connection:
            row: tuple[Any, ...] | None = connection.execute(query, (issuer,)).fetchone()
        return row


def _asked(connection: sqlite3.Connection, holding: Holding, owner: str) -> bool:
    """Whether the holder will hand the lease over; who took it urgently is not asked for it."""
    known = leases.urgency(connection, holding.lease)
    if known is None:
        leases.mark_urgent(connection, holding.lease, wanted_by=owner)
    return known is None or known.wanted_by is not None


def _held(holding: Holding) -> LeaseHeld:
    process = holding.process
    return LeaseHeld(
        f"{holding.lease.owner} holds the lease since {holding.since}",
        detail=f"process {process.pid} on {process.host.partition('/')[0]}",
    )


def _check_serial(connection: sqlite3.Connection, state: IssuerState) -> None:
    row = connection.execute(
        "SELECT serial FROM issuers WHERE issuer = ?", (state.issuer,)
    ).fetchone()
    stored = row[0] if row else 0
    if stored != state.serial:
        raise StateConflict(
            f"the state of {state.issuer} moved since it was read",
            detail=f"serial {state.serial} was read, {stored} is stored",
        )


def _log(connection: sqlite3.Connection, entries: Sequence[AuditEntry]) -> None:
    number, digest = only_row(connection, "SELECT number, digest FROM audit_head")
    for entry in entries:
        record = chained(number + 1, digest, entry)
        number, digest = record.number, record.digest
        connection.execute(
            "INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?)",
            (number, record.previous, text_of(entry), digest),
        )
    connection.execute("UPDATE audit_head SET number = ?, digest = ?", (number, digest))
