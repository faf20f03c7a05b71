"""`apply --accept`: an operator takes what a new algorithm is known to break (design §3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rotator.app.apply import lease_of
from rotator.app.gather import load_state, with_lineage
from rotator.app.world import World
from rotator.domain.state import IssuerState
from rotator.errors import UsageError
from rotator.planning.compatibility import Incompatibility, incompatibilities
from rotator.planning.unreadable import harm
from rotator.ports import AuditEntry, Lease


def accept(world: World, names: Sequence[str], *, owner: str) -> None:
    """Record for every selected issuer that it takes the breaks of these names, each `VERIFIER/ALGORITHM`.

    What was accepted before stays so. Raises UsageError for a name that nothing found has, and LeaseHeld.
    """
    with lease_of(world) as lease:
        states = [load_state(world, issuer) for issuer in world.issuers]
        found = {
            state.issuer: incompatibilities(issuer.setup, state)
            for issuer, state in zip(world.issuers, states, strict=True)
        }
        _refuse_unknown(names, found, states)
        for state in states:
            news = [one for one in found[state.issuer] if one.name in names and not one.accepted]
            if news:
                _save(world, lease, state, news, owner)


def _refuse_unknown(
    names: Sequence[str],
    found: Mapping[str, tuple[Incompatibility, ...]],
    states: Sequence[IssuerState],
) -> None:
    """A name that was accepted once is no mistake: the same command can be given again."""
    there = {one.name: None for every in found.values() for one in every}
    before = {name for state in states for name in state.accepted}
    wrong = next((name for name in names if name not in there and name not in before), None)
    if wrong is not None:
        raise UsageError(
            f"there is nothing to accept by the name of {wrong}",
            detail=f"there is {', '.join(there)}"
            if there
            else "no selected issuer breaks anything",
            hint="rotator plan names what a new algorithm breaks",
        )


def _save(
    world: World,
    lease: Lease,
    state: IssuerState,
    news: Sequence[Incompatibility],
    owner: str,
) -> None:
    accepted = (*state.accepted, *(one.name for one in news))
    now = world.clock.now()
    entries = [
        AuditEntry(
            now,
            state.issuer,
            "accepted",
            {
                "finding": one.name,
                "effect": one.broken.effect.value,
                "harm": harm(one.verifier, one.broken),
                "owner": owner,
            },
        )
        for one in news
    ]
    world.state.save(lease, with_lineage(replace(state, accepted=accepted)), entries)
