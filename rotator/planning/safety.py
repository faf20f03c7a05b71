"""The independent checker: does a plan keep the invariants (design §5)? It shares no code with the planner.

It plays the plan, step by step, on a small model of the world, and compares *atoms* (invariant, key, region) before
and after each step: a true atom must stay true. What is already broken may be repaired piece by piece. Switches,
removals and destructions must also prove their moment (T1–T4) from the evidence, computed here once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from rotator.domain.evidence import Verdict
from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key, reaches
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    IssuerPlan,
    PointAlias,
    Remove,
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
from rotator.planning.propagation import Certainty, joined_later, publication, signature


@dataclass(frozen=True, slots=True)
class Violation:
    """A step that would break an invariant: its number (0: the plan as a whole), which one, and how."""

    step: int
    invariant: str
    words: str


@dataclass(frozen=True, slots=True)
class _World:
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
        return self.inventory.state.key(kid)


Atom = tuple[str, str, str]


def check(plan: IssuerPlan, inventory: Inventory, now: datetime) -> tuple[Violation, ...]:
    """Every way in which the plan would do damage; empty when it is safe."""
    world = _observed(inventory, now)
    found: list[Violation] = []
    for step in plan.steps:
        found.extend(Violation(step.n, inv, words) for inv, words in _forbidden(step, world))
        after = _play(step, world)
        lost = sorted(_atoms(world) - _atoms(after))
        found.extend(
            Violation(step.n, inv, _lost_words(inv, key, region)) for inv, key, region in lost
        )
        world = after
    return tuple(found)


def _observed(inventory: Inventory, now: datetime) -> _World:
    served, signing, pointed, generations = {}, {}, {}, {}
    for region in inventory.setup.regions:
        view = inventory.views[region.name]
        document, orders = view.jwks_document(), view.signing_document()
        served[region.name] = frozenset(document.kids()) if document else None
        signing[region.name] = orders.active.kid if orders else None
        at = inventory.state.key_of_arn(view.alias_arn() or "")
        pointed[region.name] = at.kid if at else None
        generations[region.name] = orders.generation if orders else -1
    return _World(inventory, now, served, signing, pointed, generations)


def _play(step: Step, world: _World) -> _World:
    """The world after the step."""
    if isinstance(step, WriteJwks | RepairJwks | Remove):
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


def _atoms(world: _World) -> frozenset[Atom]:
    """Everything that is true of this world, invariant by invariant, key by key, region by region."""
    return frozenset(
        (*_verifiable(world), *_signable(world), *_sized(world), *_foreign_kept(world))
    )


def _verifiable(world: _World) -> Iterable[Atom]:
    """I1: a key that may sign is OMNIPRESENT in every region; one with live tokens is served in every region."""
    for key in world.inventory.state.keys:
        may_sign = _may_sign(key, world)
        proven_dead = key.moments.removal_started_at is not None
        alive = may_sign or (not proven_dead and _has_live_tokens(key, world))
        for region in world.served:
            if not may_sign or _omnipresent(key, region, world):
                yield "I1", key.kid, region
            if not alive or key.kid in (world.served[region] or ()):
                yield "I5", key.kid, region


def _signable(world: _World) -> Iterable[Atom]:
    """I2: every region's signing target names a key whose private half is usable."""
    for region, kid in world.signing.items():
        key = world.key(kid) if kid else None
        if key and key.usable and kid not in world.destroyed:
            yield "I2", "", region


def _sized(world: _World) -> Iterable[Atom]:
    """I3: no document is empty or larger than its slowest reader allows."""
    policy = world.inventory.setup.policy
    limit = min((policy.history_max, *(v.max_keys for v in policy.verifiers if v.max_keys)))
    for region, kids in world.served.items():
        if kids:
            yield "I3 not empty", "", region
        if kids is not None and len(kids) <= limit:
            yield "I3 limit", "", region


def _foreign_kept(world: _World) -> Iterable[Atom]:
    """I7: a key that is not rotator's is never dropped."""
    own = {key.kid for key in world.inventory.state.keys}
    for region, kids in world.served.items():
        for kid in kids or ():
            if kid not in own and kid not in world.made:
                yield "I7", kid, region


def _may_sign(key: Key, world: _World) -> bool:
    if key.kid in (*world.signing.values(), *world.pointed.values()):
        return True
    states = (
        signature(key, region, world.inventory, world.now)
        for region in world.inventory.setup.regions
    )
    return any(state is not Certainty.HIDDEN for state in states)


def _omnipresent(key: Key, region: str, world: _World) -> bool:
    seen = publication(key, region, world.inventory, world.now) is Certainty.OMNIPRESENT
    return seen and key.kid in (world.served[region] or ())


def _has_live_tokens(key: Key, world: _World) -> bool:
    """T4, from the evidence: unknown counts as alive."""
    if not key.ever_signed:
        return False
    policy, last = world.inventory.setup.policy, _last_away(key, world)
    if last is None:
        return True
    stop = key.max_signer_stop + key.max_token_lifetime
    slack = policy.leeway + policy.max_clock_drift + policy.safety_margin
    return world.now < last + stop + slack


def _last_away(key: Key, world: _World) -> datetime | None:
    """When the last region that may sign was seen with another key; None while one was not."""
    state = world.inventory.state
    names = {r.name for r in world.inventory.setup.regions}
    names |= {name for name, record in state.regions.items() if record.signing_kid}
    names -= {name for name in names if joined_later(name, key, world.inventory)}
    last = [world.inventory.evidence.sighting(name, key.kid).away_since for name in names]
    known = [moment for moment in (*last, key.moments.retired_at) if moment]
    return None if None in last or not known else max(known)


