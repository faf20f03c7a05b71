"""What keeps state, evidence and the log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from rotator.domain.audit import AuditEntry, AuditRecord
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write; `fence` goes up with every holder."""

    owner: str
    fence: int


class StateStore(Protocol):
    """Keeps state, evidence and the audit log. Every write checks the lease."""

    def load(self, issuer: str) -> IssuerState | None:
        """The issuer's state, None when there is none. Raises StateDamaged."""
        ...

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        """Save with serial + 1 and log `entries` in the same transaction; returns what was saved.

        `state.serial` must be the stored one (0: none stored). Raises StateConflict, LeaseLost.
        """
        ...

    def issuers(self) -> tuple[str, ...]:
        """The issuers that have state, sorted."""
        ...

    def load_evidence(self, issuer: str) -> Evidence:
        """What was seen of the issuer, empty when nothing was."""
        ...

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        """Keep what was seen and return it. Needs no lease and moves no serial.

        `before` is what the look began with: where something else is stored by now, what both may believe is kept
        (`domain.cautious`). None replaces whatever is there.
        """
        ...

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log in order, as stored and unchecked."""
        ...

    def newest(self) -> Iterator[AuditRecord]:
        """The log from its end, newest first, each read when it is asked for. Raises StateDamaged when its end is missing."""
        ...

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        """Log what changes no issuer's state. Raises LeaseLost."""
        ...

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take the lease for `term`. Raises LeaseHeld with who holds it.

        `urgent` (a compromise): the holder is asked to hand it over, which it does at its next `renew`, that is after the
        step under way, whose result it still saves; waits for that, at most for the term of a holder that is silent.
        One that was taken urgently itself is not handed over.
        """
        ...

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours, for `term` from now. Raises LeaseLost, also when somebody asked for it urgently."""
        ...

    def release(self, lease: Lease) -> None:
        """Give it back; one that is lost already is fine."""
        ...

    def holder(self) -> Lease | None:
        """Who holds the lease now."""
        ...

    def break_lease(self) -> Lease | None:
        """Take it from whoever holds it (`state unlock`); returns who did. Their next write fails."""
        ...
