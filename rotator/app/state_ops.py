"""`state show|export|import|unlock`: the state for backup and repair."""

from dataclasses import replace
from typing import Any

from rotator.app.apply import lease_of
from rotator.app.world import World
from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.state import IssuerState
from rotator.domain.times import format_moment
from rotator.errors import StateDamaged
from rotator.ports import AuditEntry, Fact, Lease

FORMAT = "rotator.state/1"


def export(world: World) -> dict[str, Any]:
    """Every issuer's state and evidence as one JSON document; no private material is in it."""
    names = world.state.issuers()
    states = [state for name in names if (state := world.state.load(name))]
    return {
        "format": FORMAT,
        "exported_at": format_moment(world.clock.now()),
        "issuers": [encode(state) for state in states],
        "evidence": [encode(world.state.load_evidence(state.issuer)) for state in states],
    }


def import_(world: World, document: object) -> list[IssuerState]:
    """Put an export back. Each issuer's serial goes on from what is stored, so that plans made before are stale.

    Evidence is not taken over: what regions serve is looked at anew, every lead and every wait for dead tokens
    starts again (design I8, T10). Raises StateDamaged, LeaseHeld.
    """
    states = read_export(document)
    with lease_of(world) as lease:
        return [_import_one(world, lease, state) for state in states]


def read_export(document: object) -> list[IssuerState]:
    """The states in an export. Raises StateDamaged with where it is wrong."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise StateDamaged(
            "this is no export of rotator's state", detail=f"a {FORMAT} document was expected"
        )
    try:
        states = decode(tuple[IssuerState, ...], document.get("issuers"), "issuers")
    except CodecError as error:
        raise StateDamaged("the export cannot be read", detail=str(error)) from None
    return list(states)


def unlock(world: World) -> Lease | None:
    """Take the lease from whoever holds it; returns who did."""
    return world.state.break_lease()


def show(world: World) -> list[IssuerState]:
    """The state of every selected issuer that has one."""
    return [state for issuer in world.issuers if (state := world.state.load(issuer.name))]


def _import_one(world: World, lease: Lease, state: IssuerState) -> IssuerState:
    stored = world.state.load(state.issuer)
    restored = replace(state, serial=stored.serial if stored else 0)
    facts: dict[str, Fact] = {
        "serial": state.serial,
        "lineage": state.lineage,
        "generation": state.generation,
    }
    return world.state.save(
        lease, restored, [AuditEntry(world.clock.now(), state.issuer, "imported", facts)]
    )
