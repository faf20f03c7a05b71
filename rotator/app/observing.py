"""How things stand when a run is over: what metrics show and what others are told, from one reading of the state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.app.gather import load_state
from rotator.app.reports import IssuerStatus, StatusReport
from rotator.app.status import status
from rotator.app.world import World
from rotator.domain.plan import FindingKind, IssuerPlan, Plan
from rotator.domain.state import IssuerState


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The selected issuers after a run.

    `looked` are the issuers whose plan in `report` comes from a look at the regions in this run, not from memory.
    `run_every` is P (design §4) by issuer, `applied` when the last apply began that left nothing of it undone, `holder`
    whoever has the lease now.
    """

    report: StatusReport
    states: Mapping[str, IssuerState]
    run_every: Mapping[str, timedelta]
    applied: Mapping[str, datetime]
    looked: frozenset[str]
    holder: str | None = None

    def unwithdrawn(self, issuer: str) -> tuple[str, ...]:
        """The kids of revoked keys that are not gone everywhere yet."""
        return tuple(
            key.kid
            for key in self.states[issuer].keys
            if key.moments.revoked_at and not key.moments.removed_at
        )


def observe(world: World, plan: Plan | None = None) -> Observation:
    """Read the state and what was seen last, and look at nothing; `plan` is what the run that is over ended with.

    Raises StateError.
    """
    report = status(world, refresh=False)
    parts = {part.issuer: part for part in plan.issuers} if plan else {}
    report = replace(report, issuers=tuple(_under(one, parts) for one in report.issuers))
    return _observed(world, report, frozenset(parts))


def observed(world: World, report: StatusReport) -> Observation:
    """The same for a report that a look in this run has made. Raises StateError."""
    return _observed(world, report, frozenset(one.issuer for one in report.issuers))


def _observed(world: World, report: StatusReport, looked: frozenset[str]) -> Observation:
    holder = world.state.holder()
    return Observation(
        report=report,
        states={issuer.name: load_state(world, issuer) for issuer in world.issuers},
        run_every={issuer.name: issuer.setup.policy.run_every for issuer in world.issuers},
        applied=_applied(world),
        looked=looked,
        holder=holder.owner if holder else None,
    )


def _applied(world: World) -> dict[str, datetime]:
    found = {one.name: world.state.load_evidence(one.name).applied_at for one in world.issuers}
    return {name: at for name, at in found.items() if at is not None}


def _under(one: IssuerStatus, parts: Mapping[str, IssuerPlan]) -> IssuerStatus:
    """An issuer's status with the plan that was made with open eyes."""
    part = parts.get(one.issuer)
    if part is None:
        return one
    overdue = tuple(f.detail for f in part.findings if f.kind is FindingKind.OVERDUE)
    return replace(one, plan=part, overdue=overdue)
