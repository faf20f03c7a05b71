"""The independent checker: does a plan keep the invariants (design §5)? It shares no code with the planner.

It plays the plan, step by step, on a small model of the world, and compares *atoms* (invariant, key, region) before
and after each step: a true atom must stay true. What is already broken may be repaired piece by piece. Switches,
removals and destructions must also prove their moment (T1–T4) from the evidence, computed here once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from rotator.domain.inventory import Inventory
from rotator.domain.keys import reaches
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    IssuerPlan,
    PointAlias,
    Purge,
    Remove,
    RemoveForeign,
    RepairJwks,
    RepairSigning,
    Replicate,
    Retire,
    Step,
    Switch,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.timing import LATE_WRITE
from rotator.planning.safety.evidence import bad_clock, bad_switch
from rotator.planning.safety.foreign import bad_withdrawal, bad_write, kept
from rotator.planning.safety.revoked import (
    allowed_under_hold,
    bad_disabling,
    bad_end,
    bad_takeover,
    brought_back,
    emergency,
    excused,
    is_revoked,
    needed,
    uses,
)
from rotator.planning.safety.turns import bad_turn
from rotator.planning.safety.world import (
    Atom,
    World,
    has_live_tokens,
    last_away,
    may_sign,
    observed,
    omnipresent,
    play,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A step that would break an invariant: its number (0: the plan as a whole), which one, and how."""

    step: int
    invariant: str
    words: str


def check(plan: IssuerPlan, inventory: Inventory, now: datetime) -> tuple[Violation, ...]:
    """Every way in which the plan would do damage; empty when it is safe."""
    world = observed(inventory, now)
    found: list[Violation] = []
    for step in plan.steps:
        found.extend(Violation(step.n, inv, words) for inv, words in _forbidden(step, world))
        after = play(step, world)
        lost = sorted(_atoms(world) - _atoms(after))
        found.extend(
            Violation(step.n, inv, _lost_words(inv, key, region)) for inv, key, region in lost
        )
        world = after
    return tuple(found)


def _atoms(world: World) -> frozenset[Atom]:
    """Everything that is true of this world, invariant by invariant, key by key, region by region."""
    return frozenset(
        (
            *_verifiable(world),
            *_signable(world),
            *_sized(world),
            *kept(world.served, world.made, world.inventory, world.now),
        )
    )


def _verifiable(world: World) -> Iterable[Atom]:
    """I1: a key that may sign is OMNIPRESENT in every region; one with live tokens is served in every region."""
    for key in world.inventory.state.keys:
        signs = may_sign(key, world)
        proven_dead = key.moments.removal_started_at is not None
        alive = signs or (not proven_dead and has_live_tokens(key, world))
        for region in world.served:
            if not signs or omnipresent(key, region, world) or excused(key, region, world):
                yield "I1", key.kid, region
            wanted = (alive or key.moments.revoked_at) and needed(key, region, world)
            if not wanted or key.kid in (world.served[region] or ()):
                yield "I5", key.kid, region


def _signable(world: World) -> Iterable[Atom]:
    """I2: every region's signing target names a key whose private half is usable."""
    for region, kid in world.signing.items():
        key = world.key(kid) if kid else None
        if key and key.usable and kid not in world.destroyed:
            yield "I2", "", region


def _sized(world: World) -> Iterable[Atom]:
    """I3: no document is empty or larger than its slowest reader allows."""
    policy = world.inventory.setup.policy
    limit = min((policy.history_max, *(v.max_keys for v in policy.verifiers if v.max_keys)))
    for region, kids in world.served.items():
        if kids:
            yield "I3 not empty", "", region
        if kids is not None and len(kids) <= limit:
            yield "I3 limit", "", region


def _forbidden(step: Step, world: World) -> Iterable[tuple[str, str]]:
    """What a step must not do whatever the atoms say."""
    yield from _bad_time(step, world)
    yield from _bad_step(step, world)


def _bad_time(step: Step, world: World) -> Iterable[tuple[str, str]]:
    hold = world.inventory.state.hold
    held = hold is not None and hold.holds_at(world.now)
    stopped = isinstance(step, Generate | Switch | Remove | Disable | Destroy)
    if held and stopped and not allowed_under_hold(step, world):
        yield "I5", f"a hold is in force, and {step.kind} is what it stops"
    if step.not_before > world.now:
        yield "T10", f"not before {step.not_before:%Y-%m-%d %H:%M:%S} UTC"


def _bad_step(step: Step, world: World) -> Iterable[tuple[str, str]]:
    match step:
        case Switch() | WriteSigning() | RepairSigning():
            yield from _bad_signing(step, world)
        case PointAlias():
            yield from _bad_alias(step, world)
        case RemoveForeign():
            yield from bad_withdrawal(step, world.served, world.inventory, world.now)
        case Remove():
            begun = _begun(step.kid, world) or is_revoked(step.kid, world)
            yield from bad_clock(world) if not begun else ()
            yield from _bad_removal(step, world)
        case Disable():
            revoked = is_revoked(step.kid, world)
            yield from (bad_disabling if revoked else _bad_disabling)(step, world)
        case Destroy():
            yield from bad_clock(world)
            yield from _bad_end(step, world)
        case Retire() if _may_be_asked(step.kid, world):
            yield "I1", f"a region may still sign with {step.kid[:8]}"
        case WriteJwks() | RepairJwks():
            yield from brought_back(step.keys, step.region, world)
            yield from bad_write(step, world.served, world.made, world.inventory, world.now)
        case Generate() | Replicate() | Retire() | Purge():
            pass
        case _:
            assert_never(step)


