"""The state after a takeover: what signs is rotator's own, every other key is adopted, and nothing happens until a release.

What is not known counts from now on, which is late and therefore safe (design T10).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.inventory import JwksRead, RegionView
from rotator.domain.jwks import ServedKey
from rotator.domain.keys import Key, KeyHandle, Moments, least_signer_stop
from rotator.domain.policy import IssuerSetup, RegionSetup
from rotator.domain.state import ForeignKey, Hold, IssuerState, RegionRecord
from rotator.planning.takeover import Takeover

REASON = "taken over"
"""Why a key of the set is adopted."""

HELD = "taken over; release it to begin rotating"
"""Why an issuer that was taken over is held: its first plan shows that nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an operator says of a takeover: since when the key signs, how long the others stay (None: until rejected)."""

    activated_at: datetime
    until: datetime | None
    owner: str
    now: datetime


def taken_over(
    state: IssuerState,
    setup: IssuerSetup,
    views: Mapping[str, RegionView],
    plan: Takeover,
    handle: KeyHandle,
    terms: Terms,
) -> IssuerState:
    """The state in which the active key is rotator's own, under a new generation, and every other key is adopted.

    The issuer is held, so that the first plan shows that nothing changes; an operator releases it.
    """
    generation, policy = state.generation + 1, setup.policy
    key = Key(
        jwk=plan.active,
        generation=generation,
        handle=handle,
        moments=Moments(
            staged_at=terms.activated_at,
            published_at=terms.activated_at,
            switch_started_at=terms.activated_at,
            activated_at=terms.activated_at,
        ),
        max_token_lifetime=policy.token_lifetime,
        max_signer_stop=max(policy.signer_stop, least_signer_stop(handle)),
    )
    kids = {entry.kid for entry in plan.others}
    records = {
        region.name: _record(region, views[region.name], plan.active.kid)
        for region in setup.regions
        if region.name in plan.serving
    }
    return replace(
        state,
        generation=generation,
        signing_generation=generation,
        keys=(key,),
        regions={**state.regions, **records},
        hold=_held(state.hold, terms),
        foreign=(
            *(known for known in state.foreign if known.kid not in kids),
            *(_adopted(entry, terms) for entry in plan.others),
        ),
    )


def _held(before: Hold | None, terms: Terms) -> Hold:
    """A hold without an end stands; one that ends by itself might let the first plan change something unseen."""
    if before and before.until is None:
        return before
    return Hold(reason=HELD, owner=terms.owner, since=terms.now)


def _adopted(entry: ServedKey, terms: Terms) -> ForeignKey:
    return ForeignKey(
        kid=entry.kid,
        thumbprint=entry.thumbprint,
        text=entry.text,
        adopted=True,
        reason=REASON,
        owner=terms.owner,
        at=terms.now,
        until=terms.until,
    )


def _record(region: RegionSetup, view: RegionView, active: str) -> RegionRecord:
    """A region that serves the set: its document counts as rotator's, and its signers as using the key already."""
    document = view.jwks_document()
    return RegionRecord(
        jwks_location=region.jwks_location,
        jwks_etag=view.jwks.etag if isinstance(view.jwks, JwksRead) else None,
        jwks_kids=document.kids() if document else (),
        signing_location=region.signing_location,
        signing_kid=active,
        alias_arn=view.alias_arn(),
    )
