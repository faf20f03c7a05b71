"""The four-valued states of each (key, region), read off a life."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import Absent, RegionView, Unavailable
from rotator.planning.propagation import Certainty, publication, signature
from rotator.planning.settle import settle
from tests.scenarios.world import DAY, Regions

H, R, A, U = Certainty.HIDDEN, Certainty.RUMOURED, Certainty.OMNIPRESENT, Certainty.UNRETENTIVE
US = "us-east-1"


def states(world: Regions, number: int) -> tuple[Certainty, Certainty]:
    (inventory,) = inventories_of(world.world())
    key = inventory.state.keys[number]
    region = inventory.setup.regions[0]
    now = world.at()
    return publication(key, US, inventory, now), signature(key, region, inventory, now)


@pytest.mark.parametrize(
    ("days", "old", "new"),
    [
        (0, (R, A), (R, H)),  # the first key signs at once: nobody can hold an older document
        (2, (A, A), (A, H)),
        (90, (A, U), (A, A)),
        (92, (A, H), (A, A)),
        (122, (U, H), (A, A)),
        (123, (H, H), (A, A)),
    ],
)
def test_a_life(days, old, new):
    world = Regions()
    world.apply()
    world.ages(days=days)
    assert (states(world, 0), states(world, 1)) == (old, new)


def test_a_key_that_was_never_seen():
    world = Regions()
    world.apply()
    (inventory,) = inventories_of(world.world())
    blind = replace(inventory, evidence=Evidence(issuer="accounts"))
    active, standby = inventory.state.keys
    unpublished = replace(standby, moments=replace(standby.moments, published_at=None))
    assert publication(standby, US, blind, world.at()) is R
    assert publication(unpublished, US, blind, world.at()) is H
    nowhere = replace(blind, views=dict.fromkeys(blind.views, RegionView(Absent(), Absent())))
    region = inventory.setup.regions[0]
    assert signature(active, region, nowhere, world.at()) is U
    begun = replace(active, moments=replace(active.moments, activated_at=None))
    assert signature(begun, region, nowhere, world.at()) is R


def test_a_removal_is_settled_only_when_every_region_was_read():
    world = Regions()
    world.apply()
    world.ages(days=122)
    (inventory,) = inventories_of(world.world())
    key = inventory.state.keys[0]
    open_ = replace(key, moments=replace(key.moments, removed_at=None))
    inventory = replace(inventory, state=inventory.state.with_key(open_))
    gone = {**inventory.views, US: RegionView(Absent(), Absent())}
    silent = {**inventory.views, US: RegionView(Unavailable("E", "down"), Absent())}
    assert settle(replace(inventory, views=gone), world.at()).keys[0].moments.removed_at
    assert not settle(replace(inventory, views=silent), world.at()).keys[0].moments.removed_at
    assert timedelta() < DAY
