"""`rotate`: an operator asks for a switch ahead of its turn; it is planned like any other, and all its gates hold."""

from dataclasses import dataclass, replace

from rotator.app.apply import lease_of, prepare
from rotator.app.catching_up import require_caught_up
from rotator.app.plan import plan_of
from rotator.app.run import save
from rotator.app.world import World, issuer_named
from rotator.domain.plan import Plan
from rotator.domain.state import Asked, Request
from rotator.errors import UsageError
from rotator.planning.requests import asked_early
from rotator.planning.situation import Situation
from rotator.ports import AuditEntry


@dataclass(frozen=True, slots=True)
class Rotation:
    """The request as it stands, whether it was made before (`already`), and the plan of now."""

    request: Request
    already: bool
    plan: Plan


def rotate(world: World, issuer: str, *, reason: str, owner: str) -> Rotation:
    """Record the request; one that stands already stays as it is.

    Raises UsageError, RequestRefused, StateBehind, LeaseHeld.
    """
    chosen = issuer_named(world, issuer)
    if not reason.strip():
        raise UsageError("a rotation ahead of schedule needs a reason")
    alone = replace(world, issuers=(chosen,))
    with lease_of(alone) as lease:
        (run,) = prepare(alone, alone.issuers, lease)
        require_caught_up(run.inventory)
        now, standing = world.clock.now(), run.inventory.state.request
        already = standing is not None and standing.asked is Asked.ROTATE
        if not already:
            state = asked_early(Situation(run.inventory, now), reason=reason, owner=owner)
            facts = {"reason": reason, "owner": owner}
            save(run, state, [AuditEntry(now, issuer, "rotation_asked", facts)])
        request = run.inventory.state.request or Request(
            asked=Asked.ROTATE, reason=reason, owner=owner, at=now
        )
        return Rotation(request, already, plan_of(alone, [run.inventory]))
