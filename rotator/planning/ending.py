"""Rules that end a private half: disabled once nobody would roll back to it, destroyed once its tokens are dead (design T5)."""

from datetime import timedelta

from rotator.domain.inventory import Absent, Unavailable
from rotator.domain.keys import Key, WrappedHandle
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Destroy, Disable, Gate, Reason, Wait
from rotator.domain.timing import disable_delay
from rotator.planning.clocks import clock_wait
from rotator.planning.draft import Draft
from rotator.planning.removals import last_switch_away, removal_of, unread_signing
from rotator.planning.situation import Situation

_GONE_FROM_SIGNING = (Phase.RETIRED, Phase.REMOVED)


def disable(situation: Situation, draft: Draft) -> None:
    """Make the private halves of KMS keys refuse to sign, which can still be undone."""
    window = situation.setup.rollback_window
    for key in situation.state.keys:
        over = key.moments.disabled_at or key.moments.destroyed_at
        if window is None or over or phase(key) not in _GONE_FROM_SIGNING or not key.ever_signed:
            continue
        wait = _not_disabled_yet(situation, key, window)
        if wait:
            draft.wait(wait)
            continue
        draft.add(
            Disable(
                n=0,
                kid=key.kid,
                reason="nobody signs with it and the time to roll back to it is over",
                reason_code=Reason.ROLLBACK_OVER,
                not_before=situation.now,
            )
        )


def _not_disabled_yet(situation: Situation, key: Key, window: timedelta) -> Wait | None:
    """Why a private half that signs no more stays enabled for now: time, a region nobody could read, a hold."""
    delay, away = disable_delay(key, window), last_switch_away(situation, key)
    opens = away + delay.total if away else None
    if opens is None or opens > situation.now:
        words = f"a rollback could still need it: {delay.explain()} after it was switched away"
        numbers, code = dict(delay.numbers()), Reason.ROLLBACK_POSSIBLE
        return Wait("disable", Gate.TIME, code, words, kid=key.kid, until=opens, numbers=numbers)
    unread = unread_signing(situation)
    if unread:
        words = f"{unread}'s signers could not be looked at, so they may still need the key"
        code, gate = Reason.REGION_UNREACHABLE, Gate.EVIDENCE
        return Wait("disable", gate, code, words, kid=key.kid, region=unread, blocked=True)
    if apart := clock_wait(situation, "disable", key.kid):
        return apart
    if situation.held:
        return Wait("disable", Gate.HOLD, Reason.HELD, situation.hold_words, kid=key.kid)
    return None


def destroy(situation: Situation, draft: Draft) -> None:
    """Destroy the private halves of keys that are served nowhere any more."""
    for key in situation.state.keys:
        if phase(key) is not Phase.REMOVED or key.moments.destroyed_at:
            continue
        wait = _not_destroyed_yet(situation, key)
        if wait:
            draft.wait(wait)
            continue
        draft.add(
            Destroy(
                n=0,
                kid=key.kid,
                reason="no region serves it and no token of it lives",
                reason_code=Reason.REMOVED_EVERYWHERE,
                not_before=situation.now,
            )
        )


def _not_destroyed_yet(situation: Situation, key: Key) -> Wait | None:
    """Why a removed key's private half stays for now."""
    opens = removal_of(situation, key).opens
    if key.ever_signed and (opens is None or opens > situation.now):
        words = "a token of it may still live, as far as anybody has seen"
        return Wait("destroy", Gate.TIME, Reason.TOKENS_ALIVE, words, kid=key.kid, until=opens)
    region = _keeps_old_version(situation, key)
    if region:
        words = (
            f"{region} still keeps a version of its signing target that holds the key, encrypted;"
            " noncurrent versions must expire there"
        )
        return Wait(
            "destroy", Gate.EVIDENCE, Reason.OLD_VERSIONS, words, kid=key.kid, region=region
        )
    if unread := _unread_document(situation):
        words = f"{unread}'s document could not be read, so it may serve the key again"
        code, gate = Reason.REGION_UNREACHABLE, Gate.EVIDENCE
        return Wait("destroy", gate, code, words, kid=key.kid, region=unread, blocked=True)
    if apart := clock_wait(situation, "destroy", key.kid):
        return apart
    if situation.held:
        return Wait("destroy", Gate.HOLD, Reason.HELD, situation.hold_words, kid=key.kid)
    return None


def _unread_document(situation: Situation) -> str | None:
    """A region that did not answer what it serves, None when each did."""
    return next(
        (
            r.name
            for r in situation.setup.regions
            if isinstance(situation.views[r.name].jwks, Unavailable)
        ),
        None,
    )


def _keeps_old_version(situation: Situation, key: Key) -> str | None:
    """A region whose store may keep a `signing.json` of when it named a wrapped key, None when none does.

    A version is clean when it was surely written after the last that could name the key. Every removal rewrites all
    signing targets, so there is one to come.
    """
    signed, begun = last_switch_away(situation, key), key.moments.removal_started_at
    named_until = signed if key.ever_signed else begun
    if not isinstance(key.handle, WrappedHandle) or named_until is None:
        return None
    for region in situation.setup.regions:
        view = situation.views[region.name]
        oldest = view.oldest_signing
        if oldest is None and isinstance(view.signing, Absent):
            continue
        if oldest is None or oldest <= named_until + situation.policy.max_clock_drift:
            return region.name
    return None
