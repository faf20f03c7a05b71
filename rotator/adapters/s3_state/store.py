"""`ports.StateStore` on the objects of a bucket: state and evidence per issuer, the log per record, one lease.

A save looks at the lease, then logs, then replaces the state on the ETag that was read: a crash leaves at most a line
about what the next run does again, never an effect without its line.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from rotator.adapters.s3_state.bucket import Bucket, Instead
from rotator.adapters.s3_state.documents import (
    evidence_body,
    read_evidence,
    read_state,
    state_body,
)
from rotator.adapters.s3_state.lease import Leases
from rotator.adapters.s3_state.log import Log
from rotator.aws import AwsAccess, AwsClients
from rotator.aws.families import STATE
from rotator.aws.objects import Objects
from rotator.domain.audit import AuditEntry, AuditRecord
from rotator.domain.cautious import cautious
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.domain.stored import checksum, text_of
from rotator.errors import StateConflict, StateDamaged
from rotator.ports import Clock, Lease, Stored
from rotator.process import Process

_STATE: Final = "state/"
_EVIDENCE: Final = "evidence/"
_SUFFIX: Final = ".json"
_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was last read or written of one object: its ETag (None: there is none) and what tells its content apart."""

    etag: str | None
    content: int | str


class S3State:
    """Implements `ports.StateStore` below `prefix`. Safe to share between threads.

    `process` is the process that leases are taken for: this one, unless a test plays another.
    """

    def __init__(
        self,
        clients: AwsClients,
        access: AwsAccess,
        bucket: str,
        prefix: str,
        clock: Clock,
        process: Process | None = None,
    ) -> None:
        self._bucket = Bucket(Objects(clients, access, bucket, STATE), prefix, clock)
        self._leases = Leases(self._bucket, clock, process)
        self._log = Log(self._bucket)
        self._states: dict[str, _Seen] = {}
        self._evidence: dict[str, _Seen] = {}

    def load(self, issuer: str) -> IssuerState | None:
        """The issuer's state, None when there is none."""
        stored = self._bucket.read(_name(_STATE, issuer))
        with self._told(_name(_STATE, issuer)):
            state = read_state(issuer, stored.body) if stored else None
        self._states[issuer] = _Seen(stored.etag if stored else None, state.serial if state else 0)
        return state

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        """Log, then save with serial + 1. StateUnreachable may come after the effect; the next load tells."""
        held = self._leases.check(lease)
        etag = self._expected(state)
        self._log.append(entries, held.document.head, lambda: self._leases.check(lease))
        saved = replace(state, serial=state.serial + 1)
        body = state_body(saved, lease.fence)
        outcome = self._bucket.replace(_name(_STATE, state.issuer), body, etag)
        if isinstance(outcome, Instead):
            self._states.pop(state.issuer, None)
            self._leases.check(lease)
            raise _moved(state.issuer, "another run saved in the same moment")
        self._states[state.issuer] = _Seen(outcome, saved.serial)
        return saved

    def issuers(self) -> tuple[str, ...]:
        """The issuers that have state, sorted."""
        names = self._bucket.names(_STATE)
        return tuple(sorted(n.removesuffix(_SUFFIX) for n in names if n.endswith(_SUFFIX)))

    def load_evidence(self, issuer: str) -> Evidence:
        """What was seen of the issuer, empty when nothing was."""
        return self._read_evidence(issuer, self._bucket.read(_name(_EVIDENCE, issuer)))

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        """Keep what was seen; where somebody kept theirs since `before`, what both may believe."""
        self._leases.prove_conditions()
        issuer, kept = evidence.issuer, evidence
        seen = self._evidence.get(issuer)
        if before is None or seen is None or seen.content != _content(before):
            stored = self._bucket.read(_name(_EVIDENCE, issuer))
            etag, kept = self._both(evidence, before, stored)
        else:
            etag = seen.etag
        for _ in range(_ROUNDS):
            outcome = self._bucket.replace(_name(_EVIDENCE, issuer), evidence_body(kept), etag)
            if not isinstance(outcome, Instead):
                self._evidence[issuer] = _Seen(outcome, _content(kept))
                return kept
            etag, kept = self._both(evidence, before, outcome.stored)
        raise StateConflict(f"others keep their evidence of {issuer} all the time")

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log in order, then StateDamaged when its end is missing."""
        # The lease first: whoever appends afterwards makes the log longer, never shorter.
        return self._log.records(self._leases.look().document.head)

    def newest(self) -> Iterator[AuditRecord]:
        """The log from its end, newest first. Raises StateDamaged when its end is missing."""
        return self._log.newest(self._leases.look().document.head)

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        """Log what changes no issuer's state."""
        held = self._leases.check(lease)
        self._log.append(entries, held.document.head, lambda: self._leases.check(lease))

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take the lease: at once when it is free or its holder is gone, after a silent term when nobody can tell.

        `urgent` asks a holder that lives for it first.
        """
        lease = self._leases.acquire(owner, term, urgent=urgent)
        self._log.head = None
        self._states.clear()  # what was read without the lease may have moved since
        return lease

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours, for `term` from now."""
        self._leases.renew(lease, term, self._log.head)

    def release(self, lease: Lease) -> None:
        """Give it back; one that is lost already is fine, and so is a store that does not answer: it ends by itself."""
        self._leases.release(lease, self._log.head)

    def holder(self) -> Lease | None:
        """Who holds the lease now."""
        return self._leases.look().document.lease

    def break_lease(self) -> Lease | None:
        """Take it from whoever holds it; returns who did."""
        return self._leases.break_()

    def _expected(self, state: IssuerState) -> str | None:
        """The ETag of the state that is to be replaced. Raises StateConflict when its serial is another."""
        seen = self._states.get(state.issuer)
        if seen is None or seen.content != state.serial:
            self.load(state.issuer)
            seen = self._states[state.issuer]
        if seen.content != state.serial:
            raise _moved(state.issuer, f"serial {state.serial} was read, {seen.content} is stored")
        return seen.etag

    def _both(
        self, evidence: Evidence, before: Evidence | None, stored: Stored | None
    ) -> tuple[str | None, Evidence]:
        """The ETag to replace, and what to put there."""
        etag = stored.etag if stored else None
        if before is None:
            return etag, evidence
        there = self._read_evidence(evidence.issuer, stored)
        return etag, evidence if there == before else cautious(there, evidence)

    def _read_evidence(self, issuer: str, stored: Stored | None) -> Evidence:
        with self._told(_name(_EVIDENCE, issuer)):
            if stored is None:
                found, content = Evidence(issuer=issuer), _content(Evidence(issuer=issuer))
            else:
                found, content = read_evidence(issuer, stored.body)
        self._evidence[issuer] = _Seen(stored.etag if stored else None, content)
        return found

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """Say with damage which object it is, and how it is mended in a bucket."""
        try:
            yield
        except StateDamaged as error:
            place = self._bucket.location(name)
            raise StateDamaged(
                error.message,
                detail=f"{place}: {error.detail}" if error.detail else place,
                hint="bring back an earlier version of the object, or delete it and import the last export: "
                "rotator state import FILE",
            ) from None


def _name(folder: str, issuer: str) -> str:
    return f"{folder}{issuer}{_SUFFIX}"


def _content(evidence: Evidence) -> str:
    return checksum(evidence.issuer, text_of(evidence))


def _moved(issuer: str, why: str) -> StateConflict:
    return StateConflict(f"the state of {issuer} moved since it was read", detail=why)
