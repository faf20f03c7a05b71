"""State in memory, kept as JSON text, so that what does not survive being written does not survive here either."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from rotator.domain.audit import START, AuditEntry, AuditRecord, chained
from rotator.domain.codec import decode, encode
from rotator.domain.evidence import Evidence, cautious
from rotator.domain.state import IssuerState
from rotator.errors import LeaseHeld, LeaseLost, StateConflict
from rotator.ports import Clock, Lease


class MemoryState:
    """Implements `ports.StateStore`. Its holders live in one process, so a held lease is never taken over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, str] = {}
        self._evidence: dict[str, str] = {}
        self._log: list[str] = []
        self._fence = 0
        self._holder: Lease | None = None

    def load(self, issuer: str) -> IssuerState | None:
        text = self._states.get(issuer)
        return None if text is None else decode(IssuerState, json.loads(text))

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
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
        return tuple(sorted(self._states))

    def load_evidence(self, issuer: str) -> Evidence:
        text = self._evidence.get(issuer)
        return Evidence(issuer=issuer) if text is None else decode(Evidence, json.loads(text))

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        stored = self.load_evidence(evidence.issuer)
        if before is not None and stored != before:
            evidence = cautious(stored, evidence)
        self._evidence[evidence.issuer] = _text(evidence)
        return evidence

    def audit(self) -> Iterable[AuditRecord]:
        return [decode(AuditRecord, json.loads(text)) for text in self._log]

    def acquire(self, owner: str, term: timedelta) -> Lease:
        if self._holder:
            raise LeaseHeld(f"{self._holder.owner} holds the lease")
        self._fence += 1
        self._holder = Lease(owner, self._fence)
        return self._holder

    def renew(self, lease: Lease, term: timedelta) -> None:
        self._check(lease)

    def release(self, lease: Lease) -> None:
        if self._holder == lease:
            self._holder = None

    def holder(self) -> Lease | None:
        return self._holder

    def break_lease(self) -> Lease | None:
        held, self._holder = self._holder, None
        self._fence += 1
        return held

    def _check(self, lease: Lease) -> None:
        if self._holder != lease:
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


def _text(value: object) -> str:
    return json.dumps(encode(value), allow_nan=False)
