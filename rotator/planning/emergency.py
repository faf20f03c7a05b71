"""A compromised key (design §3 "Revoke"): who takes over from it, where it is still served, what is still to be done.

A revocation outweighs holds, policy, clocks and stale evidence: delaying it is the worse harm. It never outweighs I1 for
other keys, unless the operator said so (`cold`), and never what a region still signs with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key, reaches
from rotator.domain.lifecycle import Event, Phase, advance, phase, wanted
from rotator.domain.plan import (
    Disable,
    Generate,
    PointAlias,
    Purge,
    Remove,
    RepairSigning,
    SigningStep,
    Step,
    Switch,
    WriteSigning,
)
from rotator.domain.state import IssuerState, Revocation
from rotator.domain.timing import LATE_WRITE
from rotator.planning.draft import Draft
from rotator.planning.leads import is_warm
from rotator.planning.situation import Situation, in_order


def revoked(
    state: IssuerState, kids: Iterable[str], *, cold: bool, reason: str, owner: str, now: datetime
) -> IssuerState:
    """The state once these keys are revoked: a decision of its own, which every region will carry (design I8).

    A removed key and an unknown kid change nothing, nor does a key that is revoked already, but that its successor may
    be `cold` from now on. A switch that was asked for is dropped.
    """
    found = [key for key in map(state.key, dict.fromkeys(kids)) if key]
    fresh = [key for key in found if phase(key) not in (Phase.REMOVED, Phase.REVOKED)]
    again = {key.kid for key in found if phase(key) is Phase.REVOKED}
    told = tuple(
        replace(r, cold=r.cold or cold) if r.kid in again else r for r in state.revocations
    )
    unsaid = [kid for kid in again if state.revocation(kid) is None and cold]
    told += tuple(
        Revocation(kid=kid, cold=cold, reason=reason, owner=owner, at=now)
        for kid in (*(key.kid for key in fresh), *sorted(unsaid))
    )
    state = replace(state, revocations=told)
    if not fresh:
        return state
    for key in fresh:
        state = state.with_key(advance(key, Event.REVOKE, now))
    generation = state.generation + 1
    return replace(state, generation=generation, signing_generation=generation, request=None)


def nobody_signs(state: IssuerState) -> bool:
    """Whether the key that signed was revoked, and no other one is active since."""
    return state.compromised() and state.active() is None


def signs_with_revoked(situation: Situation) -> bool:
    """Whether some region's signers are told to use a revoked key: they leave it before anything else is switched."""
    gone = {key.kid for key in situation.state.keys if phase(key) is Phase.REVOKED}
    views = (situation.views[region.name] for region in situation.setup.regions)
    return any(view.named_kids(situation.state) & gone for view in views)


def pending(situation: Situation) -> tuple[Key, ...]:
    """The revoked keys that some region still serves or signs with, or may: one that could not be read."""
    found = (key for key in situation.state.keys if phase(key) is Phase.REVOKED)
    return tuple(
        key
        for key in found
        if key.moments.removed_at is None
        or any(_shows(situation, region.name, key) for region in situation.setup.regions)
    )


def _shows(situation: Situation, region: str, key: Key) -> bool:
    view = situation.views[region]
    document = view.jwks_document()
    served = document is not None and key.kid in document.kids()
    return served or key.kid in view.named_kids(situation.state)


def is_cold(state: IssuerState) -> bool:
    """Whether an operator accepts that tokens of the successor are rejected for a while (`--no-standby`).

    Said of the key that was active last, or of one that regions were being switched to: a word about an earlier key was
    about an earlier successor.
    """
    signed = [key for key in state.keys if key.moments.activated_at]
    last = max(
        signed, key=lambda key: key.moments.activated_at or key.moments.staged_at, default=None
    )
    told = (key for key in map(state.key, (r.kid for r in state.revocations if r.cold)) if key)
    return any(key == last or _was_begun(key) for key in told)


def _was_begun(key: Key) -> bool:
    moments = key.moments
    return key.ever_signed and moments.activated_at is None and moments.removed_at is None


def takeover(situation: Situation) -> Key | None:
    """The key to sign with instead of the revoked one, None while there is none.

    One that a switch was begun to; else the warm one that fits best; else, where that is accepted, one that every
    region that answers serves. Warm by the evidence there is, however old: no freshness is asked for.
    """
    begun = situation.state.switching()
    if begun:
        return begun
    ready = [key for key in successors(situation) if is_warm(situation, key)]
    if not ready and is_cold(situation.state):
        ready = [key for key in _fresh(situation) if _served_wherever_read(situation, key)]
    return next(iter(ready), None)


