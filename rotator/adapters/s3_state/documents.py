"""What the objects hold: JSON with a checksum over what counts, and whose it is; read strictly."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from rotator.domain.audit import START, AuditRecord
from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.domain.stored import checksum, restored, restored_entry, restored_state, text_of
from rotator.errors import StateDamaged, StateError
from rotator.ports import Lease
from rotator.process import Process

FORMAT: Final = "rotator.stored/1"
_UNLOCK: Final = "rotator state unlock"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Head:
    """The last record of the audit log: its number (0: none) and its digest."""

    number: int = 0
    digest: str = START


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who holds the lease, in which process, since when; `token` makes it unlike every other claim.

    `renewed_at` and `term` tell people when it dies; those who watch it trust their own clocks alone (design I6).
    `urgent`: taken for a compromise. `wanted_by`: who asks for it urgently.
    """

    owner: str
    process: Process
    since: datetime
    renewed_at: datetime
    renewals: int
    term: timedelta
    token: str
    urgent: bool = False
    wanted_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseDocument:
    """The lease, held or free. `fence` only goes up; `head` is how long the log was when this was written.

    `proven_at` is the endpoint that was seen to honour conditions.
    """

    fence: int = 0
    claim: Claim | None = None
    head: Head = field(default_factory=Head)
    proven_at: str = ""

    @property
    def lease(self) -> Lease | None:
        """The lease that is held."""
        return Lease(self.claim.owner, self.fence) if self.claim else None

    def renewed(self, term: timedelta, head: Head, now: datetime) -> "LeaseDocument":
        """The same claim, made again."""
        if self.claim is None:
            return self
        renewals = self.claim.renewals + 1
        claim = replace(self.claim, renewed_at=now, renewals=renewals, term=term)
        return replace(self, claim=claim, head=head)


def state_body(state: IssuerState, fence: int) -> bytes:
    """A state as it is stored; `fence` says under which lease, so that no two holders write the same bytes."""
    text = text_of(state)
    about = {"issuer": state.issuer, "serial": state.serial, "fence": fence}
    return _body({**about, "sha256": checksum(state.issuer, text)}, "state", text)


def read_state(issuer: str, body: bytes) -> IssuerState:
    """The state in an object. Raises StateDamaged."""
    members = _members(body, f"the state of {issuer}")
    text, written = _retold(members.get("state")), members.get("sha256")
    return restored_state(text, written, issuer, members.get("serial"))


def evidence_body(evidence: Evidence) -> bytes:
    """Evidence as it is stored."""
    text = text_of(evidence)
    about = {"issuer": evidence.issuer, "sha256": checksum(evidence.issuer, text)}
    return _body(about, "evidence", text)


def read_evidence(issuer: str, body: bytes) -> tuple[Evidence, str]:
    """The evidence in an object, and its checksum. Raises StateDamaged."""
    members = _members(body, f"the evidence of {issuer}")
    text, written = _retold(members.get("evidence")), members.get("sha256")
    return restored(Evidence, text, written, issuer, "evidence"), str(written)


def record_body(record: AuditRecord) -> bytes:
    """A record of the log as it is stored."""
    about = {"number": record.number, "previous": record.previous, "sha256": record.digest}
    return _body(about, "entry", text_of(record.entry))


def read_record(number: int, body: bytes) -> AuditRecord:
    """The record in the object of that number; whether it fits the chain is seen by who checks that."""
    members = _members(body, f"entry {number} of the audit log")
    entry = restored_entry(number, _retold(members.get("entry")))
    own, previous, digest = (members.get(name) for name in ("number", "previous", "sha256"))
    if isinstance(own, int) and isinstance(previous, str) and isinstance(digest, str):
        return AuditRecord(own, entry, previous, digest)
    raise StateDamaged(f"entry {number} of the audit log cannot be read")


def lease_body(document: LeaseDocument) -> bytes:
    """The lease as it is stored, for people to read as well."""
    return _body({}, "lease", text_of(document))


def read_lease(body: bytes) -> LeaseDocument:
    """The lease in its object. Raises StateDamaged."""
    members = _members(body, "the lease", hint=_UNLOCK)
    try:
        return decode(LeaseDocument, members.get("lease"), "lease")
    except CodecError as error:
        raise StateDamaged("the lease cannot be read", detail=str(error), hint=_UNLOCK) from None


def fence_in(body: bytes) -> int:
    """The fence that a damaged lease still shows, 0 when it shows none."""
    try:
        fence = json.loads(body)["lease"]["fence"]
    except (ValueError, RecursionError, TypeError, LookupError):
        return 0
    return fence if isinstance(fence, int) else 0


def _body(about: Mapping[str, object], name: str, text: str) -> bytes:
    head = json.dumps({"format": FORMAT, **encode(about)}, separators=(",", ":"))
    return f'{head[:-1]},"{name}":{text}}}\n'.encode()


def _members(body: bytes, what: str, hint: str = "") -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        raise StateDamaged(
            f"{what} cannot be read", detail="it is not JSON, or cut short", hint=hint
        ) from None
    found = members.get("format") if isinstance(members, dict) else None
    if found == FORMAT:
        return dict(members)
    if isinstance(found, str) and found.startswith("rotator.stored/"):
        raise StateError(
            f"{what} was written by a newer rotator",
            detail=f"its format is {found}, this rotator knows {FORMAT}",
            hint="use the newer rotator",
        )
    raise StateDamaged(f"{what} cannot be read", detail=f"{FORMAT} was expected", hint=hint)


def _retold(value: object) -> str:
    """The text that `value` was read from: rotator writes JSON in one way only."""
    return json.dumps(value, separators=(",", ":"))
