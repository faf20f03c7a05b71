"""The lease object: taken, renewed, given back, broken, each on the ETag last seen; the fence goes up with every holder.

A holder that died gives way by itself: at once where this machine can tell that its process is gone, else after it was
silent for its whole term on the watcher's own monotonic clock (design I6).
"""

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from rotator.adapters.s3_state.bucket import Bucket, Instead
from rotator.adapters.s3_state.documents import (
    Claim,
    Head,
    LeaseDocument,
    fence_in,
    lease_body,
    read_lease,
)
from rotator.domain.times import format_moment
from rotator.errors import LeaseHeld, LeaseLost, StateConflict, StateDamaged, StateUnreachable
from rotator.ports import Clock, Lease, Stored
from rotator.process import Fate, Process, fate, this_process

_NAME: Final = "lease.json"
_POLL: Final = timedelta(seconds=1)
_SOMEBODY: Final = "somebody unknown"
_UNKNOWN: Final = Process(host="", boot="", namespace="", pid=0, started="")
_ROUNDS: Final = 5
"""How often somebody may be quicker before this run gives way."""


@dataclass(frozen=True, slots=True)
class Found:
    """The lease as it was read or written; no ETag where there is no object yet."""

    document: LeaseDocument
    etag: str | None


class Leases:
    """The lease of one state. `process` is the process that leases are taken for: this one, unless a test plays another."""

    def __init__(self, bucket: Bucket, clock: Clock, process: Process | None) -> None:
        self._bucket = bucket
        self._clock = clock
        self._played = process
        self._last: Found | None = None
        self._proving = threading.Lock()
        self._proven = False

    def look(self) -> Found:
        """The lease as it is now. Raises StateDamaged."""
        return _found(self._bucket.read(_NAME))

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take it; `urgent` asks a holder that lives for it. Raises LeaseHeld when its holder goes on."""
        found = self.look()
        for _ in range(_ROUNDS):
            claim = found.document.claim
            if claim is not None and urgent and not claim.urgent and claim.wanted_by is None:
                _, found = self._write(_wanted(found.document, claim, owner), found.etag)
                claim = found.document.claim
            if claim is not None:
                found = self._outlived(found, claim, urgent=urgent)
                now = found.document.claim
                if now is not None and now.token != claim.token:  # somebody else was quicker
                    continue
            taken, found = self._take(found, owner, term, urgent=urgent)
            if taken:
                return Lease(owner, found.document.fence)
            if found.document.claim is not None:
                raise _held(found.document.claim)
        raise StateConflict("others take the lease and give it back all the time")

    def check(self, lease: Lease) -> Found:
        """The lease as it is now. Raises LeaseLost when it is not this one."""
        return self._own(lease, self.look())

    def renew(self, lease: Lease, term: timedelta, head: Head | None) -> None:
        """Tell those who watch that the holder is alive, and note how long the log is."""
        mine = self._mine(lease)
        for _ in range(_ROUNDS):
            if mine.document.claim and mine.document.claim.wanted_by:
                raise LeaseLost.to_a_revoke(mine.document.claim.wanted_by)
            longest = head or mine.document.head
            renewed = mine.document.renewed(term, longest, self._clock.now())
            written, there = self._write(renewed, mine.etag)
            if written:
                return
            mine = self._own(lease, there)
        raise StateConflict("others renew this run's lease all the time")

    def release(self, lease: Lease, head: Head | None) -> None:
        """Free it if it is still this one; a store that does not answer keeps it until its term is over."""
        with suppress(LeaseLost, StateUnreachable):
            mine = self._mine(lease)
            for _ in range(_ROUNDS):
                free = replace(mine.document, claim=None, head=head or mine.document.head)
                written, there = self._write(free, mine.etag)
                if written:
                    return
                mine = self._own(lease, there)

    def break_(self) -> Lease | None:
        """Free it whoever holds it, also where it cannot be read, so that nothing the holder still sends is accepted."""
        for _ in range(_ROUNDS):
            stored = self._bucket.read(_NAME)
            found = self._legible(stored)
            if stored is None or found.document.claim is None:
                return None
            document = found.document
            broken = replace(document, claim=None, fence=document.fence + 1)
            written, _ = self._write(broken, found.etag)
            if written:
                return document.lease
        raise StateConflict("the lease changes hands all the time", hint="try it again")

    def prove_conditions(self, found: Found | None = None) -> None:
        """Raise StateError when the store ignores conditions; one that wrote a lease at this endpoint was tried before."""
        with self._proving:
            if self._proven:
                return
            document = (found or self.look()).document
            if document.proven_at != self._bucket.endpoint():
                self._bucket.prove_conditions(_NAME)
            self._proven = True

    def _take(
        self, found: Found, owner: str, term: timedelta, *, urgent: bool
    ) -> tuple[bool, Found]:
        self.prove_conditions(found)
        claim = _claim(owner, self._played or this_process(), self._clock.now(), term)
        claim = replace(claim, urgent=urgent)
        fence, endpoint = found.document.fence + 1, self._bucket.endpoint()
        taken = replace(found.document, fence=fence, claim=claim, proven_at=endpoint)
        return self._write(taken, found.etag)

    def _outlived(self, found: Found, claim: Claim, *, urgent: bool) -> Found:
        """The lease once it may be taken; a holder that lives and is asked for it is watched, too."""
        me = self._played or this_process()
        # Machines from one image share their names: only the kernel's own boot id says that a pid can be asked for here.
        known = fate(claim.process, me, by_name=False)
        match known:
            case Fate.ALIVE if not urgent or claim.wanted_by is None:
                raise _held(claim)
            case Fate.GONE:
                return found
            case Fate.UNKNOWN | Fate.ALIVE:
                return self._watched(found, claim, urgent=urgent)
            case _:
                assert_never(known)

    def _watched(self, found: Found, claim: Claim, *, urgent: bool) -> Found:
        """The lease after its holder was silent for a whole term, or gave it back meanwhile; `urgent`, or another's."""
        until = self._clock.monotonic() + claim.term.total_seconds()
        while (left := until - self._clock.monotonic()) > 0:
            self._clock.sleep(min(_POLL, timedelta(seconds=left)))
            seen = self.look()
            if seen.document.claim is None:
                return seen
            if seen.document != found.document:
                if urgent and seen.document.claim.token != claim.token:
                    return seen
                raise _held(seen.document.claim)
        return found

    def _write(self, document: LeaseDocument, etag: str | None) -> tuple[bool, Found]:
        """Whether it was written, and what is there now."""
        outcome = self._bucket.replace(_NAME, lease_body(document), etag)
        if isinstance(outcome, Instead):
            return False, _found(outcome.stored)
        self._last = Found(document, outcome)
        return True, self._last

    def _mine(self, lease: Lease) -> Found:
        last = self._last
        return last if last and last.document.lease == lease else self.check(lease)

    def _own(self, lease: Lease, found: Found) -> Found:
        now, last = found.document, self._last
        before = last.document if last and last.document.lease == lease else now
        same = before.claim and now.claim and before.claim.token == now.claim.token
        if now.lease == lease and same:
            self._last = found
            return found
        if now.claim and now.claim.urgent:
            raise LeaseLost.to_a_revoke(now.claim.owner)
        holder = f"{now.claim.owner} has it" if now.claim else "nobody has it"
        raise LeaseLost("the lease was taken from this run", detail=holder)

    def _legible(self, stored: Stored | None) -> Found:
        """The lease; where it cannot be read, one of somebody unknown whose fence is surely not too low."""
        try:
            return _found(stored)
        except StateDamaged:
            now = self._clock.now()
            fence = max(fence_in(stored.body if stored else b""), int(now.timestamp()))
            claim = _claim(_SOMEBODY, _UNKNOWN, now, timedelta())
            etag = stored.etag if stored else None
            return Found(LeaseDocument(fence=fence, claim=claim), etag)


def _claim(owner: str, process: Process, now: datetime, term: timedelta) -> Claim:
    return Claim(
        owner=owner,
        process=process,
        since=now,
        renewed_at=now,
        renewals=0,
        term=term,
        token=secrets.token_hex(8),
    )


def _wanted(document: LeaseDocument, claim: Claim, owner: str) -> LeaseDocument:
    """The lease with a word to its holder, who finds it at the next renewal."""
    return replace(document, claim=replace(claim, wanted_by=owner))


def _found(stored: Stored | None) -> Found:
    return Found(read_lease(stored.body), stored.etag) if stored else Found(LeaseDocument(), None)


def _held(claim: Claim) -> LeaseHeld:
    process = claim.process
    return LeaseHeld(
        f"{claim.owner} holds the lease since {format_moment(claim.since)}",
        detail=f"process {process.pid} on {process.host.partition('/')[0]}, "
        f"renewed {format_moment(claim.renewed_at)}",
    )
