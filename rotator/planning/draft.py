"""A plan while it is being made: steps in order, waits, findings, and what each region will hold after them."""

from dataclasses import dataclass, field, replace

from rotator.domain.inventory import JwksRead, SigningRead
from rotator.domain.plan import (
    Finding,
    FindingKind,
    Gate,
    JwksStep,
    Severity,
    SigningStep,
    Step,
    Wait,
)
from rotator.planning.situation import Situation


@dataclass(slots=True)
class Draft:
    """The one mutable value of the planner; it lives for one call."""

    situation: Situation
    steps: list[Step] = field(default_factory=list)
    waiting: list[Wait] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    documents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    generation: int = 0
    signing_generation: int = 0
    _etags: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.generation = self.situation.state.generation
        self.signing_generation = self.situation.state.signing_generation

    @property
    def next_number(self) -> int:
        """The number of the step that comes next."""
        return len(self.steps) + 1

    def add(self, step: Step) -> None:
        """Take the step, numbered, and remember what it leaves behind."""
        step = replace(step, n=self.next_number)
        self.steps.append(step)
        if isinstance(step, JwksStep):
            self.documents[step.region] = step.keys
            self._etags[step.region, "jwks"] = f"@{step.n}"
        elif isinstance(step, SigningStep):
            self._etags[step.region, "signing"] = f"@{step.n}"

    def wait(self, wait: Wait) -> None:
        """Say what is not done now, and why; what a hold stops goes on when the hold ends."""
        hold = self.situation.state.hold
        if wait.gate is Gate.HOLD and hold:
            wait = replace(wait, until=hold.until)
        self.waiting.append(wait)

    def find(
        self, kind: FindingKind, severity: Severity, detail: str, region: str | None = None
    ) -> None:
        """Say what was found."""
        self.findings.append(Finding(kind=kind, severity=severity, region=region, detail=detail))

    def next_generation(self) -> int:
        """A generation that nothing carries yet."""
        self.generation += 1
        return self.generation

    def jwks_etag(self, region: str) -> str | None:
        """The ETag that the next write of a region's JWKS must find."""
        read = self.situation.views[region].jwks
        found = read.etag if isinstance(read, JwksRead) else None
        return self._etags.get((region, "jwks"), found)

    def signing_etag(self, region: str) -> str | None:
        """The ETag that the next write of a region's signing target must find."""
        read = self.situation.views[region].signing
        found = read.etag if isinstance(read, SigningRead) else None
        return self._etags.get((region, "signing"), found)

    def served(self, region: str) -> tuple[str, ...]:
        """The kids that a region's JWKS will hold after the steps so far."""
        document = self.situation.views[region].jwks_document()
        return self.documents.get(region, document.kids() if document else ())

    def plans(self, kind: str) -> bool:
        """Whether a step of that kind is in the plan."""
        return any(step.kind == kind for step in self.steps)
