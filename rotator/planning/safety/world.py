"""The small model of the world on which the checker plays a plan, and what is asked of it (design T3, T4)."""

from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    PointAlias,
    Remove,
    RemoveForeign,
    RepairJwks,
    RepairSigning,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.planning.propagation import Certainty, joined_later, publication, signature

Atom = tuple[str, str, str]
"""An invariant, a key and a region of which it is true; the last two may be empty."""


@dataclass(frozen=True, slots=True)
class World:
    """Who serves what and who signs with what; None where nobody knows."""

    inventory: Inventory
    now: datetime
    served: dict[str, frozenset[str] | None]
    signing: dict[str, str | None]
    pointed: dict[str, str | None]
    generations: dict[str, int]
    made: frozenset[str] = frozenset()
    destroyed: frozenset[str] = frozenset()

    def key(self, kid: str) -> Key | None:
        """The issuer's key of that kid."""
        return self.inventory.state.key(kid)


def observed(inventory: Inventory, now: datetime) -> World:
    """The world as it was read."""
    served, signing, pointed, generations = {}, {}, {}, {}
    for region in inventory.setup.regions:
        view = inventory.views[region.name]
        document, orders = view.jwks_document(), view.signing_document()
        served[region.name] = frozenset(document.kids()) if document else None
        signing[region.name] = orders.active.kid if orders else None
        at = inventory.state.key_of_arn(view.alias_arn() or "")
        pointed[region.name] = at.kid if at else None
        generations[region.name] = orders.generation if orders else -1
    return World(inventory, now, served, signing, pointed, generations)


def play(step: Step, world: World) -> World:
    """The world after the step."""
    if isinstance(step, WriteJwks | RepairJwks | Remove | RemoveForeign):
        return replace(world, served={**world.served, step.region: frozenset(step.keys)})
    if isinstance(step, Switch | WriteSigning | RepairSigning):
        return replace(
            world,
            signing={**world.signing, step.region: step.kid},
            generations={**world.generations, step.region: step.generation},
        )
    if isinstance(step, PointAlias):
        return replace(world, pointed={**world.pointed, step.region: step.kid})
    if isinstance(step, Generate):
        return replace(world, made=world.made | {step.ref})
    if isinstance(step, Destroy | Disable):
        return replace(world, destroyed=world.destroyed | {step.kid})
    return world


def may_sign(key: Key, world: World) -> bool:
    """Whether some region's signers may use the key now."""
    if key.kid in (*world.signing.values(), *world.pointed.values()):
        return True
    states = (
        signature(key, region, world.inventory, world.now)
        for region in world.inventory.setup.regions
    )
    return any(state is not Certainty.HIDDEN for state in states)


def omnipresent(key: Key, region: str, world: World) -> bool:
    """Whether every cache behind a region knows the key, and its document holds it."""
    seen = publication(key, region, world.inventory, world.now) is Certainty.OMNIPRESENT
    return seen and key.kid in (world.served[region] or ())


def has_live_tokens(key: Key, world: World) -> bool:
    """T4, from the evidence: unknown counts as alive. A revoked key's tokens are to die."""
    if not key.ever_signed or key.moments.revoked_at:
        return False
    policy, last = world.inventory.setup.policy, last_away(key, world)
    if last is None:
        return True
    stop = key.max_signer_stop + key.max_token_lifetime
    slack = policy.leeway + policy.max_clock_drift + policy.safety_margin
    return world.now < last + stop + slack


def last_away(key: Key, world: World) -> datetime | None:
    """When the last region that may sign was seen with another key; None while one was not."""
    state = world.inventory.state
    names = {r.name for r in world.inventory.setup.regions}
    names |= {name for name, record in state.regions.items() if record.signing_kid}
    names -= {name for name in names if joined_later(name, key, world.inventory)}
    last = [_away(name, key, world) for name in names]
    known = [moment for moment in (*last, key.moments.retired_at) if moment]
    return None if None in last or not known else max(known)


def _away(region: str, key: Key, world: World) -> datetime | None:
    """When a region was seen with another key; of one that left, else when its signers stopped by an operator's word."""
    seen = world.inventory.evidence.sighting(region, key.kid).away_since
    if seen is None and world.inventory.setup.region(region) is None:
        return world.inventory.state.record(region).signers_stopped_at
    return seen
