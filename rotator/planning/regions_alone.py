"""A state made of what the regions show, where the real one cannot be reached: good enough for one revoke.

As in catching up (design I8) the regions are believed, but one that cannot be read does not stop it, and the standby that
every signing target names stays a standby. What is made here is never kept: the real state catches up from the regions
later, and finds the revoked keys in every signing target.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.domain.evidence import Evidence, Sighting
from rotator.domain.inventory import Absent, Inventory
from rotator.domain.keys import Key, Moments
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.policy import RegionSetup
from rotator.domain.signing import SigningDocument
from rotator.domain.state import IssuerState, RegionRecord
from rotator.errors import StateBehind
from rotator.planning.catching_up import caught_up, generation_seen


def from_regions(inventory: Inventory, stored: Sequence[Key], now: datetime) -> IssuerState:
    """The state as the regions that can be read show it; `stored` are all keys that the key store has.

    Generations go on behind the highest that was seen anywhere, so that no key that was ever asked for is made again.
    Raises StateBehind where no region can be read, or one signs with a key that the store lacks.
    """
    readable = _readable(inventory)
    setup = replace(inventory.setup, regions=readable.regions)
    state = caught_up(replace(inventory, setup=setup), stored, now)
    latest = max(state.generation, generation_seen(inventory), *(key.generation for key in stored))
    standby = _standby(inventory, readable)
    first = readable.regions[0].name
    keys = tuple(
        _as_standby(key, min(readable.written_at, now)) if key.kid == standby else key
        for key in _in_order(state.keys, inventory, first, now)
    )
    unread = {
        region.name: _unread(state, region.name, readable)
        for region in inventory.setup.regions
        if region not in readable.regions
        and not isinstance(inventory.views[region.name].signing, Absent)
    }
    regions = {**state.regions, **unread}
    return replace(state, generation=latest, signing_generation=latest, keys=keys, regions=regions)


def evidence_of(inventory: Inventory, state: IssuerState) -> Evidence:
    """What the regions prove of a standby: rotator names one in a signing target only once every region serves it.

    So it was seen everywhere when the latest of those was written; regions that show the opposite now are looked at next.
    """
    fresh = [k for k in state.keys if phase(k) is Phase.PUBLISHED and not k.ever_signed]
    seen = {key.kid: Sighting(visible_since=key.moments.published_at) for key in fresh}
    return Evidence(
        issuer=state.issuer, sightings={gate: dict(seen) for gate in inventory.setup.gates()}
    )


@dataclass(frozen=True, slots=True)
class _Readable:
    """The regions whose two documents were read and understood, and what their signers are told."""

    regions: tuple[RegionSetup, ...]
    orders: tuple[SigningDocument, ...]

    @property
    def written_at(self) -> datetime:
        """When the latest of the signing targets was written."""
        return max(document.written_at for document in self.orders)


def _readable(inventory: Inventory) -> _Readable:
    views = inventory.views
    found = [
        (region, document)
        for region in inventory.setup.regions
        if (document := views[region.name].signing_document())
        and views[region.name].jwks_document()
    ]
    if not found:
        raise StateBehind(
            f"{inventory.setup.name}: no region can be read, and the state is not used",
            hint="run it again when a region answers: without one nothing can be withdrawn",
        )
    return _Readable(tuple(region for region, _ in found), tuple(orders for _, orders in found))


def _standby(inventory: Inventory, readable: _Readable) -> str | None:
    """The kid that every signing target names as standby and every document serves."""
    named = {document.standby.kid if document.standby else None for document in readable.orders}
    kid = named.pop() if len(named) == 1 else None
    documents = [inventory.views[region.name].jwks_document() for region in readable.regions]
    served = all(document and kid in document.kids() for document in documents)
    return kid if served else None


def _as_standby(key: Key, since: datetime) -> Key:
    """A key that waits for its turn, as it was when the signing targets were written; a revoked one stays so."""
    if phase(key) is not Phase.RETIRED:
        return key
    return replace(key, moments=Moments(staged_at=key.moments.staged_at, published_at=since))


def _in_order(
    keys: Sequence[Key], inventory: Inventory, region: str, now: datetime
) -> Iterator[Key]:
    """Keys staged in the order in which a region serves them, so that its document is not taken for somebody else's."""
    document = inventory.views[region].jwks_document()
    served = document.kids() if document else ()
    for key in keys:
        place = served.index(key.kid) - len(served) if key.kid in served else 0
        staged = now + timedelta(microseconds=place)
        yield replace(key, moments=replace(key.moments, staged_at=staged))


def _unread(state: IssuerState, region: str, readable: _Readable) -> RegionRecord:
    """A region that cannot be read now signs as the others do, for all that anybody knows."""
    latest = max(readable.orders, key=lambda document: document.generation)
    return replace(state.record(region), signing_kid=latest.active.kid)
