"""Moments that follow from what was read, not from a decision.

A crash between an effect and its record leaves the state behind the regions; settling brings it up again, and the
ordinary run records its results by the same code. A region that could not be read settles nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from rotator.domain.inventory import Absent, Inventory, JwksRead, RegionView
from rotator.domain.jwks import own_entry, render
from rotator.domain.keys import Key, reaches
from rotator.domain.lifecycle import Event, Phase, advance, phase
from rotator.domain.state import IssuerState
from rotator.planning.decisions import as_entry


def settle(inventory: Inventory, now: datetime) -> IssuerState:
    """The state with `published_at`, `activated_at`, `retired_at` and `removed_at` as the regions show them.

    An alias that points at the key its signing target names counts as pointed by rotator, and a document that is to the
    byte what it should be as written by it.
    """
    state = inventory.state
    views = {region.name: inventory.views[region.name] for region in inventory.setup.regions}
    others = _revoked_by_others(state, views)
    for key in (key for key in state.keys if key.kid in others):
        state = state.with_key(advance(key, Event.REVOKE, now))
    for key in state.keys:
        if phase(key) is Phase.STAGED and _published(key, inventory):
            state = state.with_key(advance(key, Event.PUBLISH, now))
        if (
            (key.moments.removal_started_at or key.moments.revoked_at)
            and key.moments.removed_at is None
            and _served_nowhere(key, views)
        ):
            state = state.with_key(advance(key, Event.REMOVE, now))
    state = _settle_documents(state, views, now)
    state = _settle_switch(_settle_aliases(state, views), views, now)
    return _settle_returned(_settle_rollback(state, views), views)


def settled(inventory: Inventory, now: datetime) -> Inventory:
    """The inventory with its state settled."""
    return replace(inventory, state=settle(inventory, now))


def _revoked_by_others(state: IssuerState, views: Mapping[str, RegionView]) -> set[str]:
    """The kids that signing targets list as revoked, in what another rotator wrote after this state's last write there.

    So a key does not come back through an older state that knows nothing of it (design I8).
    """
    listed: set[str] = set()
    for name, view in views.items():
        document = view.signing_document()
        if document and document.generation > state.record(name).signing_generation:
            listed.update(document.revoked if document.issuer == state.issuer else ())
    known = (state.key(kid) for kid in listed)
    return {k.kid for k in known if k and phase(k) not in (Phase.REMOVED, Phase.REVOKED)}


def _settle_switch(
    state: IssuerState, views: Mapping[str, RegionView], now: datetime
) -> IssuerState:
    """The new key becomes active and the old one retires in one step, once every region names the new one."""
    key = state.switching()
    if key is None or not all(view.signs_only_with(key) for view in views.values()):
        return state
    before = state.active()
    if before is not None:
        state = state.with_key(advance(before, Event.RETIRE, now))
    return state.with_key(advance(key, Event.ACTIVATE, now))


def _settle_rollback(state: IssuerState, views: Mapping[str, RegionView]) -> IssuerState:
    """A rollback is over when every region signs with the older key, or that was revoked or switched away from."""
    request = state.request
    back = state.key(request.kid) if request and request.kid else None
    if back is None:
        return state
    stands = phase(back) in (Phase.PUBLISHED, Phase.ACTIVE)
    home = back == state.active() and all(view.signs_only_with(back) for view in views.values())
    return replace(state, request=None) if home or not stands else state


def _settle_returned(state: IssuerState, views: Mapping[str, RegionView]) -> IssuerState:
    """A region that was let go and is back signs again; one that came back empty joins like a new one (design §3)."""
    for name, view in views.items():
        if state.record(name).signers_stopped_at and not isinstance(view.signing, Absent):
            record = replace(state.record(name), signers_stopped_at=None)
            state = state.with_record(name, record)
    return state


def _settle_documents(
    state: IssuerState, views: Mapping[str, RegionView], now: datetime
) -> IssuerState:
    """A write that took effect unseen must not look like somebody else's for ever: every look would end the lead.

    An adopted key that rotator has not written there yet is written by a step.
    """
    own = [own_entry(key.jwk) for key in state.in_documents()]
    for name, view in views.items():
        record, read = state.record(name), view.jwks
        if not isinstance(read, JwksRead) or not record.jwks_kids or read.etag == record.jwks_etag:
            continue
        adopted = (key for key in state.adopted(now) if key.kid in record.jwks_kids)
        entries = [*own, *map(as_entry, adopted)]
        if read.body == render(entries):
            kids = tuple(entry.kid for entry in entries)
            record = replace(record, jwks_etag=read.etag, jwks_kids=kids)
            state = state.with_record(name, record)
    return state


def _settle_aliases(state: IssuerState, views: Mapping[str, RegionView]) -> IssuerState:
    """An alias whose move took effect after the run that made it gave up is no drift later."""
    for name, view in views.items():
        arn, record = view.alias_arn(), state.record(name)
        pointed = state.key_of_arn(arn) if arn else None
        if pointed and pointed.kid == record.signing_kid and arn != record.alias_arn:
            state = state.with_record(name, replace(record, alias_arn=arn))
    return state


def _published(key: Key, inventory: Inventory) -> bool:
    """Whether every region serves the key, and its signers could use it."""
    regions = inventory.setup.regions
    documents = [inventory.views[region.name].jwks_document() for region in regions]
    served = all(document is not None and document.holds(key.jwk) for document in documents)
    return served and all(reaches(key.handle, region.aws_region) for region in regions)


def _served_nowhere(key: Key, views: Mapping[str, RegionView]) -> bool:
    return all(_lacks(view, key.kid) for view in views.values())


def _lacks(view: RegionView, kid: str) -> bool:
    if isinstance(view.jwks, Absent):
        return True
    document = view.jwks_document()
    return document is not None and kid not in document.kids()
