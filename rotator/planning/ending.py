"""Rules that end a private half: disabled once nobody would roll back to it, destroyed once its tokens are dead (design T5)."""

from datetime import timedelta

from rotator.domain.inventory import Absent, Unavailable
from rotator.domain.keys import Key, WrappedHandle
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Destroy, Disable, Gate, Reason, Wait
from rotator.domain.timing import LATE_WRITE, disable_delay
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
        words = "nobody signs with it and the time to roll back to it is over"
        wait = _not_disabled_yet(situation, key, window)
        disable_or_wait(draft, key, wait, Reason.ROLLBACK_OVER, words)


def disable_or_wait(draft: Draft, key: Key, wait: Wait | None, code: Reason, words: str) -> None:
    """Disable a key's private half for that reason, unless something keeps it for now."""
    if wait:
        draft.wait(wait)
        return
    now = draft.situation.now
    draft.add(Disable(n=0, kid=key.kid, reason=words, reason_code=code, not_before=now))


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
        if key.moments.removed_at is None or key.moments.destroyed_at:
            continue
        revoked = phase(key) is Phase.REVOKED
        wait = _not_destroyed_yet(situation, key) if not revoked else _stays_revoked(situation, key)
        if wait:
            draft.wait(wait)
            continue
        draft.add(
            Destroy(
                n=0,
                kid=key.kid,
                reason="it was revoked, and no region serves it or signs with it"
                if revoked
                else "no region serves it and no token of it lives",
                reason_code=Reason.KEY_REVOKED if revoked else Reason.REMOVED_EVERYWHERE,
                not_before=situation.now,
            )
        )


def _not_destroyed_yet(situation: Situation, key: Key) -> Wait | None:
    """Why a removed key's private half stays for now."""
    opens = removal_of(situation, key).opens
    if key.ever_signed and (opens is None or opens > situation.now):
        words = "a token of it may still live, as far as anybody has seen"
        return Wait("destroy", Gate.TIME, Reason.TOKENS_ALIVE, words, kid=key.kid, until=opens)
    return _kept_somewhere(situation, key)


def _stays_revoked(situation: Situation, key: Key) -> Wait | None:
    """Why a revoked key's private half stays for now; its tokens are to die, but nobody may be told to sign with it.

    A write that was under way when it was withdrawn may still land (design I6).
    """
    opens = (key.moments.removed_at or situation.now) + LATE_WRITE
    if opens > situation.now:
        words = "a write that was under way may still point at it"
        return Wait("destroy", Gate.TIME, Reason.KEY_REVOKED, words, kid=key.kid, until=opens)
    if unread := unread_signing(situation):
        words = f"{unread}'s signers could not be looked at, so they may still use the key"
        code, gate = Reason.REGION_UNREACHABLE, Gate.EVIDENCE
        return Wait("destroy", gate, code, words, kid=key.kid, region=unread, blocked=True)
    for region, view in situation.views.items():
        document = view.jwks_document()
        served = document is not None and key.kid in document.kids()
        if served or key.kid in view.named_kids(situation.state):
            words = f"{region} showed it when it was read; it goes once that is mended"
            code, gate = Reason.KEY_REVOKED, Gate.EVIDENCE
            return Wait("destroy", gate, code, words, kid=key.kid, region=region)
    return _kept_somewhere(situation, key)


def _kept_somewhere(situation: Situation, key: Key) -> Wait | None:
    """The part that every destruction shares: old versions, documents that nobody read, clocks, a hold."""
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
    signed, moments = last_switch_away(situation, key), key.moments
    begun = moments.removal_started_at or moments.revoked_at
    named_until = (signed or moments.revoked_at) if key.ever_signed else begun
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
