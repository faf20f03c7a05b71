"""What the use cases need from outside, one Protocol each; adapters and the tests' fakes implement them.

Implementations raise only `rotator.errors`. Moments are aware UTC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rotator.domain.audit import AuditEntry, AuditRecord, Fact
from rotator.domain.diagnosis import Area, Diagnosis, Place
from rotator.domain.evidence import Evidence
from rotator.domain.jwk import Algorithm, PublicKey
from rotator.domain.keys import KeyHandle
from rotator.domain.state import IssuerState

__all__ = [
    "AliasTarget",
    "AuditEntry",
    "AuditRecord",
    "Catalogue",
    "Clock",
    "Doctor",
    "DocumentTarget",
    "Examination",
    "Fact",
    "Generated",
    "Held",
    "HttpAnswer",
    "KernelClock",
    "KeyControl",
    "KeyName",
    "KeyStore",
    "Lease",
    "NoAnswer",
    "NtpAnswer",
    "Probe",
    "Reporter",
    "StateStore",
    "Stored",
    "TimeSource",
]


class Clock(Protocol):
    """Time. Writing commands take it from here alone."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as its store answered; `etag` is opaque, headers None where the store has none."""

    body: bytes
    etag: str
    content_type: str | None = None
    cache_control: str | None = None
    server_date: datetime | None = None


class DocumentTarget(Protocol):
    """One document in one region: a JWKS or a signing target."""

    @property
    def location(self) -> str:
        """Where it is, for people and for telling targets apart: a path or `s3://bucket/key`."""
        ...

    def read(self) -> Stored | None:
        """The document, None when it does not exist. Raises TargetError."""
        ...

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """Replace the document that has `expected_etag` (None: that does not exist) and return the new ETag.

        Raises TargetConflict when the document is another one by now; TargetError otherwise. An error other
        than a conflict may come after the effect.
        """
        ...

    def prove_conditional_writes(self) -> None:
        """Raise TargetUnsafe when the store is seen to ignore conditions; called before the first write."""
        ...

    def oldest_version(self) -> datetime | None:
        """When the oldest version that can still be read was written, None when there is none. Raises TargetError."""
        ...


@dataclass(frozen=True, slots=True)
class Generated:
    """A key pair that the store holds."""

    public: PublicKey
    handle: KeyHandle


@dataclass(frozen=True, slots=True)
class KeyName:
    """What a pair is asked for under.

    `lineage` and `intent` tell apart what others asked for in a store that is shared; `asked_at` is when the intent
    was recorded.
    """

    issuer: str
    generation: int
    lineage: str
    intent: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A pair that a store holds under a generation; `public` None where the store does not tell (a disabled KMS key)."""

    generation: int
    kid: str
    public: PublicKey | None
    handle: KeyHandle


class KeyStore(Protocol):
    """Holds private halves. No method returns one."""

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Make the pair of that name. Where one may have been made under it before, `find` comes first.

        Raises KeyStoreUnsure when nobody knows whether it was made (`find` will tell), KeyStoreError otherwise.
        """
        ...

    def find(self, name: KeyName) -> Generated | None:
        """The pair of that name, None when it was not made. Raises KeyStoreError, also when it is too early to say."""
        ...

    def all_of(self, issuer: str) -> Sequence[Held]:
        """Every pair that the store holds for an issuer of that name, by generation. Raises KeyStoreError."""
        ...

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        """Raise KeyStoreError unless signers of a region can use the private half now."""
        ...

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        """The JWS signature (RFC 7518 §3) over `message`, made in a region where that matters. Raises KeyStoreError."""
        ...

    def destroy(self, handle: KeyHandle) -> None:
        """Destroy the private half; one that is gone already is fine. Raises KeyStoreError."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about how keys are kept, such as a passphrase that lies beside them."""
        ...


