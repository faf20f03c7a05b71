"""What rotator remembers of an issuer: its keys and their moments, what it last wrote where, holds, open intents."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from rotator.domain.keys import Key, KmsHandle
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An operator's stop; `until` None holds until it is released."""

    reason: str
    owner: str
    since: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """An operator's word that verifiers which nobody can look at have a key (design T2b)."""

    kid: str
    verifier: str
    reason: str
    owner: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A served key that rotator does not own and an operator decided about (design I7).

    `text` is the entry as it was served. Adopted ones are served everywhere until `until` (None: until rejected);
    a rejected one is withdrawn wherever it stands.
    """

    kid: str
    thumbprint: str | None
    text: str
    adopted: bool
    reason: str
    owner: str
    at: datetime
    until: datetime | None = None

    def wanted_at(self, now: datetime) -> bool:
        """Whether every document should hold it."""
        return self.adopted and (self.until is None or now < self.until)


class Asked(StrEnum):
    """What an operator can ask the planner for."""

    ROTATE = "rotate"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A switch that an operator asked for and that is not done yet.

    ROTATE: to whichever key is next, ahead of its turn; `kid` None. ROLLBACK: back to `kid`, whose switch is begun.
    """

    asked: Asked
    reason: str
    owner: str
    at: datetime
    kid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """An operator's word that a key is compromised (design §3); the key's `revoked_at` says since when.

    `cold`: its successor may sign before every verifier can know it (`--no-standby`). `purged` are the regions whose
    edge was told to drop its copies after the key was withdrawn there.
    """

    kid: str
    cold: bool
    reason: str
    owner: str
    at: datetime
    purged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRecord:
    """What rotator last wrote in a region, and where.

    `proven` once the store was seen to honour ETags; `signing_since` when the region got its first signing target.
    `signers_stopped_at` is an operator's word about a region that was let go (`region forget`, design T3).
    """

    jwks_location: str = ""
    jwks_etag: str | None = None
    jwks_kids: tuple[str, ...] = ()
    signing_location: str = ""
    signing_etag: str | None = None
    signing_body: str | None = None
    signing_kid: str | None = None
    signing_since: datetime | None = None
    signing_generation: int = 0
    alias_arn: str | None = None
    proven: bool = False
    signers_stopped_at: datetime | None = None

    @property
    def untouched(self) -> bool:
        """Whether what is there was taken over (`import`), and rotator has not told its signers anything yet."""
        return self.signing_kid is not None and self.signing_etag is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Steps that were begun: recorded before their effects, cleared with their results."""

    id: str
    opened_at: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerState:
    """One issuer's state. `serial` counts saves; `generation` counts decisions and only goes up (design I8).

    `signing_generation` is the least that every region's signing target must carry. `unanswered` are intents that asked
    for keys and never heard whether they were made. `foreign` are decisions about keys of others, `accepted` the
    incompatibilities that an operator takes (`verifier/algorithm`), `released_at` when the last hold was ended, `request` a switch that was asked for,
    `revocations` every compromise there was.
    """

    issuer: str
    lineage: str = ""
    serial: int = 0
    generation: int = 0
    signing_generation: int = 0
    keys: tuple[Key, ...] = ()
    regions: Mapping[str, RegionRecord] = field(default_factory=dict)
    hold: Hold | None = None
    intent: Intent | None = None
    unanswered: tuple[Intent, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    accepted: tuple[str, ...] = ()
    released_at: datetime | None = None
    request: Request | None = None
    revocations: tuple[Revocation, ...] = ()

    def revocation(self, kid: str) -> Revocation | None:
        """Why a key was revoked, None when it was not."""
        return next((one for one in self.revocations if one.kid == kid), None)

    def foreign_key(self, kid: str) -> ForeignKey | None:
        """The decision about a foreign key of that kid."""
        return next((key for key in self.foreign if key.kid == kid), None)

    def adopted(self, now: datetime) -> tuple[ForeignKey, ...]:
        """The foreign keys that every document should hold at `now`, in the order of their adoption."""
        return tuple(key for key in self.foreign if key.wanted_at(now))

    def key(self, kid: str) -> Key | None:
        """The key of that kid."""
        return next((key for key in self.keys if key.kid == kid), None)

    def active(self) -> Key | None:
        """The one active key; during a switch it is still the old one."""
        return next((key for key in self.keys if phase(key) is Phase.ACTIVE), None)

    def switching(self) -> Key | None:
        """The key that a switch was begun to and that is not active yet."""
        return next(
            (key for key in self.keys if key.ever_signed and phase(key) is Phase.PUBLISHED), None
        )

    def in_documents(self) -> tuple[Key, ...]:
        """The keys that belong in every document, in document order: `staged_at`, then generation."""
        keys = [key for key in self.keys if wanted(key)]
        return tuple(sorted(keys, key=lambda key: (key.moments.staged_at, key.generation)))

    def was_ever_active(self) -> bool:
        """Whether any key of this issuer was ever active."""
        return any(key.moments.activated_at for key in self.keys)

    def compromised(self) -> bool:
        """Whether any key was revoked after it may have signed."""
        return any(key.moments.revoked_at and key.ever_signed for key in self.keys)

    def record(self, region: str) -> RegionRecord:
        """What was last written in a region; an empty record when nothing was."""
        return self.regions.get(region, RegionRecord())

    def key_of_arn(self, arn: str) -> Key | None:
        """The key that a KMS ARN belongs to, in whichever region."""
        return next(
            (k for k in self.keys if isinstance(k.handle, KmsHandle) and k.handle.owns(arn)),
            None,
        )

    def with_key(self, changed: Key) -> "IssuerState":
        """The state with that key's record replaced."""
        return replace(
            self, keys=tuple(changed if key.kid == changed.kid else key for key in self.keys)
        )

    def with_record(self, region: str, record: RegionRecord) -> "IssuerState":
        """The state with that region's record replaced."""
        return replace(self, regions={**self.regions, region: record})
