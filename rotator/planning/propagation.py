"""Where each (key, region) stands, in the four values of DNSSEC key rollover (BIND's kasp, RFC 7583; design §3).

HIDDEN → RUMOURED → OMNIPRESENT → UNRETENTIVE → HIDDEN. Going into an uncertain value needs no wait, going into a
certain one does. Used by the safety checker and by `status`; the planner works with moments instead.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from rotator.domain.inventory import Absent, Inventory
from rotator.domain.keys import Key, least_signer_stop
from rotator.domain.policy import RegionSetup
from rotator.domain.timing import staleness


class Certainty(StrEnum):
    """Whether nobody, somebody or everybody has it; two values are certain, two are not."""

    HIDDEN = "hidden"
    RUMOURED = "rumoured"
    OMNIPRESENT = "omnipresent"
    UNRETENTIVE = "unretentive"


def publication(key: Key, gate: str, inventory: Inventory, now: datetime) -> Certainty:
    """PUB: whether the caches behind a gate know the key."""
    moments = key.moments
    if moments.removal_started_at or moments.revoked_at:
        return _leaving(key, gate, inventory, now)
    seen = inventory.evidence.sighting(gate, key.kid)
    if seen.visible_since is None:
        return Certainty.HIDDEN if moments.published_at is None else Certainty.RUMOURED
    policy, cache = inventory.setup.policy, inventory.setup.cache_of(gate)
    if nothing_is_cached(inventory):
        known = seen.visible_since
        if gate in inventory.evidence.failed_before:
            edge = max(cache.max_age, _measured(gate, inventory))
            known += policy.propagation + edge + policy.max_clock_drift
    else:
        oldest_copy = staleness(policy, cache).total
        known = seen.visible_since + max(policy.publish_lead, oldest_copy) + policy.max_clock_drift
        for mark in inventory.evidence.marks.get(gate, ()):
            died = min(mark.until, seen.visible_since) + mark.staleness + policy.max_clock_drift
            known = max(known, died)
    return Certainty.OMNIPRESENT if known <= now else Certainty.RUMOURED


def signature(key: Key, region: RegionSetup, inventory: Inventory, now: datetime) -> Certainty:
    """SIG: whether signers of a region may use the key; one whose removal began was proven to have stopped."""
    if key.kid in inventory.views[region.name].named_kids(inventory.state):
        return Certainty.OMNIPRESENT
    if not key.ever_signed or key.moments.removal_started_at:
        return Certainty.HIDDEN
    if joined_later(region.name, key, inventory):
        return Certainty.HIDDEN
    away = inventory.evidence.sighting(region.name, key.kid).away_since
    if away is None:
        return Certainty.RUMOURED if key.moments.activated_at is None else Certainty.UNRETENTIVE
    stop = key.max_signer_stop
    if key.moments.retired_at is None:
        stop = max(stop, inventory.setup.policy.signer_stop, least_signer_stop(key.handle))
    return Certainty.HIDDEN if away + stop <= now else Certainty.UNRETENTIVE


def joined_later(region: str, key: Key, inventory: Inventory) -> bool:
    """Whether a region has no orders yet, or got its first ones after every other region had left the key."""
    record, view = inventory.state.record(region), inventory.views.get(region)
    if not record.signing_kid:
        return view is not None and isinstance(view.signing, Absent)
    retired = key.moments.retired_at
    return bool(retired and record.signing_since and retired <= record.signing_since)


def _measured(gate: str, inventory: Inventory) -> timedelta:
    """The longest max-age of a gate's answers when it was looked at last."""
    look = inventory.evidence.looks.get(gate)
    ages = [check.max_age for check in (look.checks if look else ()) if check.max_age]
    return max(ages, default=timedelta())


def _leaving(key: Key, gate: str, inventory: Inventory, now: datetime) -> Certainty:
    """A key that is withdrawn lives on in caches for W."""
    gone = key.moments.removed_at or key.moments.revoked_at
    oldest_copy = staleness(inventory.setup.policy, inventory.setup.cache_of(gate)).total
    return Certainty.HIDDEN if gone and gone + oldest_copy <= now else Certainty.UNRETENTIVE


def nothing_is_cached(inventory: Inventory) -> bool:
    """Whether no cache can hold a document of this issuer that rotator did not write (design §3)."""
    own = {key.kid for key in inventory.state.keys}
    for region in inventory.setup.regions:
        view = inventory.views[region.name]
        document = view.jwks_document()
        if view.jwks_unknown() or any(
            e.kid not in own for e in (document.keys if document else ())
        ):
            return False
    decided = bool(inventory.state.foreign) or inventory.state.compromised()
    return not decided and not any(key.moments.activated_at for key in inventory.state.keys)
