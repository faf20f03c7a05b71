"""`hold` and `release`: an operator stops an issuer's timers, or lets it go on (design I5)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from rotator.app.apply import lease_of
from rotator.app.gather import load_state, with_lineage
from rotator.app.world import World, issuer_named
from rotator.domain.state import Hold, IssuerState
from rotator.domain.times import format_moment
from rotator.errors import UsageError
from rotator.ports import AuditEntry, Lease


def hold(
    world: World, issuer: str, reason: str, *, owner: str, until: datetime | None = None
) -> IssuerState:
    """Hold an issuer, after the step under way of a run that is at work; a new hold replaces the one in force.

    Raises UsageError, LeaseHeld (a revoke is at work, which no hold stops).
    """
    now = world.clock.now()
    if until is not None and until <= now:
        raise UsageError(f"--until {format_moment(until)} is in the past")
    if not reason.strip():
        raise UsageError("a hold needs a reason")
    chosen = issuer_named(world, issuer)
    with lease_of(world, urgent=True) as lease:
        state = replace(
            load_state(world, chosen), hold=Hold(reason=reason, owner=owner, since=now, until=until)
        )
        facts = {"reason": reason, "owner": owner, "until": format_moment(until) if until else None}
        return _save(world, lease, state, "held", facts)


def release(world: World, issuer: str, *, owner: str) -> bool:
    """Let an issuer go on, and say whether it was held at all. Raises UsageError, LeaseHeld."""
    chosen = issuer_named(world, issuer)
    with lease_of(world) as lease:
        state = load_state(world, chosen)
        if state.hold is None:
            return False
        free = replace(state, hold=None, released_at=world.clock.now())
        _save(world, lease, free, "released", {"owner": owner})
        return True


def _save(
    world: World, lease: Lease, state: IssuerState, event: str, facts: Mapping[str, str | None]
) -> IssuerState:
    return world.state.save(
        lease, with_lineage(state), [AuditEntry(world.clock.now(), state.issuer, event, facts)]
    )
