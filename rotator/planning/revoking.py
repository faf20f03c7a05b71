"""Rules of a revocation: withdraw the key wherever nobody signs with it any more, tell the edges, disable it (design §3, T6)."""

from rotator.domain.inventory import Unavailable
from rotator.domain.jwks import short
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import (
    FindingKind,
    Gate,
    Purge,
    Reason,
    Remove,
    Severity,
    Wait,
)
from rotator.domain.timing import staleness
from rotator.planning.draft import Draft
from rotator.planning.emergency import (
    is_cold,
    may_take_over,
    named_after,
    nobody_signs,
    pending,
    successors,
    takeover,
)
from rotator.planning.ending import disable_or_wait
from rotator.planning.leads import leads
from rotator.planning.situation import Situation


def successor(situation: Situation, draft: Draft) -> Key | None:
    """The key that takes over from the revoked one; says what is lacking where there is none."""
    key = takeover(situation)
    if key is None:
        draft.wait(_nobody_takes_over(situation))
    return key


def _nobody_takes_over(situation: Situation) -> Wait:
    if is_cold(situation.state):
        words = "no key that could take over is served by every region that answers yet"
        return Wait("switch", Gate.SAFETY, Reason.NO_WARM_STANDBY, words, blocked=True)
    gone = next(k for k in situation.state.keys if phase(k) is Phase.REVOKED and k.ever_signed)
    ahead = [leads(situation, key) for key in successors(situation)]
    opens = [max(e.opens for e in o if e.opens) for o in ahead if o and all(e.opens for e in o)]
    words = (
        f"{short(gone.kid)} is revoked and still signs: no other key is known to every verifier."
        f" To switch at once, at the price of rejected tokens: rotator revoke {short(gone.kid)} --no-standby --reason …"
    )
    code = Reason.NO_WARM_STANDBY
    return Wait("switch", Gate.SAFETY, code, words, until=min(opens, default=None), blocked=True)


def may_follow(situation: Situation, draft: Draft, region: str, key: Key) -> bool:
    """Whether a region can be told to sign with the successor now; says why not."""
    signs = situation.views[region].signing_kid() == key.kid
    if signs or not nobody_signs(situation.state) or may_take_over(situation, region, key):
        return True
    words = f"{region} does not serve {short(key.kid)} yet, so its signers go on with a revoked key"
    code = Reason.NOT_SEEN
    wait = Wait("switch", Gate.EVIDENCE, code, words, kid=key.kid, region=region, blocked=True)
    draft.wait(wait)
    return False


def withdraw_revoked(situation: Situation, draft: Draft) -> None:
    """Take revoked keys out of every document whose region does not sign with them, one by one (design I6)."""
    for key in pending(situation):
        for region in situation.setup.regions:
            wait = _not_withdrawn_yet(situation, draft, region.name, key)
            if wait:
                draft.wait(wait)
            elif key.kid in draft.served(region.name):
                _report_return(situation, draft, region.name, key)
                draft.add(_removal(situation, draft, region.name, key))


def _not_withdrawn_yet(situation: Situation, draft: Draft, region: str, key: Key) -> Wait | None:
    """Why a region goes on serving a revoked key for now."""
    code, gate, name = Reason.KEY_REVOKED, Gate.SAFETY, short(key.kid)
    read, served = situation.views[region].jwks, draft.served(region)
    named = named_after(situation, draft.steps, region)
    if isinstance(read, Unavailable):
        code, gate = Reason.REGION_UNREACHABLE, Gate.EVIDENCE
        words = f"{region} could not be read and may still serve {name}: {read.detail}"
    elif key.kid not in served:
        return None
    elif named is None:
        code, gate = Reason.REGION_UNREACHABLE, Gate.EVIDENCE
        words = f"nobody knows whether {region} signs with {name}, which is revoked"
    elif key.kid in named:
        words = f"{region} still signs with {name}, which is revoked"
    elif set(served) <= {key.kid}:
        words = f"{region} serves nothing but {name}, which is revoked"
    else:
        return None
    return Wait("remove", gate, code, words, kid=key.kid, region=region, blocked=True)


def _removal(situation: Situation, draft: Draft, region: str, key: Key) -> Remove:
    return Remove(
        n=0,
        kid=key.kid,
        region=region,
        keys=tuple(dict.fromkeys(kid for kid in draft.served(region) if kid != key.kid)),
        expected_etag=draft.jwks_etag(region),
        generation=draft.signing_generation,
        reason="it was revoked",
        reason_code=Reason.KEY_REVOKED,
        not_before=situation.now,
    )


def _report_return(situation: Situation, draft: Draft, region: str, key: Key) -> None:
    """Say that somebody put a revoked key back."""
    gone = key.moments.removed_at or key.kid not in situation.state.record(region).jwks_kids
    if gone:
        words = f"it serves {short(key.kid)} again, which was revoked: it is taken out"
        draft.find(FindingKind.DRIFT, Severity.ERROR, words, region)


def purge(situation: Situation, draft: Draft) -> None:
    """Have edges drop their copies once a revoked key is withdrawn there, as long as a copy may live."""
    for told in situation.state.revocations:
        key = situation.state.key(told.kid)
        for region in situation.setup.regions:
            if key is None or not region.has_edge or region.name in told.purged:
                continue
            if _copies_live(situation, region.name, key) and _lacks(
                situation, draft, region.name, key
            ):
                draft.add(
                    Purge(
                        n=0,
                        kid=key.kid,
                        region=region.name,
                        reason="its edge may still hold the document with the revoked key",
                        reason_code=Reason.KEY_REVOKED,
                        not_before=situation.now,
                    )
                )


def _copies_live(situation: Situation, region: str, key: Key) -> bool:
    oldest = staleness(situation.policy, situation.cache(region)).total
    gone = key.moments.removed_at
    return gone is None or situation.now <= gone + oldest


def _lacks(situation: Situation, draft: Draft, region: str, key: Key) -> bool:
    """Whether the region's document, as these steps leave it, is known to lack the key."""
    known = not situation.views[region].jwks_unknown() or region in draft.documents
    return known and key.kid not in draft.served(region)


def disable_revoked(situation: Situation, draft: Draft) -> None:
    """Make KMS refuse to sign with revoked keys as soon as no region that answers is told to use them (design T5)."""
    if situation.setup.rollback_window is None:
        return
    for key in situation.state.keys:
        over = key.moments.disabled_at or key.moments.destroyed_at
        if phase(key) is not Phase.REVOKED or over:
            continue
        words = "it was revoked, and no region that answers signs with it"
        wait = _not_disabled_yet(situation, draft, key)
        disable_or_wait(draft, key, wait, Reason.KEY_REVOKED, words)


def _not_disabled_yet(situation: Situation, draft: Draft, key: Key) -> Wait | None:
    regions = [region.name for region in situation.setup.regions]
    named = {name: named_after(situation, draft.steps, name) for name in regions}
    using = next((name for name, kids in named.items() if kids and key.kid in kids), None)
    if using:
        words, code, gate = f"{using} still signs with it", Reason.KEY_REVOKED, Gate.SAFETY
    elif all(kids is None for kids in named.values()):
        words, code = "no region's signing target could be read", Reason.REGION_UNREACHABLE
        gate = Gate.EVIDENCE
    else:
        return None
    return Wait("disable", gate, code, words, kid=key.kid, region=using, blocked=True)