class KeyControl(Protocol):
    """What can be done to keys that KMS keeps, beyond making and destroying them."""

    def replicate(self, handle: KeyHandle, aws_region: str) -> str:
        """Make the key usable in a region, or find that it is, and return its ARN there. Raises KeyStoreError."""
        ...

    def disable(self, handle: KeyHandle) -> None:
        """Make it refuse to sign in every region, until `enable`. Raises KeyStoreError."""
        ...

    def enable(self, handle: KeyHandle) -> None:
        """Undo `disable`. Raises KeyStoreError."""
        ...


class AliasTarget(Protocol):
    """The name by which a region's signers reach the active KMS key."""

    @property
    def location(self) -> str:
        """Where it is, for people: `alias/rotator/accounts in eu-central-1`."""
        ...

    def read(self) -> str | None:
        """The ARN of the key it points at, None when there is no such alias. Raises TargetError."""
        ...

    def point(self, arn: str) -> None:
        """Create it or move it; readers may see that a little later. Raises TargetError."""
        ...


class Catalogue(Protocol):
    """Tells of many documents, or of many aliases, at once what each of them is now."""

    def covers(self, location: str) -> bool:
        """Whether the document or alias at that location would be listed if it existed."""
        ...

    def versions(self) -> Mapping[str, str]:
        """By location, the ETag of each document, or the ARN that each alias points at. Raises TargetError."""
        ...


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete HTTP answer: headers by lower-case name, `body` cut at the limit (`truncated`).

    `expires` is the end of the certificate that the other side showed, None without TLS.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    latency: timedelta
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No complete answer, and why: refused, timed out, TLS, cut short.

    `unreachable`: not even a connection was made, at once (nothing listens there, or there is no way).
    """

    detail: str
    unreachable: bool = False


class Probe(Protocol):
    """Looks at a public URL as a consumer does: fresh connection, no redirect followed, bounded in time and size."""

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        """Every address that the URL's host resolves to now, IPv4 and IPv6, each once; of an address itself, that one."""
        ...

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        """One look, at `address` where one is given (name, port and certificate stay the URL's), with a bearer token."""
        ...


@dataclass(frozen=True, slots=True)
class NtpAnswer:
    """The time of an NTP server at the moment its answer came; it lies within `error` of the truth it knows."""

    time: datetime
    error: timedelta


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What this host's kernel knows of its clock (`adjtimex`): whether something disciplines it, and how far off it may be."""

    synchronised: bool
    max_error: timedelta


class TimeSource(Protocol):
    """Clocks that are not this program's."""

    def ntp(self, server: str) -> NtpAnswer | NoAnswer:
        """Ask `host` or `host:port` once; one that says it is not synchronised itself gives no answer."""
        ...

    def kernel(self) -> KernelClock | None:
        """The state of this host's clock, None where the kernel does not tell."""
        ...


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
        (`evidence.cautious`). None replaces whatever is there.
        """
        ...

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log in order, as stored and unchecked."""
        ...

    def acquire(self, owner: str, term: timedelta) -> Lease:
        """Take the lease for `term`. Raises LeaseHeld with who holds it."""
        ...

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours, for `term` from now. Raises LeaseLost."""
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


class Reporter(Protocol):
    """Tells a person or a log what goes on, on stderr. Never fails, never stops anything."""

    def progress(self, message: str) -> None:
        """Something that is being done."""
        ...

    def warn(self, message: str) -> None:
        """Something that should be looked at."""
        ...


@dataclass(frozen=True, slots=True)
class Examination:
    """One look that `doctor` takes, `what` for people; it changes nothing.

    `look` may raise RotatorError, which becomes a finding; one that takes longer than `patience` is given up.
    """

    area: Area
    place: Place
    what: str
    look: Callable[[], Iterable[Diagnosis]]
    patience: timedelta = timedelta(seconds=20)


class Doctor(Protocol):
    """Knows what could be wrong with one kind of infrastructure."""

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        """What there is to look at; `states` are those of the issuers whose state could be read. Does no I/O itself."""
        ...
