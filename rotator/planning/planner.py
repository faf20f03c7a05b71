"""The planner: an ordered chain of rules over one issuer's situation; the only thing in rotator that decides.

A pure function of (inventory, now). Delaying what it plans is always safe (design T10).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from rotator.domain.inventory import Inventory
from rotator.domain.plan import FindingKind, Gate, IssuerPlan, Reason, Severity, Wait
from rotator.domain.times import format_moment
from rotator.planning.arriving import generate, publish, replicate
from rotator.planning.catching_up import generation_seen, is_behind
from rotator.planning.clocks import own_clock_wrong, report_clocks
from rotator.planning.compatibility import report_migration
from rotator.planning.draft import Draft
from rotator.planning.drift import repair, report_caching, report_hold
from rotator.planning.emergency import nobody_signs, pending
from rotator.planning.ending import destroy, disable
from rotator.planning.foreign import report_foreign, withdraw
from rotator.planning.lateness import report_overdue
from rotator.planning.leaving import remove
from rotator.planning.requests import report_request
from rotator.planning.revoking import disable_revoked, purge, withdraw_revoked
from rotator.planning.settle import settled
from rotator.planning.signing import follow
from rotator.planning.situation import Situation

Rule = Callable[[Situation, Draft], None]

REPORTS: tuple[Rule, ...] = (
    report_hold,
    report_request,
    report_foreign,
    report_caching,
    report_clocks,
    report_migration,
)
ENDING: tuple[Rule, ...] = (disable, destroy, report_overdue)
REVOKED: tuple[Rule, ...] = (purge, disable_revoked)

RULES: tuple[Rule, ...] = (
    *REPORTS,
    repair,
    withdraw,
    remove,
    generate,
    replicate,
    publish,
    follow,
    *REVOKED,
    *ENDING,
)
"""In this order: what to know, what is broken, dead, missing, not ready, new, who signs, what is left over, what is late."""

EMERGENCY: tuple[Rule, ...] = (
    *REPORTS,
    follow,
    withdraw_revoked,
    *REVOKED,
    repair,
    withdraw,
    remove,
    generate,
    replicate,
    publish,
    *ENDING,
)
"""While a revoked key signs or is served: away from it and out with it before anything else (design I6)."""

URGENT: tuple[Rule, ...] = (follow, withdraw_revoked, *REVOKED, generate, replicate, publish)
"""What a revocation needs, and nothing else: where the clock cannot be believed."""


def plan_issuer(inventory: Inventory, now: datetime) -> IssuerPlan:
    """The plan of one issuer at `now`."""
    situation = Situation(settled(inventory, now), now)
    draft = Draft(situation)
    urgent = nobody_signs(situation.state) or bool(pending(situation))
    distrusted = _distrusts_clock(situation, draft)
    rules: tuple[Rule, ...] = EMERGENCY if urgent else RULES
    if distrusted and urgent and not is_behind(inventory):
        situation, rules = replace(situation, distrusted=True), URGENT
    elif distrusted or _state_behind(situation, draft):
        rules = ()
    for rule in rules:
        rule(situation, draft)
    return IssuerPlan(
        issuer=inventory.setup.name,
        lineage=inventory.state.lineage,
        serial=inventory.state.serial,
        steps=tuple(draft.steps),
        waiting=tuple(draft.waiting),
        findings=tuple(draft.findings),
    )


def _distrusts_clock(situation: Situation, draft: Draft) -> bool:
    """Whether the clock cannot be believed; then nothing is planned but what a revocation needs (design T11)."""
    return _clock_behind(situation, draft) or _clock_wrong(situation, draft)


def _clock_wrong(situation: Situation, draft: Draft) -> bool:
    words = own_clock_wrong(situation)
    if words is None:
        return False
    draft.find(FindingKind.CLOCK, Severity.ERROR, words)
    draft.wait(Wait("switch", Gate.SAFETY, Reason.OWN_CLOCK_WRONG, words, blocked=True))
    return True


def _clock_behind(situation: Situation, draft: Draft) -> bool:
    recorded = [
        moment for key in situation.state.keys for moment in key.moments.recorded().values()
    ]
    latest = max(recorded, default=situation.now)
    if latest <= situation.now + situation.policy.max_clock_drift:
        return False
    words = f"the state records {format_moment(latest)}, which is later than this host's clock"
    draft.find(FindingKind.CLOCK, Severity.ERROR, words)
    draft.wait(Wait("switch", Gate.SAFETY, Reason.CLOCK_BEHIND, words, until=latest, blocked=True))
    return True


def _state_behind(situation: Situation, draft: Draft) -> bool:
    if not is_behind(situation.inventory):
        return False
    words = (
        f"the regions carry generation {generation_seen(situation.inventory)}, the state is at "
        f"{situation.state.generation}: an older state was restored; apply catches up from the regions first"
    )
    draft.find(FindingKind.DRIFT, Severity.ERROR, words)
    draft.wait(Wait("switch", Gate.SAFETY, Reason.STATE_BEHIND, words, blocked=True))
    return True
