"""`adopt` and `reject`: an operator decides about a key that somebody else put into a served document (design I7)."""

from dataclasses import dataclass, replace
from datetime import datetime

from rotator.app.apply import lease_of
from rotator.app.gather import with_lineage
from rotator.app.strangers import Seen, kid_of, look
from rotator.app.world import World, issuer_named
from rotator.domain.jwk import thumbprint
from rotator.domain.jwks import MAX_BYTES, ServedKey, short
from rotator.domain.state import ForeignKey, IssuerState
from rotator.domain.times import format_moment
from rotator.errors import DecisionRefused, UsageError
from rotator.planning.decisions import as_entry, decides, guests
from rotator.planning.feasibility import history_needed, keys_limit, least_signer_stop
from rotator.ports import AuditEntry, Fact, Lease

_OWN_BYTES = 1024
"""More than an entry of rotator's own takes (RSA-4096: 0.9 KiB)."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a key: the regions whose origin serves it now, and those that could not be read.

    `stays`: another key of the same kid was adopted and goes on being served.
    """

    key: ForeignKey
    regions: tuple[str, ...]
    unread: tuple[str, ...]
    stays: bool = False


def adopt(
    world: World,
    issuer: str,
    prefix: str,
    *,
    owner: str,
    reason: str = "",
    until: datetime | None = None,
) -> Decided:
    """Have a foreign key served by every region, until it is rejected or `until` comes; again to change that moment.

    Raises UsageError, NoSuchKey, DecisionRefused, LeaseHeld.
    """
    now = world.clock.now()
    if until is not None and until <= now:
        raise UsageError(f"--until {format_moment(until)} is in the past")
    chosen = issuer_named(world, issuer)
    with lease_of(world) as lease:
        seen = look(world, chosen)
        entry = _to_adopt(seen, kid_of(seen, prefix))
        key = _decision(entry, adopted=True, reason=reason, owner=owner, at=now, until=until)
        state = _with_adopted(seen.state, key)
        if not any(decides(known, entry) for known in seen.state.adopted(now)):
            _require_room(seen, state, now)
        return _save(world, lease, seen, state, key)


def reject(world: World, issuer: str, prefix: str, *, owner: str, reason: str = "") -> Decided:
    """Have a foreign key taken out wherever an origin serves it, now and whenever it comes back.

    Under an adopted kid, other material goes first; with none about, the adopted key itself. One that is rejected
    already stays as it is. Raises UsageError, NoSuchKey, DecisionRefused, LeaseHeld.
    """
    now = world.clock.now()
    chosen = issuer_named(world, issuer)
    with lease_of(world) as lease:
        seen = look(world, chosen)
        kid = kid_of(seen, prefix)
        known = [key for key in seen.state.foreign if key.kid == kid]
        adopted = [key for key in known if key.adopted]
        found = seen.undecided(kid) or [as_entry(key) for key in adopted]
        if not found:
            return _decided(seen, known[0], seen.state, now)
        keys = [_decision(e, adopted=False, reason=reason, owner=owner, at=now) for e in found]
        kept = [k for k in seen.state.foreign if not any(decides(k, entry) for entry in found)]
        state = replace(seen.state, foreign=(*kept, *keys))
        if len(kept) < len(seen.state.foreign):
            state = _raised(state)
        return _save(world, lease, seen, state, keys[0])


