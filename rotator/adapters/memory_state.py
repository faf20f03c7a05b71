"""State in memory: gone with the process. For a revoke whose state cannot be reached, and for tests.

Kept as JSON text, so that what does not survive being written does not survive here either.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Final, TypeVar

from rotator.domain.audit import START, AuditEntry, AuditRecord, chained
from rotator.domain.cautious import cautious
from rotator.domain.codec import decode, encode
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.errors import LeaseHeld, LeaseLost, StateConflict
from rotator.ports import Clock, Lease

A = TypeVar("A")
_POLL: Final = timedelta(seconds=1)


class MemoryState:
    """Implements `ports.StateStore`. Its holders live in one process, so only who is in a hurry takes a held lease."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, str] = {}
        self._evidence: dict[str, str] = {}
        self._log: list[str] = []
        self._fence = 0
        self._holder: Lease | None = None
        self._term = timedelta()
        self._urgent = False
        self._wanted_by: str | None = None

    def load(self, issuer: str) -> IssuerState | None:
        """The issuer's state, None when there is none."""
        text = self._states.get(issuer)
        return None if text is None else _read(IssuerState, text)

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        """Save with serial + 1 and log `entries` with it."""
        self._check(lease)
        stored = self.load(state.issuer)
        if state.serial != (stored.serial if stored else 0):
            raise StateConflict(f"the state of {state.issuer} moved since it was read")
        saved = replace(state, serial=state.serial + 1)
        text, records = _text(saved), self._chain(entries)
        self._states[state.issuer] = text
        self._log.extend(records)
        return saved

    def issuers(self) -> tuple[str, ...]:
        """The issuers that have state, sorted."""
        return tuple(sorted(self._states))

    def load_evidence(self, issuer: str) -> Evidence:
        """What was seen of the issuer, empty when nothing was."""
        text = self._evidence.get(issuer)
        return Evidence(issuer=issuer) if text is None else _read(Evidence, text)

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        """Keep what was seen; where somebody kept theirs since `before`, what both may believe."""
        stored = self.load_evidence(evidence.issuer)
        if before is not None and stored != before:
            evidence = cautious(stored, evidence)
        self._evidence[evidence.issuer] = _text(evidence)
        return evidence

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log in order."""
        return [decode(AuditRecord, json.loads(text)) for text in self._log]

    def newest(self) -> Iterator[AuditRecord]:
        """The log from its end, newest first."""
        return (decode(AuditRecord, json.loads(text)) for text in reversed(self._log))

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        """Log what changes no issuer's state."""
        self._check(lease)
        self._log.extend(self._chain(entries))

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take the lease; `urgent` asks its holder for it, and takes it after a silent term."""
        while urgent and self._holder and not self._urgent:
            self._await_handover(self._holder, owner)
        if self._holder:
            raise LeaseHeld(f"{self._holder.owner} holds the lease")
        self._fence += 1
        self._holder, self._term, self._urgent = Lease(owner, self._fence), term, urgent
        self._wanted_by = None
        return self._holder

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours, for `term` from now."""
        self._check(lease)
        if self._wanted_by is not None:
            raise LeaseLost.to_a_revoke(self._wanted_by)
        self._term = term

    def release(self, lease: Lease) -> None:
        """Give it back; one that is lost already is fine."""
        if self._holder == lease:
            self._holder = None

    def holder(self) -> Lease | None:
        """Who holds the lease now."""
        return self._holder

    def break_lease(self) -> Lease | None:
        """Take it from whoever holds it; returns who did."""
        held, self._holder = self._holder, None
        self._fence += 1
        return held

    def _await_handover(self, held: Lease, owner: str) -> None:
        self._wanted_by = owner
        until = self._clock.monotonic() + self._term.total_seconds()
        while self._holder == held and self._clock.monotonic() < until:
            self._clock.sleep(_POLL)
        self.release(held)

    def _check(self, lease: Lease) -> None:
        if self._holder == lease:
            return
        if self._holder and self._urgent:
            raise LeaseLost.to_a_revoke(self._holder.owner)
        raise LeaseLost("the lease was taken from this run")

    def _chain(self, entries: Sequence[AuditEntry]) -> list[str]:
        number = len(self._log)
        previous = json.loads(self._log[-1])["digest"] if self._log else START
        records = []
        for entry in entries:
            record = chained(number + 1, previous, entry)
            number, previous = record.number, record.digest
            records.append(_text(record))
        return records


@lru_cache(maxsize=64)
def _read(kind: type[A], text: str) -> A:
    """A value that is read time and again until it changes; nothing in it can be changed in place."""
    return decode(kind, json.loads(text))


def _text(value: object) -> str:
    return json.dumps(encode(value), allow_nan=False)
