"""`status`: keys × regions with phases and moments, what comes next, what is late."""

from datetime import datetime, timedelta

from rotator.app.plan import inventories_of, plan_of
from rotator.app.reports import (
    IssuerStatus,
    KeyInRegion,
    KeyStatus,
    NextStep,
    StatusReport,
)
from rotator.app.world import World
from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key
from rotator.domain.lifecycle import IN_JWKS, Phase, phase
from rotator.domain.plan import FindingKind, IssuerPlan
from rotator.planning.lateness import late
from rotator.planning.removals import removal_of
from rotator.planning.settle import settled
from rotator.planning.situation import Situation, in_order, turn_of
from rotator.planning.switching import candidate


def status(world: World, *, refresh: bool = True, regions: tuple[str, ...] = ()) -> StatusReport:
    """Every issuer as it stands; looks at the regions first unless told not to."""
    return status_of(world, inventories_of(world, refresh=refresh), regions=regions)


def status_of(
    world: World, inventories: list[Inventory], *, regions: tuple[str, ...] = ()
) -> StatusReport:
    """Every issuer as a look that was just taken shows it."""
    plan, now = plan_of(world, inventories), world.clock.now()
    issuers = [
        _issuer(settled(inventory, now), part, now, regions)
        for inventory, part in zip(inventories, plan.issuers, strict=True)
    ]
    return StatusReport(at=now, issuers=tuple(issuers), host=world.time.kernel())


def _issuer(
    inventory: Inventory, plan: IssuerPlan, now: datetime, regions: tuple[str, ...]
) -> IssuerStatus:
    situation, state = Situation(inventory, now), inventory.state
    gates = tuple(gate for gate in inventory.setup.gates() if not regions or gate in regions)
    shown = [key for key in in_order(state.keys) if phase(key) in IN_JWKS]
    active = state.active()
    return IssuerStatus(
        issuer=state.issuer,
        url=inventory.setup.url,
        algorithm=situation.policy.algorithm.value,
        serial=state.serial,
        generation=state.generation,
        active=active.kid if active else None,
        hold=state.hold if situation.held else None,
        gates=gates,
        keys=tuple(key_status(situation, key, gates) for key in shown),
        next=_next(situation, plan),
        overdue=tuple(f.detail for f in plan.findings if f.kind is FindingKind.OVERDUE),
        plan=plan,
        looks={gate: look for gate, look in inventory.evidence.looks.items() if gate in gates},
        revoking=tuple(
            k.kid for k in state.keys if phase(k) is Phase.REVOKED and not k.moments.removed_at
        ),
        late_by=max((now - due for _, due in late(situation, plan.waiting)), default=timedelta()),
    )


def key_status(situation: Situation, key: Key, gates: tuple[str, ...]) -> KeyStatus:
    """One key as it stands, and as it was last seen at these gates."""
    gone = phase(key) not in IN_JWKS or not key.ever_signed
    remove_after = (
        None if gone or key.moments.retired_at is None else removal_of(situation, key).opens
    )
    seen = {
        gate: KeyInRegion(
            visible_since=situation.sighting(gate, key).visible_since,
            checked_at=situation.sighting(gate, key).checked_at,
            verdict=situation.sighting(gate, key).verdict,
            seen_by=situation.sighting(gate, key).seen_by,
            passes=situation.sighting(gate, key).passes,
        )
        for gate in gates
    }
    return KeyStatus(key=key, phase=phase(key), remove_after=remove_after, regions=seen)


def _next(situation: Situation, plan: IssuerPlan) -> tuple[NextStep, ...]:
    """What is due, then what waits, each with its moment; soonest first, those without a moment last."""
    due = [NextStep(kind=s.kind, kid=getattr(s, "kid", None), at=situation.now) for s in plan.steps]
    waits = [NextStep(kind=w.kind, kid=w.kid, at=w.until) for w in plan.waiting]
    if not any(step.kind == "switch" for step in (*due, *waits)):
        key = candidate(situation)
        turn = turn_of(situation)[0] if situation.state.active() else None
        waits.append(NextStep(kind="switch", kid=key.kid if key else None, at=turn))
    unique = dict.fromkeys((*due, *waits))
    return tuple(sorted(unique, key=lambda step: (step.at is None, step.at or situation.now)))