def _to_adopt(seen: Seen, kid: str) -> ServedKey:
    """The key of that kid: as the regions serve it, or as it was when it was decided about."""
    standing, different = seen.standing(kid), seen.different(kid)
    where = ", ".join(dict.fromkeys(region for region, _ in standing))
    if len(different) > 1:
        raise DecisionRefused(
            f"{where} serve different keys as {short(kid)}",
            detail="a document holds one key of a kid, so only one can be adopted",
            hint="have the others taken out by their owner, or reject what stands there",
        )
    flawed = [r for r, _ in standing if (d := seen.documents[r]) and d.flaws]
    if flawed:
        raise DecisionRefused(
            f"{flawed[0]}'s document has flaws: nothing in it is adopted",
            detail="private members there mean that the key has leaked",
            hint="rotator plan names the flaws, rotator apply mends them",
        )
    decided = sorted((k for k in seen.state.foreign if k.kid == kid), key=lambda key: key.at)
    entry = different[0] if different else as_entry(decided[-1])
    twins = [k for k in seen.state.keys if thumbprint(k.jwk.key) == entry.thumbprint]
    if twins:
        raise DecisionRefused(
            f"{short(kid)} is rotator's own {twins[0].kid[:8]} under another name",
            detail="adopted, it would outlive its removal",
            hint=f"reject it: rotator reject {seen.issuer.name} {short(kid)}",
        )
    return entry


def _require_room(seen: Seen, state: IssuerState, now: datetime) -> None:
    """T8 with the foreign keys counted, and the largest document that rotator reads (design I3)."""
    setup = seen.issuer.setup
    limit = keys_limit(setup.policy)
    needed = history_needed(setup.policy, least_signer_stop(setup))
    own = max(needed, len(state.in_documents()))
    for region, document in seen.documents.items():
        theirs = guests(state, document, now)
        if own + len(theirs) > limit:
            raise DecisionRefused(
                f"{region}'s document has no room for it: {own} own keys (T8) and {len(theirs)} foreign ones, the limit is {limit}",
                hint="raise history_max, rotate less often, or reject a foreign key",
            )
        if own * _OWN_BYTES + sum(len(entry.text) for entry in theirs) > MAX_BYTES:
            raise DecisionRefused(
                f"{region}'s document would become larger than {MAX_BYTES // 1024} KiB with it"
            )


def _decision(
    entry: ServedKey,
    *,
    adopted: bool,
    reason: str,
    owner: str,
    at: datetime,
    until: datetime | None = None,
) -> ForeignKey:
    return ForeignKey(
        kid=entry.kid,
        thumbprint=entry.thumbprint,
        text=entry.text,
        adopted=adopted,
        reason=reason,
        owner=owner,
        at=at,
        until=until,
    )


def _with_adopted(state: IssuerState, key: ForeignKey) -> IssuerState:
    """The state with that adoption: in the place it had, else last; one key of a kid is adopted at a time."""
    same = [k for k in state.foreign if decides(k, as_entry(key))]
    if same and same[0].adopted:
        return replace(
            state, foreign=tuple(key if known in same else known for known in state.foreign)
        )
    others = (k for k in state.foreign if k not in same and not (k.adopted and k.kid == key.kid))
    return replace(state, foreign=(*others, key))


def _raised(state: IssuerState) -> IssuerState:
    """An adoption that was taken back is a decision that every region carries: an older state is then known as such (I8)."""
    generation = state.generation + 1
    return replace(state, generation=generation, signing_generation=generation)


def _save(world: World, lease: Lease, seen: Seen, state: IssuerState, key: ForeignKey) -> Decided:
    now = world.clock.now()
    decided = _decided(seen, key, state, now)
    facts: dict[str, Fact] = {
        "kid": key.kid,
        "thumbprint": key.thumbprint,
        "reason": key.reason,
        "owner": key.owner,
        "until": format_moment(key.until) if key.until else None,
        "regions": ", ".join(decided.regions),
    }
    event = "adopted" if key.adopted else "rejected"
    world.state.save(lease, with_lineage(state), [AuditEntry(now, state.issuer, event, facts)])
    return decided


def _decided(seen: Seen, key: ForeignKey, state: IssuerState, now: datetime) -> Decided:
    standing = (region for region, entry in seen.standing(key.kid) if decides(key, entry))
    stays = any(k.kid == key.kid and k is not key for k in state.adopted(now))
    return Decided(key, tuple(dict.fromkeys(standing)), seen.unread, stays)
