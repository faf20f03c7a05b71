"""`plan`: gather and plan every issuer, change nothing."""

from dataclasses import replace
from datetime import datetime

from rotator.app.gather import gather, load_state, remembered
from rotator.app.listing import NO_LISTING, Listing, listing_of
from rotator.app.parallel import side_by_side
from rotator.app.world import IssuerWorld, World
from rotator.domain.evidence import Evidence, Sighting, Verdict
from rotator.domain.inventory import Inventory
from rotator.domain.plan import Plan
from rotator.planning.planner import plan_issuer


def make_plan(world: World, *, at: datetime | None = None, refresh: bool = True) -> Plan:
    """The plan of now, or of another moment, taking present evidence to go on passing until then."""
    inventories = inventories_of(world, refresh=refresh)
    return plan_of(world, inventories, at=at)


def inventories_of(
    world: World, *, refresh: bool = True, thorough: bool = False
) -> list[Inventory]:
    """Every issuer's inventory, looked at now or as remembered; `thorough` reads what a listing could tell, too."""
    listing = listing_of(world) if refresh and not thorough else NO_LISTING
    return side_by_side(
        lambda issuer: _inventory(world, issuer, listing, refresh=refresh), world.issuers
    )


def plan_of(world: World, inventories: list[Inventory], *, at: datetime | None = None) -> Plan:
    """The plan made from inventories."""
    now = world.clock.now()
    moment = at or now
    if at is not None:
        inventories = [replace(i, evidence=_goes_on(i.evidence, at)) for i in inventories]
    return Plan(
        created_at=now,
        now=moment,
        config_digest=world.config_digest,
        issuers=tuple(plan_issuer(inventory, moment) for inventory in inventories),
    )


def _inventory(world: World, issuer: IssuerWorld, listing: Listing, *, refresh: bool) -> Inventory:
    state = load_state(world, issuer)
    return gather(world, issuer, state, listing) if refresh else remembered(world, issuer, state)


def _goes_on(evidence: Evidence, at: datetime) -> Evidence:
    """What passes now is taken to pass at `at` too."""
    sightings = {
        gate: {kid: _seen_again(sighting, at) for kid, sighting in kids.items()}
        for gate, kids in evidence.sightings.items()
    }
    return replace(evidence, sightings=sightings)


def _seen_again(sighting: Sighting, at: datetime) -> Sighting:
    passes = sighting.verdict is Verdict.PASS and sighting.checked_at is not None
    return replace(sighting, checked_at=at, passes=sighting.passes + 1) if passes else sighting