def _forbidden(step: Step, world: _World) -> Iterable[tuple[str, str]]:
    """What a step must not do whatever the atoms say."""
    yield from _bad_time(step, world)
    yield from _bad_step(step, world)


def _bad_time(step: Step, world: _World) -> Iterable[tuple[str, str]]:
    hold = world.inventory.state.hold
    held = hold is not None and hold.holds_at(world.now)
    if held and isinstance(step, Generate | Switch | Remove | Disable | Destroy):
        yield "I5", f"a hold is in force, and {step.kind} is what it stops"
    if step.not_before > world.now:
        yield "T10", f"not before {step.not_before:%Y-%m-%d %H:%M:%S} UTC"


def _bad_step(step: Step, world: _World) -> Iterable[tuple[str, str]]:
    match step:
        case Switch():
            yield from _bad_switch(step, world)
            yield from _bad_orders(step, world)
        case WriteSigning() | RepairSigning():
            yield from _bad_orders(step, world)
        case PointAlias():
            yield from _bad_alias(step, world)
        case Remove():
            yield from _bad_removal(step, world)
        case Disable():
            yield from _bad_disabling(step, world)
        case Destroy():
            yield from _bad_end(step, world)
        case Retire() if _may_be_asked(step.kid, world):
            yield "I1", f"a region may still sign with {step.kid[:8]}"
        case Generate() | Replicate() | WriteJwks() | RepairJwks() | Retire():
            pass
        case _:
            assert_never(step)


def _bad_orders(
    step: Switch | WriteSigning | RepairSigning, world: _World
) -> Iterable[tuple[str, str]]:
    if step.generation <= world.generations.get(step.region, -1):
        yield "I6", f"generation {step.generation} is not above what {step.region} carries"
    yield from _unusable(step.kid, step.region, world)


def _bad_alias(step: PointAlias, world: _World) -> Iterable[tuple[str, str]]:
    if world.signing.get(step.region) != step.kid:
        yield "T9b", f"{step.region}'s signing target does not name {step.kid[:8]}"
    yield from _unusable(step.kid, step.region, world)


def _may_be_asked(kid: str, world: _World) -> bool:
    """Whether some region's signing target or alias names the key, or nobody knows what it names."""
    return kid in world.pointed.values() or any(k in (kid, None) for k in world.signing.values())


def _unusable(kid: str, region: str, world: _World) -> Iterable[tuple[str, str]]:
    key, setup = world.key(kid), world.inventory.setup.region(region)
    if key is None or not key.usable:
        yield "I2", f"{kid[:8]} has no usable private half"
    elif setup and not reaches(key.handle, setup.aws_region):
        yield "I2", f"signers in {region} cannot use {kid[:8]}"


def _bad_switch(step: Switch, world: _World) -> Iterable[tuple[str, str]]:
    """T2: every gate's evidence is fresh and passes, for the new key and for every key with live tokens."""
    policy, state = world.inventory.setup.policy, world.inventory.state
    live = [
        k.kid
        for k in state.keys
        if k.ever_signed and _has_live_tokens(k, world) and not k.moments.removal_started_at
    ]
    for gate in world.inventory.setup.gates():
        for kid in dict.fromkeys((step.kid, *live)):
            seen = world.inventory.evidence.sighting(gate, kid)
            fresh = (
                seen.checked_at is not None
                and world.now - seen.checked_at <= policy.evidence_freshness
            )
            if seen.verdict is not Verdict.PASS or not fresh:
                yield "T2", f"no fresh pass of {gate} for {kid[:8]}"
        if world.inventory.evidence.sighting(gate, step.kid).passes < policy.passes_required:
            yield "T2", f"too few passes in a row at {gate}"
        key = world.key(step.kid)
        if key and publication(key, gate, world.inventory, world.now) is not Certainty.OMNIPRESENT:
            yield "T1", f"the lead of {step.kid[:8]} has not passed at {gate}"


def _bad_removal(step: Remove, world: _World) -> Iterable[tuple[str, str]]:
    key = world.key(step.kid)
    if key is None:
        yield "I3", f"{step.kid[:8]} is not a key of this issuer"
    elif _may_sign(key, world) or (
        key.moments.removal_started_at is None and _has_live_tokens(key, world)
    ):
        yield "T4", f"tokens of {step.kid[:8]} may still be alive"
    missing = (world.served.get(step.region) or frozenset()) - set(step.keys) - {step.kid}
    if missing:
        yield (
            "I3",
            f"{step.region} would lose {', '.join(sorted(kid[:8] for kid in missing))} as well",
        )


def _bad_disabling(step: Disable, world: _World) -> Iterable[tuple[str, str]]:
    """T5: nobody signs with the key any more, and the time in which a rollback may need it is over."""
    key, window = world.key(step.kid), world.inventory.setup.rollback_window
    if key is None or window is None or _may_sign(key, world):
        yield "T5", f"{step.kid[:8]} may still sign"
        return
    for region in world.inventory.setup.regions:
        if not world.inventory.views[region.name].signing_known():
            yield "T3", f"nobody knows what the signers of {region.name} use"
    last = _last_away(key, world)
    if not key.moments.retired_at or last is None:
        yield "T5", f"{step.kid[:8]} was not seen switched away everywhere"
    elif world.now < last + key.max_signer_stop + window + LATE_WRITE:
        yield "T5", f"a rollback may still need {step.kid[:8]}"


def _bad_end(step: Destroy, world: _World) -> Iterable[tuple[str, str]]:
    key = world.key(step.kid)
    if key is None or _may_sign(key, world) or _has_live_tokens(key, world):
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
