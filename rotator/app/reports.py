"""What the use cases answer, as values; `render/` turns them into text and JSON (contract §3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotator.domain.audit_proof import Proof
from rotator.domain.evidence import Check, Look, Verdict, worst
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import IssuerPlan, Plan, Step, Wait
from rotator.domain.state import Hold
from rotator.errors import Diagnostics
from rotator.ports import KernelClock


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step; `error` None when it was done and read back."""

    issuer: str
    step: Step
    kid: str | None
    error: Diagnostics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyReport:
    """What an apply did, and the plan that was left afterwards (what still waits, what was found)."""

    at: datetime
    results: tuple[StepResult, ...]
    left: Plan

    @property
    def failed(self) -> tuple[StepResult, ...]:
        """The steps that did not succeed."""
        return tuple(result for result in self.results if result.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionVerdict:
    """One gate of one issuer as just seen."""

    issuer: str
    region: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """All its checks together."""
        return worst([check.verdict for check in self.checks])


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEnds:
    """An issuer's hold that will have ended: what is due then goes on."""

    issuer: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """The propagation gate at `at`, which is later than `looked_at` where that was asked for (`--as-of`).

    `overdue` names rotations that silently stopped (design T10), each behind its issuer and a colon; `holds` those that
    will have ended, and `host` is what this host's kernel says of its clock; neither closes anything. `plan` is the plan
    of this look, None where it is about another moment.
    """

    at: datetime
    regions: tuple[RegionVerdict, ...]
    overdue: tuple[str, ...] = ()
    holds: tuple[HoldEnds, ...] = ()
    looked_at: datetime | None = None
    host: KernelClock | None = None
    plan: Plan | None = None

    @property
    def ahead(self) -> bool:
        """Whether it is about another moment than that of the look."""
        return self.looked_at is not None and self.at != self.looked_at

    @property
    def verdict(self) -> Verdict:
        """Every region together."""
        return worst([region.verdict for region in self.regions])

    @property
    def gate_open(self) -> bool:
        """Whether every region passes and nothing is overdue."""
        return self.verdict is Verdict.PASS and not self.overdue


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInRegion:
    """One key at one gate; `seen_by` is what saw the present run of passes begin."""

    visible_since: datetime | None
    checked_at: datetime | None
    verdict: Verdict
    seen_by: str = ""
    passes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One key of an issuer; `remove_after` is T4's moment, None while it cannot be known."""

    key: Key
    phase: Phase
    remove_after: datetime | None
    regions: Mapping[str, KeyInRegion]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """A step that will be due; `at` None when no moment can be named."""

    kind: str
    kid: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerStatus:
    """One issuer: its keys with their moments, what comes next, what is late, what stands in the way.

    `looks` is the last look at each gate that was ever looked at: every check's verdict, and when; `late_by` is how long
    the most overdue step has been due; `revoking` are the kids of revoked keys that are not gone everywhere yet.
    """

    issuer: str
    url: str
    algorithm: str
    serial: int
    generation: int
    active: str | None
    hold: Hold | None
    gates: tuple[str, ...]
    keys: tuple[KeyStatus, ...]
    next: tuple[NextStep, ...]
    overdue: tuple[str, ...]
    plan: IssuerPlan
    looks: Mapping[str, Look] = field(default_factory=dict)
    late_by: timedelta = timedelta()
    revoking: tuple[str, ...] = ()

    @property
    def blocked(self) -> tuple[Wait, ...]:
        """The waits that somebody must look at."""
        return tuple(wait for wait in self.plan.waiting if wait.blocked)

    @property
    def failing(self) -> tuple[str, ...]:
        """The gates at which some key does not pass."""
        seen = [pair for key in self.keys for pair in key.regions.items()]
        wrong = {gate for gate, sighting in seen if sighting.verdict is not Verdict.PASS}
        return tuple(gate for gate in self.gates if gate in wrong)

    @property
    def attention(self) -> bool:
        """Whether somebody must look: a revoke is unfinished, something is overdue, blocked, or a region does not pass."""
        return bool(self.revoking or self.overdue or self.blocked or self.failing)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Every issuer's status at a moment; `host` is what this host's kernel says of its clock."""

    at: datetime
    issuers: tuple[IssuerStatus, ...]
    host: KernelClock | None = None

    @property
    def attention(self) -> bool:
        """Whether `status --check` fails: some issuer needs attention."""
        return any(issuer.attention for issuer in self.issuers)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """Every key there ever was, oldest first, per issuer name."""

    at: datetime
    issuers: Mapping[str, tuple[KeyStatus, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The log, where its chain breaks (None: whole, or not checked), and what was proven of it."""

    records: tuple["AuditLine", ...]
    checked: bool
    broken_at: int | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One record of the log as it is shown."""

    number: int
    at: datetime
    issuer: str
    event: str
    facts: Mapping[str, str | int | float | bool | None]
    digest: str


@dataclass(frozen=True, slots=True)
class AuditTail:
    """The newest records of the log, newest first; `trouble` says why older ones cannot be read."""

    records: tuple[AuditLine, ...] = ()
    trouble: str | None = None