def _begun(kid: str, world: World) -> bool:
    """Whether the key's removal was begun, when the clocks agreed."""
    key = world.key(kid)
    return key is not None and key.moments.removal_started_at is not None


def _bad_signing(
    step: Switch | WriteSigning | RepairSigning, world: World
) -> Iterable[tuple[str, str]]:
    yield from _bad_orders(step, world)
    if emergency(world):
        yield from bad_takeover(step, world)
        return
    yield from bad_turn(step, world)
    if isinstance(step, Switch):
        yield from bad_clock(world)
        yield from bad_switch(step, world)


def _bad_orders(
    step: Switch | WriteSigning | RepairSigning, world: World
) -> Iterable[tuple[str, str]]:
    if step.generation <= world.generations.get(step.region, -1):
        yield "I6", f"generation {step.generation} is not above what {step.region} carries"
    yield from _unusable(step.kid, step.region, world)


def _bad_alias(step: PointAlias, world: World) -> Iterable[tuple[str, str]]:
    if world.signing.get(step.region) != step.kid:
        yield "T9b", f"{step.region}'s signing target does not name {step.kid[:8]}"
    yield from _unusable(step.kid, step.region, world)


def _may_be_asked(kid: str, world: World) -> bool:
    """Whether some region's signing target or alias names the key, or nobody knows what it names."""
    return kid in world.pointed.values() or any(k in (kid, None) for k in world.signing.values())


def _unusable(kid: str, region: str, world: World) -> Iterable[tuple[str, str]]:
    key, setup = world.key(kid), world.inventory.setup.region(region)
    if key is None or not key.usable:
        yield "I2", f"{kid[:8]} has no usable private half"
    elif setup and not reaches(key.handle, setup.aws_region):
        yield "I2", f"signers in {region} cannot use {kid[:8]}"


def _bad_removal(step: Remove, world: World) -> Iterable[tuple[str, str]]:
    key = world.key(step.kid)
    if key is None:
        yield "I3", f"{step.kid[:8]} is not a key of this issuer"
    elif key.moments.revoked_at:
        if uses(key.kid, step.region, world):
            yield "I2", f"{step.region} may still sign with {step.kid[:8]}"
    elif may_sign(key, world) or (
        key.moments.removal_started_at is None and has_live_tokens(key, world)
    ):
        yield "T4", f"tokens of {step.kid[:8]} may still be alive"
    yield from brought_back(step.keys, step.region, world)
    missing = (world.served.get(step.region) or frozenset()) - set(step.keys) - {step.kid}
    if missing:
        yield (
            "I3",
            f"{step.region} would lose {', '.join(sorted(kid[:8] for kid in missing))} as well",
        )


def _bad_disabling(step: Disable, world: World) -> Iterable[tuple[str, str]]:
    """T5: nobody signs with the key any more, and the time in which a rollback may need it is over."""
    yield from bad_clock(world)
    key, window = world.key(step.kid), world.inventory.setup.rollback_window
    if key is None or window is None or may_sign(key, world):
        yield "T5", f"{step.kid[:8]} may still sign"
        return
    for region in world.inventory.setup.regions:
        if not world.inventory.views[region.name].signing_known():
            yield "T3", f"nobody knows what the signers of {region.name} use"
    last = last_away(key, world)
    if not key.moments.retired_at or last is None:
        yield "T5", f"{step.kid[:8]} was not seen switched away everywhere"
    elif world.now < last + key.max_signer_stop + window + LATE_WRITE:
        yield "T5", f"a rollback may still need {step.kid[:8]}"


def _bad_end(step: Destroy, world: World) -> Iterable[tuple[str, str]]:
    key = world.key(step.kid)
    if key and key.moments.revoked_at:
        yield from bad_end(key, world)
    elif key is None or may_sign(key, world) or has_live_tokens(key, world):
        yield "T5", f"tokens of {step.kid[:8]} may still be alive"
    if any(kids is None or step.kid in kids for kids in world.served.values()):
        yield "T5", f"a region may still serve {step.kid[:8]}"


def _lost_words(invariant: str, kid: str, region: str) -> str:
    subject = f"{kid[:8]} in {region}" if kid else region
    return {
        "I1": f"{subject} could sign before every verifier knows it",
        "I2": f"{subject} could no longer sign",
        "I5": f"{subject} would be gone while its tokens live",
        "I7": f"{subject} is not rotator's and would be dropped",
    }.get(invariant, f"{subject} would break it")
