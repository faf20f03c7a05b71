"""A state behind the regions: a backup was restored, or the state is gone (design I8).

The regions are believed then: active is what `signing.json` says, every other served key counts as retired from now,
one that is served nowhere as removed, and every lead starts now. Late is safe (design T10), so nothing is lost but time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.inventory import Absent, Inventory, JwksRead, RegionView, SigningRead
from rotator.domain.keys import Key, Moments, least_signer_stop
from rotator.domain.lifecycle import wanted
from rotator.domain.policy import Policy, RegionSetup
from rotator.domain.signing import SigningDocument
from rotator.domain.state import IssuerState, RegionRecord, Revocation
from rotator.errors import StateBehind


def generation_seen(inventory: Inventory) -> int:
    """The highest generation that any region's signing target carries, 0 when none carries one."""
    documents = (inventory.views[r.name].signing_document() for r in inventory.setup.regions)
    return max((document.generation for document in documents if document), default=0)


def kids_shown(inventory: Inventory) -> frozenset[str]:
    """Every kid that some region serves or signs with, or that its signers may load ahead."""
    shown: set[str] = set()
    for region in inventory.setup.regions:
        view = inventory.views[region.name]
        served, orders = view.jwks_document(), view.signing_document()
        shown.update(served.kids() if served else ())
        signers = (orders.active, orders.standby) if orders else ()
        shown.update(signer.kid for signer in signers if signer)
    return frozenset(shown)


def is_behind(inventory: Inventory) -> bool:
    """Whether some region carries a later generation than the state."""
    return generation_seen(inventory) > inventory.state.generation


def caught_up(inventory: Inventory, stored: Sequence[Key], now: datetime) -> IssuerState:
    """The state as the regions show it, one of which at least has a signing target (`generation_seen`).

    `stored` are the key store's keys that the state does not know. A document that is absent names no key.

    Decisions about foreign keys are forgotten, since later ones may be lost: each is foreign again and nothing is dropped.
    So is a switch that was asked for: it may have been done since.

    Raises StateBehind when a region cannot be read, or names a key that neither the state nor the store has.
    """
    state, setup = inventory.state, inventory.setup
    documents = [_signing(region, inventory.views[region.name]) for region in setup.regions]
    served = [_served(region, inventory.views[region.name]) for region in setup.regions]
    orders = [document for document in documents if document]
    latest = max(orders, key=lambda document: document.generation)
    named = {document.active.kid for document in orders}
    known = {key.kid: key for key in (*state.keys, *stored)}
    unknown = sorted(named - known.keys())
    if unknown or len(named) > 2:
        raise StateBehind(
            f"{setup.name}: the regions sign with {', '.join(k[:8] for k in unknown or sorted(named))}",
            detail="neither the state nor the key store explains that",
            hint="restore the latest export: rotator state import FILE",
        )
    revoked = {kid for document in orders for kid in document.revoked}
    everywhere = frozenset(kid for kids in served for kid in kids)
    seen = _Seen(latest.active.kid, frozenset(named), everywhere, frozenset(revoked))
    keys = tuple(_as_seen(key, seen, setup.policy, now) for key in known.values())
    return replace(
        state,
        generation=max(latest.generation, *(key.generation for key in known.values())),
        signing_generation=latest.generation,
        keys=tuple(sorted(keys, key=lambda key: key.generation)),
        regions={
            **state.regions,
            **{
                region.name: _record(inventory, region, kids, document)
                for region, kids, document in zip(setup.regions, served, documents, strict=True)
            },
        },
        intent=None,
        foreign=(),
        request=None,
        revocations=(*state.revocations, *_unheard_of(state, seen.revoked, now)),
    )


def _unheard_of(state: IssuerState, kids: frozenset[str], now: datetime) -> list[Revocation]:
    """The revocations that only the regions tell of, also of keys that nobody has any more."""
    why = "its regions list it as revoked"
    return [
        Revocation(kid=kid, cold=False, reason=why, owner="", at=now)
        for kid in sorted(kids)
        if state.revocation(kid) is None
    ]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the regions show: who signs now, who else signs in some region, what is served, what is revoked."""

    latest: str
    named: frozenset[str]
    served: frozenset[str]
    revoked: frozenset[str]


def _as_seen(key: Key, seen: _Seen, policy: Policy, now: datetime) -> Key:
    moments = key.moments
    if key.kid in seen.revoked:
        signed = moments.switch_started_at or now  # whether it did, nobody remembers
        known = replace(moments, switch_started_at=signed, revoked_at=moments.revoked_at or now)
        return replace(key, moments=known)
    if key.kid in seen.named:
        switching = len(seen.named) > 1 and key.kid == seen.latest
        return _signing_now(key, policy, now, active=not switching)
    if key.kid in seen.served:
        retired = _signing_now(key, policy, now, active=True)
        return replace(retired, moments=replace(retired.moments, retired_at=now))
    if wanted(key):
        return replace(key, moments=replace(moments, removal_started_at=now, removed_at=now))
    return key


def _signing_now(key: Key, policy: Policy, now: datetime, *, active: bool) -> Key:
    before = key.moments
    moments = Moments(
        staged_at=before.staged_at,
        published_at=before.published_at or now,
        switch_started_at=before.switch_started_at or now,
        activated_at=(before.activated_at or now) if active else None,
    )
    return replace(
        key,
        moments=moments,
        max_token_lifetime=max(key.max_token_lifetime, policy.token_lifetime),
        max_signer_stop=max(key.max_signer_stop, policy.signer_stop, least_signer_stop(key.handle)),
    )


def _signing(region: RegionSetup, view: RegionView) -> SigningDocument | None:
    """What its signers are told; None where nothing is, as in a region that was joining."""
    document = view.signing_document()
    if document is None and not isinstance(view.signing, Absent):
        raise StateBehind(
            f"{region.name}'s signing target cannot be read, and the state is older than the regions",
            hint="run it again when every region answers",
        )
    return document


def _served(region: RegionSetup, view: RegionView) -> tuple[str, ...]:
    document = view.jwks_document()
    if document is None and isinstance(view.jwks, Absent):
        return ()
    if document is None:
        raise StateBehind(
            f"{region.name}'s JWKS cannot be read, and the state is older than the regions",
            hint="run it again when every region answers",
        )
    return document.kids()


def _record(
    inventory: Inventory,
    region: RegionSetup,
    kids: tuple[str, ...],
    document: SigningDocument | None,
) -> RegionRecord:
    """A region as it is found, taken for written by rotator; its store is proven again before the next write.

    Where no signing target is, what the state says of the signers there stands.
    """
    view, before = inventory.views[region.name], inventory.state.record(region.name)
    return RegionRecord(
        jwks_location=region.jwks_location,
        jwks_etag=view.jwks.etag if isinstance(view.jwks, JwksRead) else None,
        jwks_kids=kids,
        signing_location=region.signing_location,
        signing_etag=view.signing.etag if isinstance(view.signing, SigningRead) else None,
        signing_body=view.signing.body.decode() if isinstance(view.signing, SigningRead) else None,
        signing_kid=document.active.kid if document else before.signing_kid,
        signing_generation=document.generation if document else before.signing_generation,
        alias_arn=view.alias_arn(),
    )
