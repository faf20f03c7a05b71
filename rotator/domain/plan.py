"""A plan: the steps to take now, what waits behind which gate, what was found. Nothing is left to decide later.

Every step names its key (`kid`, or the `ref` of one that does not exist yet), its region, the exact key list it
leaves there, and the ETag it expects: one that was read, none for an absent document, or `@n` for the ETag that
step n leaves.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Gate(StrEnum):
    """What must hold before a step, in the order in which it is asked; the first closed one is shown."""

    POLICY = "policy"
    SAFETY = "safety"
    TIME = "time"
    EVIDENCE = "evidence"
    HOLD = "hold"


class Reason(StrEnum):
    """Why a step is due or waits: a closed list, each explained in `docs/reasons.md`."""

    FIRST_KEY = "first_key"
    NO_STANDBY = "no_standby"
    SUCCESSOR_DUE = "successor_due"
    NEW_KEY = "new_key"
    REGION_JOINED = "region_joined"
    ROTATION_DUE = "rotation_due"
    SWITCH_UNFINISHED = "switch_unfinished"
    SUCCESSOR_ACTIVE = "successor_active"
    TOKENS_DEAD = "tokens_dead"
    NEVER_SIGNED = "never_signed"
    REMOVAL_UNFINISHED = "removal_unfinished"
    REMOVED_EVERYWHERE = "removed_everywhere"
    DOCUMENT_CHANGED = "document_changed"
    SIGNING_CHANGED = "signing_changed"
    SIGNING_OUTDATED = "signing_outdated"
    REPLICA_MISSING = "replica_missing"
    ALIAS_OUTDATED = "alias_outdated"
    ALIAS_CHANGED = "alias_changed"
    ROLLBACK_OVER = "rollback_over"
    KEY_ADOPTED = "key_adopted"
    KEY_REJECTED = "key_rejected"
    ADOPTION_OVER = "adoption_over"
    KEY_REVOKED = "key_revoked"
    ROTATION_ASKED = "rotation_asked"
    ROLLED_BACK = "rolled_back"
    KEY_TAKEN_OVER = "key_taken_over"

    NOT_ITS_TURN = "not_its_turn"
    LEAD_NOT_BEGUN = "lead_not_begun"
    LEAD_RUNNING = "lead_running"
    TOKENS_ALIVE = "tokens_alive"
    NO_CANDIDATE = "no_candidate"
    NOT_SEEN = "not_seen"
    NOT_FRESH = "not_fresh"
    TOO_FEW_PASSES = "too_few_passes"
    KEYS_MISSING = "keys_missing"
    FOREIGN_KEY = "foreign_key"
    FLAWED_DOCUMENT = "flawed_document"
    UNBOUNDED_VERIFIER = "unbounded_verifier"
    VERIFIER_LACKS = "verifier_lacks"
    VERIFIER_UNSEEN = "verifier_unseen"
    CANARY_REFUSED = "canary_refused"
    CANARY_UNSEEN = "canary_unseen"
    CLOCK_APART = "clock_apart"
    CLOCK_UNKNOWN = "clock_unknown"
    OWN_CLOCK_WRONG = "own_clock_wrong"
    ALGORITHM_UNREADABLE = "algorithm_unreadable"
    REGION_UNREACHABLE = "region_unreachable"
    DOCUMENT_NOT_OURS = "document_not_ours"
    REGION_LEFT = "region_left"
    STATE_BEHIND = "state_behind"
    CLOCK_BEHIND = "clock_behind"
    HELD = "held"
    WAVE_BAKING = "wave_baking"
    ROLLBACK_POSSIBLE = "rollback_possible"
    OLD_VERSIONS = "old_versions"
    KEY_UNANSWERED = "key_unanswered"
    POLICY_INFEASIBLE = "policy_infeasible"
    DOCUMENT_FULL = "document_full"
    NO_WARM_STANDBY = "no_warm_standby"
    WINDOW_CLOSED = "window_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    n: int
    reason: str
    reason_code: Reason
    not_before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate(_Step):
    """Make a key pair in the key store, under a generation."""

    kind: ClassVar[str] = "generate"
    ref: str
    generation: int
    algorithm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _InJwks(_Step):
    region: str
    keys: tuple[str, ...]
    expected_etag: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteJwks(_InJwks):
    """Write a region's JWKS so that it gains keys."""

    kind: ClassVar[str] = "write_jwks"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairJwks(_InJwks):
    """Put a region's JWKS back to what it should be."""

    kind: ClassVar[str] = "repair"
    document: ClassVar[str] = "jwks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(_InJwks):
    """Write a region's JWKS without a key whose last token is dead, that never signed, or that was revoked."""

    kind: ClassVar[str] = "remove"
    kid: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveForeign(_InJwks):
    """Write a region's JWKS without a key of somebody else, which an operator rejected or adopted for a time only."""

    kind: ClassVar[str] = "remove"
    document: ClassVar[str] = "jwks"
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicate(_Step):
    """Make a KMS key usable by a region's signers."""

    kind: ClassVar[str] = "replicate"
    kid: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointAlias(_Step):
    """Point a region's KMS alias at the key that its signing target names."""

    kind: ClassVar[str] = "point_alias"
    kid: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _InSigning(_Step):
    region: str
    kid: str
    standby: str | None
    expected_etag: str | None
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(_InSigning):
    """Write a region's signing target so that it names a new key."""

    kind: ClassVar[str] = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSigning(_InSigning):
    """Write a region's signing target without changing the active key."""

    kind: ClassVar[str] = "write_signing"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairSigning(_InSigning):
    """Put a region's signing target back to the active key."""

    kind: ClassVar[str] = "repair"
    document: ClassVar[str] = "signing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge(_Step):
    """Have a region's edge drop its copies of the JWKS, once a revoked key is withdrawn there (design T6)."""

    kind: ClassVar[str] = "purge"
    kid: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire(_Step):
    """Record that no region signs with a key any more."""

    kind: ClassVar[str] = "retire"
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disable(_Step):
    """Make a private half refuse to sign, reversibly (KMS)."""

    kind: ClassVar[str] = "disable"
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroy(_Step):
    """Destroy a private half; the public half stays in the history."""

    kind: ClassVar[str] = "destroy"
    kid: str