def successors(situation: Situation) -> tuple[Key, ...]:
    """The keys that could take over, best first: fresh ones of the policy's algorithm, other fresh ones, retired ones.

    The oldest fresh one first, but the one that retired last: the fewest copies lack it.
    """
    retired = [k for k in situation.state.keys if phase(k) is Phase.RETIRED and _able(k)]
    retired.sort(key=lambda key: key.moments.retired_at or situation.now, reverse=True)
    found = (*_fresh(situation), *retired)
    return tuple(sorted(found, key=lambda key: not _reaches_all(situation, key)))


def _fresh(situation: Situation) -> list[Key]:
    keys = in_order(k for k in situation.state.keys if not k.ever_signed and _able(k))
    return sorted(keys, key=lambda key: key.jwk.alg is not situation.policy.algorithm)


def _able(key: Key) -> bool:
    return wanted(key) and key.usable


def _reaches_all(situation: Situation, key: Key) -> bool:
    return all(reaches(key.handle, region.aws_region) for region in situation.setup.regions)


def _served_wherever_read(situation: Situation, key: Key) -> bool:
    """Whether every region that can be read serves the key; one that cannot be written holds up no longer than a write.

    At least one must serve it.
    """
    documents = [situation.views[r.name].jwks_document() for r in situation.setup.regions]
    holding = [document.holds(key.jwk) for document in documents if document]
    patience = key.moments.staged_at + LATE_WRITE
    return any(holding) and (all(holding) or patience <= situation.now)


def may_take_over(situation: Situation, region: str, key: Key) -> bool:
    """Whether a region can sign with the successor: it serves it, or is not known not to and every cache knows it."""
    document = situation.views[region].jwks_document()
    return document.holds(key.jwk) if document else is_warm(situation, key)


def named_after(situation: Situation, steps: Sequence[Step], region: str) -> frozenset[str] | None:
    """The kids that a region's signers may use once these steps are done; None where nobody knows."""
    view, state = situation.views[region], situation.state
    orders = [s.kid for s in steps if isinstance(s, SigningStep) and s.region == region]
    points = [s.kid for s in steps if isinstance(s, PointAlias) and s.region == region]
    if not (orders or view.signing_known()):
        return None
    at = state.key_of_arn(view.alias_arn() or "")
    signs = orders[-1] if orders else view.signing_kid()
    pointed = points[-1] if points else (at.kid if at else None)
    return frozenset(kid for kid in (signs, pointed) if kid)


def kept_there(situation: Situation, draft: Draft, region: str) -> tuple[Key, ...]:
    """The revoked keys that a region serves until a step of their own takes them out, in document order."""
    served = set(draft.served(region))
    keys = (k for k in situation.state.keys if phase(k) is Phase.REVOKED and k.kid in served)
    return in_order(keys)


def ends_revoked(inventory: Inventory, step: Step) -> bool:
    """Whether a step takes a revoked key out of use, and does no harm though another region's step has failed.

    `inventory` is as of the last write: nothing is withdrawn or disabled that a region was not seen to have left.
    """
    state = inventory.state
    gone = {key.kid for key in state.keys if phase(key) is Phase.REVOKED}
    match step:
        case Switch() | RepairSigning() | WriteSigning():
            document = inventory.views[step.region].signing_document()
            told = set(document.revoked) if document else set[str]()
            urgent = nobody_signs(state) or not isinstance(step, Switch)
            return urgent and bool(gone - told)
        case Remove():
            return step.kid in gone and _has_left(inventory, step.region, step.kid)
        case Purge():
            served = inventory.views[step.region].jwks_document()
            return served is not None and step.kid not in served.kids()
        case Disable():
            known = [r.name for r in inventory.setup.regions if _known(inventory, r.name)]
            left = (_has_left(inventory, name, step.kid) for name in known)
            return step.kid in gone and bool(known) and all(left)
        case _:
            return False


def _known(inventory: Inventory, region: str) -> bool:
    return inventory.views[region].signing_known()


def _has_left(inventory: Inventory, region: str, kid: str) -> bool:
    view = inventory.views[region]
    return view.signing_known() and kid not in view.named_kids(inventory.state)


def replacements(situation: Situation, draft: Draft) -> int:
    """How many keys may be made under a hold: one for each key revoked under it, or whose revocation is not done."""
    hold, keys = situation.state.hold, situation.state.keys
    gone = [
        key.moments.revoked_at
        for key in keys
        if key.moments.revoked_at
        and (key.moments.removed_at is None or (hold and key.moments.revoked_at >= hold.since))
    ]
    made = [key for key in keys if gone and key.moments.staged_at >= min(gone)]
    planned = sum(isinstance(step, Generate) for step in draft.steps)
    return len(gone) - len(made) - planned
