"""What an observation looks like in figures. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from rotator.app.observing import Observation
from rotator.app.reports import IssuerStatus
from rotator.daemon.families import Sample
from rotator.domain.evidence import Look, worst
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import FindingKind


def samples_of(seen: Observation, now: datetime) -> Iterator[Sample]:
    """Everything that is known of the issuers; ages and distances as of `now`."""
    yield Sample("rotator_observed_timestamp_seconds", (), seen.report.at.timestamp())
    if seen.holder:
        yield Sample("rotator_lease_holder_info", (seen.holder,), 1)
    for issuer in seen.report.issuers:
        name = issuer.issuer
        yield Sample("rotator_run_every_seconds", (name,), _seconds(seen.run_every[name]))
        if at := seen.applied.get(name):
            yield Sample("rotator_last_apply_timestamp_seconds", (name,), at.timestamp())
        yield Sample("rotator_held", (name,), float(issuer.hold is not None))
        yield from _keys(issuer, now)
        for gate, look in issuer.looks.items():
            yield from _look(name, gate, look)
        yield from _plan(issuer, now)
        left = seen.unwithdrawn(name)
        yield Sample("rotator_revoke_unfinished", (name,), len(left))
        for kid in left:
            yield Sample("rotator_key_phase", (name, kid, Phase.REVOKED.value), 1)


def _keys(issuer: IssuerStatus, now: datetime) -> Iterator[Sample]:
    for status in issuer.keys:
        kid = status.key.kid
        yield Sample("rotator_key_phase", (issuer.issuer, kid, status.phase.value), 1)
        for region, seen in status.regions.items():
            if since := seen.visible_since:
                labels = (issuer.issuer, kid, region)
                name = "rotator_key_visible_since_timestamp_seconds"
                yield Sample(name, labels, since.timestamp())
                yield Sample("rotator_key_visible_age_seconds", labels, _seconds(now - since))


def _look(issuer: str, gate: str, look: Look) -> Iterator[Sample]:
    yield Sample("rotator_gate_verdict", (issuer, gate, look.verdict.value), 1)
    yield Sample("rotator_gate_looked_timestamp_seconds", (issuer, gate), look.at.timestamp())
    for kind in dict.fromkeys(check.kind for check in look.checks):
        verdict = worst([check.verdict for check in look.checks if check.kind is kind])
        yield Sample("rotator_check_verdict", (issuer, gate, kind.value, verdict.value), 1)
    offsets = [check for check in look.checks if check.clock_offset is not None]
    if offsets:
        largest = max(offsets, key=lambda check: abs(check.clock_offset or timedelta()))
        offset, error = largest.clock_offset or timedelta(), largest.clock_error or timedelta()
        yield Sample("rotator_clock_offset_seconds", (issuer, gate), _seconds(offset))
        yield Sample("rotator_clock_error_seconds", (issuer, gate), _seconds(error))


def _plan(issuer: IssuerStatus, now: datetime) -> Iterator[Sample]:
    name = issuer.issuer
    for (kind, kid), at in _soonest(issuer).items():
        labels = (name, kind, kid)
        yield Sample("rotator_next_step_timestamp_seconds", labels, at.timestamp())
        yield Sample("rotator_next_step_seconds", labels, _seconds(at - now))
    yield Sample("rotator_steps_due", (name,), len(issuer.plan.steps))
    late = _seconds(issuer.late_by) if issuer.overdue else 0.0
    yield Sample("rotator_overdue_seconds", (name,), late)
    blocked = Counter((wait.region or "", wait.reason_code.value) for wait in issuer.blocked)
    for (region, reason), number in blocked.items():
        yield Sample("rotator_blocked_waits", (name, region, reason), number)
    strange = Counter(
        finding.region or ""
        for finding in issuer.plan.findings
        if finding.kind is FindingKind.FOREIGN_KEY
    )
    for region, number in strange.items():
        yield Sample("rotator_foreign_keys", (name, region), number)


def _soonest(issuer: IssuerStatus) -> dict[tuple[str, str], datetime]:
    """The first moment of each kind of step for each key, whichever region it is in."""
    found: dict[tuple[str, str], datetime] = {}
    for step in issuer.next:
        if step.at is not None:
            labels = (step.kind, step.kid or "")
            found[labels] = min(found.get(labels, step.at), step.at)
    return found


def _seconds(value: timedelta) -> float:
    return value.total_seconds()