JwksStep = WriteJwks | RepairJwks | RemoveForeign | Remove
SigningStep = Switch | WriteSigning | RepairSigning
RegionStep = JwksStep | SigningStep | Replicate | PointAlias | Purge
"""The steps that work in one region."""

Step = Generate | RegionStep | Retire | Disable | Destroy


@dataclass(frozen=True, slots=True)
class Wait:
    """A step that is not taken now: the first closed gate, in words and numbers, and when to come back.

    `blocked`: the step is due and neither time nor a hold is what stops it, that is, somebody must look.
    """

    kind: str
    gate: Gate
    reason_code: Reason
    reason: str
    _: KW_ONLY
    kid: str | None = None
    region: str | None = None
    until: datetime | None = None
    blocked: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)


class FindingKind(StrEnum):
    """What a finding is about."""

    DRIFT = "drift"
    FOREIGN_KEY = "foreign_key"
    OVERDUE = "overdue"
    CLOCK = "clock"
    CACHING = "caching"
    POLICY = "policy"


class Severity(StrEnum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that was seen and that a person should know."""

    kind: FindingKind
    severity: Severity
    region: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPlan:
    """The plan of one issuer, made for one serial of its state."""

    issuer: str
    lineage: str
    serial: int
    steps: tuple[Step, ...]
    waiting: tuple[Wait, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of a run."""

    created_at: datetime
    now: datetime
    config_digest: str
    issuers: tuple[IssuerPlan, ...]

    @property
    def due(self) -> int:
        """How many steps are due."""
        return sum(len(issuer.steps) for issuer in self.issuers)

    @property
    def blocked(self) -> int:
        """How many due steps are blocked by anything but time or a hold."""
        return sum(wait.blocked for issuer in self.issuers for wait in issuer.waiting)
