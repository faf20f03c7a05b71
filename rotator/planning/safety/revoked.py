"""The safety checker's part about compromised keys (design §3): what a revocation alone may do, and nothing more.

It shares no code with the planner. An emergency is: a key that signed is revoked, and no other one is active since.
"""

from collections.abc import Iterable

from rotator.domain.inventory import Unavailable
from rotator.domain.keys import Key
from rotator.domain.plan import (
    Disable,
    Generate,
    Remove,
    RepairSigning,
    Step,
    Switch,
    WriteSigning,
)
from rotator.domain.timing import LATE_WRITE
from rotator.planning.propagation import Certainty, publication
from rotator.planning.safety.world import World


def is_revoked(kid: str, world: World) -> bool:
    """Whether the key of that kid is compromised."""
    key = world.key(kid)
    return key is not None and key.moments.revoked_at is not None


def emergency(world: World) -> bool:
    """Whether the key that signed is revoked and no other one is active."""
    moments = [key.moments for key in world.inventory.state.keys]
    signs = any(
        m.activated_at and not (m.retired_at or m.removed_at or m.revoked_at) for m in moments
    )
    return not signs and any(m.switch_started_at and m.revoked_at for m in moments)


def cold(world: World) -> bool:
    """Whether the operator takes rejected tokens into account, by a word about this emergency.

    It is about a key after which none was activated, or about one that signs somewhere without ever having been active.
    """
    state = world.inventory.state
    began = {k.kid: k.moments.activated_at for k in state.keys if k.moments.activated_at}
    for kid in (told.kid for told in state.revocations if told.cold):
        key, since = world.key(kid), began.get(kid)
        if since and all(since >= at for at in began.values()):
            return True
        if key and key.ever_signed and not since and not key.moments.removed_at:
            return True
    return False


def excused(key: Key, region: str, world: World) -> bool:
    """Where I1 holds nothing against a key in an emergency.

    In a region that nobody could read, where every cache knows it by the evidence; anywhere, where the operator said
    so, for a key that never was active.
    """
    moments = key.moments
    if not emergency(world) or moments.revoked_at:
        return False
    if cold(world) and not (moments.activated_at or moments.retired_at):
        return True
    return world.served[region] is None and _known_to_all(key, region, world)


def needed(key: Key, region: str, world: World) -> bool:
    """Whether a region must serve a key that is alive: a revoked one only while its own signers use it.

    In an emergency not where it was not served when it was read: it cannot be lost there.
    """
    if key.moments.revoked_at:
        return uses(key.kid, region, world)
    document = world.inventory.views[region].jwks_document()
    return not excused(key, region, world) or bool(document and document.holds(key.jwk))


def uses(kid: str, region: str, world: World) -> bool:
    """Whether a region's signers are told to use a key, or nobody knows what they are told."""
    view = world.inventory.views[region]
    told_now = world.generations[region] > (
        document.generation if (document := view.signing_document()) else -1
    )
    unread = isinstance(view.alias, Unavailable) or not (view.signing_known() or told_now)
    return unread or kid in (world.signing[region], world.pointed[region])


def allowed_under_hold(step: Step, world: World) -> bool:
    """Design I5: a hold never stops a revocation; each revoked key may be replaced by one."""
    match step:
        case Switch():
            return emergency(world)
        case Remove() | Disable():
            return is_revoked(step.kid, world)
        case Generate():
            return _replaces(world)
        case _:
            return False


def _replaces(world: World) -> bool:
    hold, keys = world.inventory.state.hold, world.inventory.state.keys
    gone = [k.moments.revoked_at for k in keys if k.moments.revoked_at and _counts(k, world)]
    made = [k for k in keys if hold and gone and k.moments.staged_at >= min(gone)]
    return len(made) + len(world.made) < len(gone)


def _counts(key: Key, world: World) -> bool:
    """Whether a revocation came after the hold, or is not brought to its end."""
    hold, revoked = world.inventory.state.hold, key.moments.revoked_at
    return key.moments.removed_at is None or bool(hold and revoked and revoked >= hold.since)


def bad_takeover(
    step: Switch | WriteSigning | RepairSigning, world: World
) -> Iterable[tuple[str, str]]:
    """In an emergency a region signs only with a key that it serves and that every cache knows; `cold`, that is served."""
    key, state = world.key(step.kid), world.inventory.state
    if key is None or world.signing[step.region] == step.kid:
        return
    if key.moments.removal_started_at:
        yield "I3", f"{step.kid[:8]} is being removed"
    if key.moments.retired_at and not isinstance(step, Switch):
        yield "I5", f"{step.kid[:8]} was switched away from, and no switch to it is begun"
    begun = [k for k in state.keys if _begun(k)]
    if begun and key not in begun:
        yield "I1", f"a switch to {begun[0].kid[:8]} was begun"
    served = world.served[step.region]
    if step.kid not in served if served is not None else not _known_to_all(key, step.region, world):
        yield "I1", f"{step.region} is not known to serve {step.kid[:8]}"
    if key not in begun:
        yield from _unknown(key, world)


def _unknown(key: Key, world: World) -> Iterable[tuple[str, str]]:
    gates = world.inventory.setup.gates()
    late = [gate for gate in gates if not _known_to_all(key, gate, world)]
    if late and not (cold(world) and not key.ever_signed):
        yield "T1", f"the lead of {key.kid[:8]} has not passed at {late[0]}"
    elif late:
        documents = [view.jwks_document() for view in world.inventory.views.values()]
        lacking = any(document and not document.holds(key.jwk) for document in documents)
        if lacking and world.now < key.moments.staged_at + LATE_WRITE:
            yield "I1", f"a region that answers does not serve {key.kid[:8]} yet"


def _begun(key: Key) -> bool:
    m = key.moments
    over = m.activated_at or m.retired_at or m.removed_at or m.revoked_at
    return bool(m.switch_started_at) and not over


def bad_disabling(step: Disable, world: World) -> Iterable[tuple[str, str]]:
    """T5: no region that answers is told to use the key, and one answers."""
    known = [name for name, view in world.inventory.views.items() if view.signing_known()]
    if not known:
        yield "T3", "nobody knows what the signers of any region use"
    for name in known:
        if uses(step.kid, name, world):
            yield "T5", f"{name} is told to sign with {step.kid[:8]}"


def bad_end(key: Key, world: World) -> Iterable[tuple[str, str]]:
    """T5: every region answered, none uses or serves the key, and no late write can point at it any more."""
    gone = key.moments.removed_at
    if gone is None or world.now < gone + LATE_WRITE:
        yield "T5", f"{key.kid[:8]} was not withdrawn long enough"
    for name in world.served:
        if uses(key.kid, name, world):
            yield "T5", f"{name} may still sign with {key.kid[:8]}"


def brought_back(keys: Iterable[str], region: str, world: World) -> Iterable[tuple[str, str]]:
    """I8: no document gains a revoked key."""
    for kid in set(keys) - (world.served[region] or frozenset()):
        if is_revoked(kid, world):
            yield "I8", f"{kid[:8]} is revoked, and {region} would serve it"


def _known_to_all(key: Key, gate: str, world: World) -> bool:
    return publication(key, gate, world.inventory, world.now) is Certainty.OMNIPRESENT
