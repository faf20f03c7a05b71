"""`revoke`: a key is compromised (design §3). Shown first, then decided, carried out region by region, and told.

The decision is saved before any effect, so that every later run of anything goes on with what could not be done now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.app import apply
from rotator.app.apply import lease_of, prepare
from rotator.app.catching_up import require_caught_up
from rotator.app.danger import Danger, Successor, Wanted, assess, standby
from rotator.app.gather import gather, load_state
from rotator.app.journal import moment_lines
from rotator.app.parallel import side_by_side
from rotator.app.plan import plan_of
from rotator.app.reads import read_view
from rotator.app.reports import StepResult
from rotator.app.run import Run, save
from rotator.app.token import SHORTEST_PREFIX
from rotator.app.world import IssuerWorld, World, issuer_named
from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Plan, Remove
from rotator.domain.policy import RegionSetup
from rotator.domain.times import format_moment, say
from rotator.errors import NoSuchKey, RevokeRefused, StateBehind, StateError, UsageError
from rotator.planning.emergency import revoked
from rotator.planning.settle import settled
from rotator.planning.situation import Situation
from rotator.ports import AuditEntry, Fact

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The keys that are to be revoked, all of one issuer; `whole_issuer`: every key that it has."""

    issuer: IssuerWorld
    kids: tuple[str, ...]
    whole_issuer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionEnd:
    """What a region came to. `unread`: nobody can say; `served` and `signs` tell of the revoked keys alone.

    `left_at` is when they left its document, None where nobody noted it; `purged` None where there is no edge to tell.
    """

    region: str
    unread: bool
    signs_with: str | None
    served: bool
    signs: bool
    left_at: datetime | None
    purged: bool | None

    @property
    def done(self) -> bool:
        """Whether nothing there points at a revoked key any more."""
        return not (self.unread or self.served or self.signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeReport:
    """What a revoke did, and what is left; `after` counts exposure from the moments at which the keys really left.

    `standby` is the key that would take over the next time, None while there is none.
    """

    at: datetime
    chosen: Chosen
    results: tuple[StepResult, ...]
    regions: tuple[RegionEnd, ...]
    after: Danger
    standby: Successor | None
    left: Plan

    @property
    def done(self) -> bool:
        """Whether every region is done with the keys."""
        return all(region.done for region in self.regions)

    @property
    def failed(self) -> tuple[StepResult, ...]:
        """The steps that did not succeed."""
        return tuple(result for result in self.results if result.error)


def choose(world: World, prefix: str) -> Chosen:
    """The one key, of any issuer, whose kid begins like that. Raises UsageError, NoSuchKey, RevokeRefused, StateBehind."""
    if len(prefix) < SHORTEST_PREFIX:
        words = f"a kid's first {SHORTEST_PREFIX} characters at least"
        raise UsageError(f"{prefix!r} is too short: {words}")
    found = [
        (issuer, key)
        for issuer in world.issuers
        for key in load_state(world, issuer).keys
        if key.kid.startswith(prefix)
    ]
    if len(found) > 1:
        names = ", ".join(f"{issuer.name}'s {key.kid[:8]}" for issuer, key in found)
        raise UsageError(
            f"{prefix!r} fits {len(found)} keys: {names}", hint="write more of the kid"
        )
    if not found:
        for issuer in world.issuers:
            _require_remembered(world, issuer)
        raise NoSuchKey(
            f"no issuer ever had a key that begins with {prefix!r}",
            detail="keys of somebody else are taken out by rotator reject",
        )
    issuer, key = found[0]
    _require_alive(issuer, key)
    return Chosen(issuer, (key.kid,))


def choose_all(world: World, name: str) -> Chosen:
    """Every key of an issuer that may be believed, of a host that is compromised with all that it can reach.

    While an earlier revoke is unfinished, only what it was about: keys made since then are not the compromised ones.
    """
    issuer = issuer_named(world, name)
    keys = [k for k in load_state(world, issuer).keys if phase(k) is not Phase.REMOVED]
    before = [k for k in keys if k.moments.revoked_at]
    if any(key.moments.removed_at is None for key in before):
        last = max(key.moments.revoked_at for key in before if key.moments.revoked_at)
        keys = [k for k in keys if k in before or k.moments.staged_at < last]
    else:
        keys = [k for k in keys if k not in before]
    if not keys:
        _require_remembered(world, issuer)
        raise RevokeRefused(f"{name} has no keys to revoke", hint="rotator apply makes the first")
    return Chosen(issuer, tuple(key.kid for key in keys), whole_issuer=True)


def preview(world: World, chosen: Chosen, wanted: Wanted) -> Danger:
    """What it would mean now; changes nothing."""
    return assess(world, _look(world, chosen), chosen.kids, wanted, _left(world, chosen))


def require_successor(danger: Danger, wanted: Wanted) -> None:
    """Raise RevokeRefused where tokens would be rejected and nobody said that this is wanted (`--no-standby`)."""
    if danger.ready or wanted.cold:
        return
    standby = danger.next_standby
    coming = "there is none, a new key would be made"
    if standby and standby.ready_at:
        ready = standby.ready_at.replace(microsecond=0) + timedelta(seconds=1)
        wait = say((ready - danger.at) // _SECOND * _SECOND)
        coming = f"{standby.key.kid[:8]} is warm at {format_moment(ready)}, in {wait}"
    elif standby:
        coming = f"{standby.key.kid[:8]} was not seen in every region yet"
    raise RevokeRefused(
        f"{danger.issuer} has no warm standby: no key that every verifier knows could sign instead",
        detail=f"{coming}; signing with it at once gets its tokens rejected until every verifier has it",
        hint="see by whom and for how long: the same with --no-standby --dry-run; without --dry-run it is done",
    )


def carry_out(
    world: World,
    chosen: Chosen,
    wanted: Wanted,
    on_plan: Callable[[Plan], None] = lambda _: None,
) -> RevokeReport:
    """Decide, and do what can be done now, past every region that fails.

    Raises RevokeRefused, LeaseHeld (another revoke is under way), StateBehind, StateError, UnsafePlan.
    """
    alone = replace(world, issuers=(chosen.issuer,))
    with lease_of(alone, urgent=True) as lease:
        (run,) = prepare(alone, alone.issuers, lease)
        _decide(run, chosen, wanted)
        results = apply.carry_out(alone, lease, on_plan=on_plan, past_failures=True)
    return _report(alone, chosen, wanted, _last_words(results))


def _decide(run: Run, chosen: Chosen, wanted: Wanted) -> None:
    """Save that the keys are revoked, before anything is done about it."""
    now, before = run.world.clock.now(), run.inventory.state
    require_caught_up(run.inventory)
    require_successor(assess(run.world, run.inventory, chosen.kids, wanted), wanted)
    after = revoked(
        before, chosen.kids, cold=wanted.cold, reason=wanted.reason, owner=wanted.owner, now=now
    )
    if after == before:
        return
    facts: dict[str, Fact] = {"reason": wanted.reason, "owner": wanted.owner, "cold": wanted.cold}
    entries = [AuditEntry(now, before.issuer, "revoked", {"kid": k, **facts}) for k in chosen.kids]
    save(run, after, [*entries, *moment_lines(before, after, now)])


def _last_words(results: Sequence[StepResult]) -> list[StepResult]:
    """What each step came to in the end: one that failed in several rounds is told once."""
    last = {_place(result): result for result in results}
    return [r for r in results if not r.error or last[_place(r)] is r]


def _place(result: StepResult) -> tuple[str, str | None, str | None]:
    return (result.step.kind, result.kid, getattr(result.step, "region", None))


def _report(
    world: World, chosen: Chosen, wanted: Wanted, results: Sequence[StepResult]
) -> RevokeReport:
    inventory, left, now = _look(world, chosen), _left(world, chosen), world.clock.now()
    return RevokeReport(
        at=now,
        chosen=chosen,
        results=tuple(results),
        regions=tuple(
            _end(inventory, r, chosen, left.get(r.name)) for r in inventory.setup.regions
        ),
        after=assess(world, inventory, chosen.kids, wanted, left, over=True),
        standby=standby(Situation(settled(inventory, now), now)),
        left=plan_of(world, [inventory]),
    )


def _end(
    inventory: Inventory, region: RegionSetup, chosen: Chosen, left_at: datetime | None
) -> RegionEnd:
    view, state = inventory.views[region.name], inventory.state
    document, kids = view.jwks_document(), set(chosen.kids)
    served = document is not None and bool(kids & set(document.kids()))
    told = [one for one in map(state.revocation, chosen.kids) if one]
    return RegionEnd(
        region=region.name,
        unread=view.jwks_unknown() or not view.signing_known(),
        signs_with=view.signing_kid(),
        served=served,
        signs=bool(view.named_kids(state) & kids),
        left_at=None if served else left_at,
        purged=all(region.name in one.purged for one in told) if region.has_edge else None,
    )


def _look(world: World, chosen: Chosen) -> Inventory:
    return gather(world, chosen.issuer, load_state(world, chosen.issuer))


def _left(world: World, chosen: Chosen) -> dict[str, datetime]:
    """When the keys left each region's document for good, as the log tells since they were revoked."""
    keys = map(load_state(world, chosen.issuer).key, chosen.kids)
    since = [key.moments.revoked_at for key in keys if key and key.moments.revoked_at]
    found: dict[str, datetime] = {}
    try:
        for record in world.state.newest() if since else ():
            entry, facts = record.entry, record.entry.facts
            if entry.at < min(since):
                break
            removed = entry.event in ("done", "recovered") and facts.get("step") == Remove.kind
            if removed and facts.get("kid") in chosen.kids:
                found.setdefault(str(facts.get("region")), entry.at)
    except StateError as error:
        world.reporter.warn(f"the log does not tell when the key left: {error.message}")
    return found


def _require_remembered(world: World, issuer: IssuerWorld) -> None:
    """Raise StateBehind where no key is remembered though the regions sign: the state is gone, not the key unknown."""
    if load_state(world, issuer).keys:
        return
    views = side_by_side(read_view, list(issuer.regions.values()))
    if any(view.signing_kid() for view in views):
        raise StateBehind(
            f"the state of {issuer.name} is empty or gone, but its regions sign with keys of it",
            detail="an export brings it back: rotator state import FILE; without one: rotator state import --from-regions",
            hint="go by the regions alone: the same with --without-state",
        )


def _require_alive(issuer: IssuerWorld, key: Key) -> None:
    gone = key.moments.removed_at
    if phase(key) is Phase.REMOVED and gone:
        raise RevokeRefused(
            f"{issuer.name}'s {key.kid[:8]} left every document on {format_moment(gone)}: there is nothing to revoke",
            detail="no verifier that looked since then accepts it; one that only learns at restart may",
            hint="see who still holds it: rotator verify, and restart what does",
        )
