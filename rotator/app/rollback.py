"""`rollback`: the key before becomes active again (design §3); shown first, then recorded and carried out under one lease."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.app.apply import carry_out, lease_of, prepare
from rotator.app.catching_up import require_caught_up
from rotator.app.gather import gather
from rotator.app.journal import moment_lines
from rotator.app.plan import inventories_of, make_plan, plan_of
from rotator.app.reports import ApplyReport
from rotator.app.run import Run, save
from rotator.app.world import IssuerWorld, World, issuer_named
from rotator.domain.keys import Key, reaches
from rotator.domain.plan import Plan
from rotator.domain.state import IssuerState
from rotator.errors import (
    Declined,
    KeyStoreError,
    KeyStoreUnreachable,
    RequestRefused,
    StalePlan,
    UsageError,
)
from rotator.planning.requests import rollback_target, rolled_back, rolling_back
from rotator.planning.settle import settled
from rotator.ports import AuditEntry


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a rollback would do: the key that signs again, the one that retires, and the plan.

    `begun`: it was asked for before and goes on. `given_up`: the switch to the newer key was not finished. `enabled`:
    KMS has the older key disabled, and enables it first.
    """

    to: Key
    newer: Key | None
    plan: Plan
    begun: bool = False
    given_up: bool = False
    enabled: bool = False


def rollback(
    world: World,
    issuer: str,
    *,
    reason: str,
    owner: str,
    confirm: Callable[[WayBack], bool] | None = None,
) -> ApplyReport:
    """Begin the way back, or go on with one that was begun. `confirm` is asked without the lease; None asks nobody.

    Raises UsageError, RequestRefused, Declined, StalePlan (something moved meanwhile), StateBehind, LeaseHeld,
    UnsafePlan.
    """
    if not reason.strip():
        raise UsageError("a rollback needs a reason")
    chosen = issuer_named(world, issuer)
    alone = replace(world, issuers=(chosen,))
    way = _way_back(alone, chosen, reason, owner)
    if confirm and not confirm(way):
        raise Declined("nothing was rolled back")
    with lease_of(alone) as lease:
        (run,) = prepare(alone, alone.issuers, lease)
        _begin(run, way, reason, owner)
        results = carry_out(alone, lease)
    return ApplyReport(at=world.clock.now(), results=results, left=make_plan(alone))


def _way_back(world: World, issuer: IssuerWorld, reason: str, owner: str) -> WayBack:
    """Plan with the decision as if it were made; what is seen is kept, nothing else."""
    inventory, now = settled(inventories_of(world)[0], world.clock.now()), world.clock.now()
    require_caught_up(inventory)
    state = inventory.state
    _require_free(world, state)
    target = _target(state)
    if rolling_back(state):
        return WayBack(target, state.active(), plan_of(world, [inventory]), begun=True)
    if issuer.control is None:
        _ready(issuer, target, now)
    after = rolled_back(state, reason=reason, owner=owner, now=now)
    plan = plan_of(world, [gather(world, issuer, after)])
    given_up, enabled = state.switching(), target.moments.disabled_at is not None
    newer = given_up or state.active()
    return WayBack(target, newer, plan, given_up=given_up is not None, enabled=enabled)


def _begin(run: Run, way: WayBack, reason: str, owner: str) -> None:
    """Record the decision, unless it stands already; what it rests on is looked at once more."""
    require_caught_up(run.inventory)
    state, now = run.inventory.state, run.world.clock.now()
    _require_free(run.world, state)
    if rolling_back(state):
        return
    target = _target(state)
    if way.begun or target.kid != way.to.kid:
        raise StalePlan(
            f"{run.issuer.name} moved while its rollback was being read",
            hint="look again: rotator rollback",
        )
    if target.moments.disabled_at:
        _begin_enabling(run, target)
    _ready(run.issuer, target, now)
    state = run.inventory.state
    after = rolled_back(state, reason=reason, owner=owner, now=now)
    facts = {"kid": target.kid, "reason": reason, "owner": owner}
    entries = [AuditEntry(now, run.issuer.name, "rollback_asked", facts)]
    save(run, after, [*entries, *moment_lines(state, after, now)])


def _begin_enabling(run: Run, target: Key) -> None:
    """Record it first: where it fails half way, or this run dies, the key counts as enabled and is disabled again (T5)."""
    enabled = replace(target, moments=replace(target.moments, disabled_at=None))
    entry = AuditEntry(
        run.world.clock.now(), run.issuer.name, "enabling_begun", {"kid": target.kid}
    )
    save(run, run.inventory.state.with_key(enabled), [entry])


def _target(state: IssuerState) -> Key:
    """The key to go back to; of a rollback that was begun, the one that it goes to."""
    asked = state.key(state.request.kid or "") if state.request and rolling_back(state) else None
    return asked or rollback_target(state)


def _require_free(world: World, state: IssuerState) -> None:
    hold = state.hold
    if hold and hold.holds_at(world.clock.now()):
        raise RequestRefused(
            f"{state.issuer} is held by {hold.owner}: {hold.reason}",
            detail="a hold stops every switch, also the way back",
            hint=f"rotator release {state.issuer}, then ask again",
        )


def _ready(issuer: IssuerWorld, key: Key, now: datetime) -> None:
    """Have KMS undo what may have been done to the key since it was switched away, and prove that it signs.

    A region that does not answer is no refusal, since every write there proves the key once more; but nothing enables it
    there later. Raises RequestRefused, KeyStoreUnreachable.
    """
    try:
        if issuer.control:
            issuer.control.enable(key.handle)
        for region in issuer.setup.regions:
            if reaches(key.handle, region.aws_region):
                issuer.keys.prove(key.handle, region.aws_region)
    except KeyStoreUnreachable:
        if _may_be_disabled(issuer, key, now):
            raise
    except KeyStoreError as error:
        raise _unusable(key, error) from error


def _may_be_disabled(issuer: IssuerWorld, key: Key, now: datetime) -> bool:
    """Whether KMS may have the key disabled in some region: by the record, or since its time was over (design T5)."""
    window, retired = issuer.setup.rollback_window, key.moments.retired_at
    over = window is not None and retired is not None and retired + window <= now
    return over or not key.usable


def _unusable(key: Key, error: KeyStoreError) -> RequestRefused:
    return RequestRefused(
        f"{key.kid[:8]}, the key before, cannot sign: {error.message}",
        detail=error.detail,
        hint=error.hint,
    )
