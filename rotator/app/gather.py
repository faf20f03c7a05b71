"""State, regions and URLs into one inventory; every look is folded into the evidence and kept (design §6)."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from rotator.app.listing import NO_LISTING, Listing, as_left, known_regions
from rotator.app.looking import Glance, glance_at_all, is_ours, is_under_repair
from rotator.app.world import IssuerWorld, World
from rotator.domain.evidence import (
    Evidence,
    Verdict,
    begun_anew,
    end_runs,
    fold_look,
    fold_signing,
    fold_staleness,
    only_gates,
)
from rotator.domain.inventory import Inventory, RegionView
from rotator.domain.keys import Key, WrappedHandle
from rotator.domain.state import IssuerState
from rotator.domain.timing import staleness
from rotator.errors import StateError
from rotator.planning.settle import settled
from rotator.planning.situation import measured_cache, never_signed

PAUSE = timedelta(milliseconds=200)
"""Between two samples of one run (`passes_required`)."""


def load_state(world: World, issuer: IssuerWorld) -> IssuerState:
    """What is remembered, or a state that has seen nothing."""
    return world.state.load(issuer.name) or IssuerState(issuer=issuer.name)


def with_lineage(state: IssuerState) -> IssuerState:
    """The state with a name for its history, which its first save gives it."""
    return state if state.lineage else replace(state, lineage=secrets.token_hex(8))


def gather(
    world: World, issuer: IssuerWorld, state: IssuerState, listing: Listing = NO_LISTING
) -> Inventory:
    """Look at everything, as often as keys that wait for their turn need passes; keep the evidence.

    What `listing` shows to be as rotator left it is not read once more.
    """
    before, versions = world.state.load_evidence(issuer.name), _asks_for_versions(state)
    known = known_regions(issuer, state, listing)
    glances = glance_at_all(world, issuer, state, known, versions=versions)
    evidence = _fold(world, issuer, state, before, glances)
    for _ in range(_samples_lacking(issuer, state, evidence)):
        world.clock.sleep(PAUSE)
        glances = glance_at_all(world, issuer, state, {}, versions=versions)
        evidence = _fold(world, issuer, state, evidence, glances)
    if state.serial:  # looking at a fresh folder leaves nothing in it
        evidence = keep_evidence(world, evidence, before)
    views = {name: glance.view for name, glance in glances.items() if glance.view is not None}
    return Inventory(setup=issuer.setup, state=state, evidence=evidence, views=views)


def keep_evidence(world: World, evidence: Evidence, before: Evidence | None) -> Evidence:
    """Keep what was seen since `before`, and return what is believed now.

    Where it cannot be kept, the run goes on with it alone and later runs look again.
    """
    try:
        return world.state.save_evidence(evidence, before)
    except StateError as error:
        words = f"what was seen could not be kept: {error.message}"
        world.reporter.warn(words, issuer=evidence.issuer, code=error.code)
        return evidence


def look_anew(world: World, issuer: IssuerWorld, state: IssuerState) -> Inventory:
    """Look at everything as if for the first time: what was seen before belongs to another history (design I8)."""
    keep_evidence(world, begun_anew(world.state.load_evidence(issuer.name)), None)
    return gather(world, issuer, state)


def remembered(world: World, issuer: IssuerWorld, state: IssuerState) -> Inventory:
    """The inventory without looking: every region as rotator last left it (`--no-refresh`)."""
    views = {
        name: as_left(state, state.record(name), has_alias=ports.alias is not None)
        for name, ports in issuer.regions.items()
    }
    evidence = world.state.load_evidence(issuer.name)
    return settled(
        Inventory(setup=issuer.setup, state=state, evidence=evidence, views=views),
        world.clock.now(),
    )


def fold_views(
    world: World, state: IssuerState, evidence: Evidence, views: Mapping[str, RegionView]
) -> Evidence:
    """The evidence after reads of signing targets (design T3)."""
    kids = tuple(key.kid for key in state.keys)
    for name, view in views.items():
        if view.signing_known():
            named, record = view.named_kids(state), state.record(name)
            if record.untouched and record.signing_kid:  # signers follow somebody else so far
                named |= {record.signing_kid}
            evidence = fold_signing(evidence, name, named, kids, world.clock.now())
    return evidence


def _asks_for_versions(state: IssuerState) -> bool:
    """Old versions of `signing.json` count where they may be the last that holds a wrapped private half."""
    return any(
        isinstance(key.handle, WrappedHandle)
        and key.moments.removed_at is not None
        and key.moments.destroyed_at is None
        for key in state.keys
    )


def _fold(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    evidence: Evidence,
    glances: Mapping[str, Glance],
) -> Evidence:
    kids = tuple(key.kid for key in state.keys)
    evidence = only_gates(evidence, glances)
    for gate, glance in glances.items():
        changed = glance.view and not is_ours(state, gate, glance.view)
        if changed or is_under_repair(state, gate):
            evidence = end_runs(evidence, gate)
        look = glance.look
        evidence = fold_look(evidence, gate, look, kids)
        cache = measured_cache(issuer.setup, evidence, gate)
        old = staleness(issuer.setup.policy, cache).total
        evidence = fold_staleness(evidence, gate, old, look.at)
    views = {name: glance.view for name, glance in glances.items() if glance.view is not None}
    return fold_views(world, state, evidence, views)


def _samples_lacking(issuer: IssuerWorld, state: IssuerState, evidence: Evidence) -> int:
    """How many more passes in a row the keys that wait for promotion need; none where a look did not pass."""
    required = issuer.setup.policy.passes_required
    lacking = 0
    for key in _waiting_keys(state):
        for gate in issuer.setup.gates():
            seen = evidence.sighting(gate, key.kid)
            if seen.verdict is not Verdict.PASS:
                return 0
            lacking = max(lacking, required - seen.passes)
    return lacking


def _waiting_keys(state: IssuerState) -> tuple[Key, ...]:
    begun = state.switching()
    return (*((begun,) if begun else ()), *never_signed(state))
