"""A revoke whose state cannot be reached: each issuer's state is made of its regions and key store, and kept in memory."""

from dataclasses import replace

from rotator.app.catching_up import stored_keys
from rotator.app.gather import gather, keep_evidence
from rotator.app.run import Run, save
from rotator.app.world import IssuerWorld, World
from rotator.domain.state import IssuerState
from rotator.errors import RotatorError
from rotator.planning.regions_alone import evidence_of, from_regions
from rotator.ports import AuditEntry, Lease


def remake(world: World) -> World:
    """The world with the issuers whose states could be made in `world.state`, which must be empty and nobody else's.

    Raises what stopped the last of them where no issuer is left.
    """
    made: list[IssuerWorld] = []
    trouble: RotatorError | None = None
    lease = world.state.acquire(world.owner, world.lease_term)
    try:
        for issuer in world.issuers:
            try:
                _remake(world, issuer, lease)
            except RotatorError as error:
                trouble = error
                why = f"{error.message}: {error.detail or error.hint}"
                world.reporter.warn(why, issuer=issuer.name, code=error.code)
            else:
                made.append(issuer)
    finally:
        world.state.release(lease)
    if not made and trouble:
        raise trouble
    return replace(world, issuers=tuple(made))


def _remake(world: World, issuer: IssuerWorld, lease: Lease) -> None:
    empty = IssuerState(issuer=issuer.name)
    run = Run(world, issuer, lease, gather(world, issuer, empty))
    now = world.clock.now()
    state = from_regions(run.inventory, stored_keys(run, newer=True), now)
    facts = {"generation": state.generation}
    save(run, state, [AuditEntry(now, issuer.name, "made_of_regions", facts)])
    keep_evidence(world, evidence_of(run.inventory, state), None)
