"""`region forget`: an operator's word that the signers of a region that was let go have stopped (design T3)."""

from dataclasses import dataclass, replace
from datetime import datetime

from rotator.app.apply import lease_of
from rotator.app.gather import load_state, with_lineage
from rotator.app.world import IssuerWorld, World
from rotator.domain.state import IssuerState
from rotator.domain.times import format_moment
from rotator.errors import RequestRefused, UsageError
from rotator.ports import AuditEntry, Lease


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The issuers that let the region go now, and those that still have it configured."""

    issuers: tuple[str, ...]
    keep_it: tuple[str, ...]


def forget(
    world: World, region: str, *, stopped_at: datetime, reason: str, owner: str
) -> Forgotten:
    """Record it for every issuer that knows the region and no longer names it; again to correct the moment.

    Raises UsageError, RequestRefused (still configured everywhere, or signing later than that), LeaseHeld.
    """
    now = world.clock.now()
    if stopped_at > now:
        raise UsageError(
            f"--signers-stopped-at {format_moment(stopped_at)} is in the future",
            detail="nothing is removed on the strength of what is only planned",
            hint="stop the signers first, then say since when they have stopped",
        )
    if not reason.strip():
        raise UsageError(
            "letting a region go needs a reason: how it is known that nobody signs there"
        )
    with lease_of(world) as lease:
        states = {issuer.name: load_state(world, issuer) for issuer in world.issuers}
        left, kept = _sorted(world, states, region)
        for issuer in left:
            _require_later(states[issuer.name], region, stopped_at)
        facts = {
            "region": region,
            "signers_stopped_at": format_moment(stopped_at),
            "reason": reason,
            "owner": owner,
        }
        for issuer in left:
            entry = AuditEntry(now, issuer.name, "region_forgotten", facts)
            _save(world, lease, states[issuer.name], region, stopped_at, entry)
    return Forgotten(tuple(i.name for i in left), tuple(i.name for i in kept))


def _sorted(
    world: World, states: dict[str, IssuerState], region: str
) -> tuple[list[IssuerWorld], list[IssuerWorld]]:
    """The issuers that let the region go, and those that still name it. Raises where none let it go."""
    knowing = [i for i in world.issuers if region in states[i.name].regions]
    kept = [i for i in world.issuers if i.setup.region(region)]
    left = [i for i in knowing if i not in kept]
    if left:
        return left, kept
    if kept:
        raise RequestRefused(
            f"{region} is still configured for {', '.join(i.name for i in kept)}",
            detail="rotator goes on writing there, and signers may follow it",
            hint=f"take {region} out of the configuration first, then forget it",
        )
    gone = {n for i in world.issuers for n in states[i.name].regions if not i.setup.region(n)}
    raise UsageError(
        f"there is no region {region!r} that was let go",
        hint=f"regions that left the configuration: {', '.join(sorted(gone)) or 'none'}",
    )


def _require_later(state: IssuerState, region: str, stopped_at: datetime) -> None:
    since = state.record(region).signing_since
    if since and stopped_at < since:
        raise RequestRefused(
            f"{region} got its first signing target later than that, {format_moment(since)}",
            hint="say when its signers stopped, not when they were to begin",
        )


def _save(
    world: World,
    lease: Lease,
    state: IssuerState,
    region: str,
    stopped_at: datetime,
    entry: AuditEntry,
) -> None:
    record = replace(state.record(region), signers_stopped_at=stopped_at)
    world.state.save(lease, with_lineage(state.with_record(region, record)), [entry])
