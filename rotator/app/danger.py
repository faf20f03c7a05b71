"""What revoking some keys would mean now, before anything is changed: who takes over, who is logged out, who still believes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.app.world import World
from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import IssuerPlan
from rotator.domain.policy import JWKS_URL
from rotator.domain.state import Hold
from rotator.planning.emergency import nobody_signs, revoked, successors, takeover
from rotator.planning.exposure import (
    CutOff,
    Exposure,
    LoggedOut,
    Restart,
    cut_off,
    exposures,
    logged_out,
    rejections,
    restarts,
)
from rotator.planning.leads import leads
from rotator.planning.planner import plan_issuer
from rotator.planning.settle import settled
from rotator.planning.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an operator asks for; `cold` is `--no-standby`."""

    reason: str
    owner: str
    cold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The key that signs afterwards, and where it signs already; `seen_at` is the oldest of the last looks that found it.

    `warm` when every verifier knows it. `ready_at` is when it will be, None where nobody can tell.
    """

    key: Key
    warm: bool
    signs_in: tuple[str, ...]
    seen_at: datetime | None
    ready_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """One issuer's revoke as it would be carried out at `at`. `known` of `keys` were revoked before.

    `needed`: something has to take over, since a revoked key signs (or nothing does any more). `successor` None then means
    that a new key must be made. `rejected` is who does not know what takes over, and for how long; `unread` are regions
    that nobody can read now. `plan` is what would be done first.
    """

    at: datetime
    issuer: str
    url: str
    regions: tuple[str, ...]
    keys: tuple[Key, ...]
    known: tuple[str, ...]
    needed: bool
    successor: Successor | None
    next_standby: Successor | None
    logged_out: LoggedOut
    exposed: tuple[Exposure, ...]
    rejected: tuple[Exposure, ...]
    cut_off: tuple[CutOff, ...]
    restarts: tuple[Restart, ...]
    hold: Hold | None
    unread: tuple[str, ...]
    edges: tuple[str, ...]
    plan: IssuerPlan

    @property
    def ready(self) -> bool:
        """Whether something can take over without a token of it being rejected, or nothing has to."""
        return not self.needed or (self.successor is not None and self.successor.warm)


def assess(
    world: World,
    inventory: Inventory,
    kids: Sequence[str],
    wanted: Wanted,
    left: Mapping[str, datetime] | None = None,
    *,
    over: bool = False,
) -> Danger:
    """The danger of these keys, as things are; `left` says when the keys left a region's document, where that is known.

    `over`: the revoke was carried out, so where a key is still served or signs, it could not be taken out.
    """
    now = world.clock.now()
    before = settled(inventory, now)
    state = revoked(
        before.state, kids, cold=wanted.cold, reason=wanted.reason, owner=wanted.owner, now=now
    )
    decided = replace(before, state=state)
    situation, after = Situation(before, now), Situation(decided, now)
    keys = tuple(key for key in map(before.state.key, kids) if key)
    chosen = takeover(after) if nobody_signs(state) else state.active()
    best = chosen or next(iter(successors(after)), None)
    return Danger(
        at=now,
        issuer=inventory.setup.name,
        url=inventory.setup.url,
        regions=tuple(region.name for region in inventory.setup.regions),
        keys=keys,
        known=tuple(key.kid for key in keys if phase(key) is Phase.REVOKED),
        needed=nobody_signs(state),
        successor=_successor(after, chosen) if chosen else None,
        next_standby=_successor(after, best) if best and not chosen else None,
        logged_out=_all_out(situation, keys),
        exposed=exposures(after, withdrawn(after, kids, left or {}, over=over)),
        rejected=rejections(after, chosen) if nobody_signs(state) else (),
        cut_off=tuple(one for key in keys for one in cut_off(situation, key, over=over)),
        restarts=tuple(dict.fromkeys(r for kid in kids for r in restarts(situation, kid))),
        hold=state.hold if situation.held else None,
        unread=tuple(name for name in after.views if _unread(after, name)),
        edges=tuple(region.name for region in inventory.setup.regions if region.has_edge),
        plan=plan_issuer(decided, now),
    )


def withdrawn(
    situation: Situation,
    kids: Sequence[str],
    left: Mapping[str, datetime],
    *,
    over: bool = False,
) -> Mapping[str, datetime | None]:
    """When the keys leave each gate's document: as soon as it can be written, so now at the earliest; None: nobody knows.

    No key is taken out where nobody can read what signs, nor where it still is when the revoke is `over`. The issuer's
    own URL serves what the regions hold, so it is the last of them.
    """
    regions = {
        region.name: _moment(situation, region.name, kids, left, over=over)
        for region in situation.setup.regions
    }
    moments = [moment for moment in regions.values() if moment]
    last = max(moments) if len(moments) == len(regions) else None
    return {**regions, JWKS_URL: last}


def _moment(
    situation: Situation,
    region: str,
    kids: Sequence[str],
    left: Mapping[str, datetime],
    *,
    over: bool,
) -> datetime | None:
    view = situation.views[region]
    document = view.jwks_document()
    if view.jwks_unknown():
        return None
    if document is None or not set(kids) & set(document.kids()):
        return left.get(region, situation.now)
    return None if over or not view.signing_known() else situation.now


def standby(situation: Situation) -> Successor | None:
    """The key that would take over next, None where none is there yet."""
    best = next((key for key in successors(situation) if not key.ever_signed), None)
    return _successor(situation, best) if best else None


def _successor(situation: Situation, key: Key) -> Successor:
    views, gates = situation.views, situation.setup.gates()
    opens = [lead.opens for lead in leads(situation, key)]
    known = [moment for moment in opens if moment]
    ready_at = max(known) if len(known) == len(opens) else None
    # A key that signs is out of the question: whoever could not know it would have said so long ago.
    signs = phase(key) is Phase.ACTIVE
    looked = [situation.sighting(gate, key).checked_at for gate in gates]
    seen = [moment for moment in looked if moment]
    return Successor(
        key=key,
        warm=signs or (ready_at is not None and ready_at <= situation.now),
        signs_in=tuple(name for name, view in views.items() if view.signing_kid() == key.kid),
        seen_at=min(seen) if len(seen) == len(looked) else None,
        ready_at=ready_at,
    )


def _all_out(situation: Situation, keys: Sequence[Key]) -> LoggedOut:
    found = [logged_out(situation, key) for key in keys]
    access = [one.access for one in found if one.access]
    refresh = [one.refresh for one in found if one.refresh]
    return LoggedOut(max(access, default=None), max(refresh, default=None))


def _unread(situation: Situation, region: str) -> bool:
    view = situation.views[region]
    return view.jwks_unknown() or not view.signing_known()
