"""A state made of what the regions show: the standby stays one, a revoked key stays revoked, nothing is asked for twice."""

from dataclasses import replace
from datetime import datetime

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.inventory import Inventory, SigningRead, Unavailable
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.signing import SigningDocument
from rotator.domain.state import IssuerState
from rotator.errors import StateBehind
from rotator.planning.regions_alone import evidence_of, from_regions
from tests.scenarios.world import NAMES, Regions

US, EU, AP = NAMES


@pytest.fixture
def seen() -> tuple[Inventory, tuple[Key, ...], datetime]:
    """Three regions as they are read without a state, the key store's keys, and the moment it is."""
    world = Regions()
    world.apply()
    (inventory,) = inventories_of(world.world())
    empty = replace(inventory, state=IssuerState(issuer="accounts"))
    return empty, inventory.state.keys, world.at()


def ordered(inventory: Inventory, region: str, **changes: object) -> Inventory:
    """The inventory with other orders for a region's signers."""
    read = inventory.views[region].signing
    assert isinstance(read, SigningRead)
    assert isinstance(read.document, SigningDocument)
    document = replace(read.document, **changes)  # type: ignore[arg-type]
    view = replace(inventory.views[region], signing=replace(read, document=document))
    return replace(inventory, views={**inventory.views, region: view})


def dark(inventory: Inventory, *regions: str) -> Inventory:
    """The inventory with regions that do not answer."""
    gone = Unavailable("E", "down")
    blind = {name: replace(inventory.views[name], jwks=gone, signing=gone) for name in regions}
    return replace(inventory, views={**inventory.views, **blind})


def phases(state: IssuerState) -> list[Phase]:
    return [phase(key) for key in state.keys]


def test_the_standby_stays_one_since_it_was_written(seen) -> None:
    inventory, stored, now = seen
    state = from_regions(inventory, stored, now)
    document = inventory.views[US].signing_document()
    assert document is not None
    assert phases(state) == [Phase.ACTIVE, Phase.PUBLISHED]
    assert state.keys[1].moments.published_at == document.written_at
    evidence = evidence_of(inventory, state)
    assert {evidence.sighting(name, state.keys[1].kid).visible_since for name in NAMES} == {
        document.written_at
    }
    assert [key.kid for key in state.in_documents()] == [key.kid for key in stored]


def test_a_revoked_standby_stays_revoked(seen) -> None:
    inventory, stored, now = seen
    told = ordered(inventory, US, revoked=(stored[1].kid,))
    assert phases(from_regions(told, stored, now)) == [Phase.ACTIVE, Phase.REVOKED]


@pytest.mark.parametrize("changes", [{"standby": None}])
def test_a_standby_that_one_region_does_not_name_is_none(seen, changes) -> None:
    inventory, stored, now = seen
    state = from_regions(ordered(inventory, EU, **changes), stored, now)
    assert phases(state) == [Phase.ACTIVE, Phase.RETIRED]
    assert evidence_of(inventory, state).sighting(US, stored[1].kid).visible_since is None


def test_a_region_that_cannot_be_read_signs_as_the_others_for_all_that_is_known(seen) -> None:
    inventory, stored, now = seen
    state = from_regions(dark(inventory, EU), stored, now)
    assert state.record(EU).signing_kid == stored[0].kid
    assert (state.record(EU).jwks_etag, state.record(US).jwks_etag is None) == (None, False)
    assert phases(state) == [Phase.ACTIVE, Phase.PUBLISHED]


def test_generations_go_on_behind_all_that_were_ever_seen(seen) -> None:
    inventory, stored, now = seen
    later = replace(stored[1], generation=70, jwk=replace(stored[1].jwk, kid="never-served"))
    state = from_regions(inventory, [*stored, later], now)
    assert (state.generation, state.signing_generation) == (70, 70)
    assert phases(state)[-1] is Phase.REMOVED
    told = ordered(inventory, AP, generation=90)
    assert from_regions(told, stored, now).generation == 90


def test_where_nothing_can_be_read_nothing_can_be_made(seen) -> None:
    inventory, stored, now = seen
    with pytest.raises(StateBehind, match="no region can be read"):
        from_regions(dark(inventory, *NAMES), stored, now)
