"""The rule that lets keys go out of the documents once their last token is dead (design T4)."""

from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Gate, Reason, Remove, RepairJwks, Wait
from rotator.planning.clocks import clock_wait
from rotator.planning.draft import Draft
from rotator.planning.emergency import nobody_signs
from rotator.planning.leads import is_warm
from rotator.planning.removals import removal_of, unread_signing
from rotator.planning.situation import Situation, being_removed


def remove(situation: Situation, draft: Draft) -> None:
    """Begin the removal of keys that may go, and go on with removals that were begun."""
    begun = _go_on_with(situation, draft)
    stays = nobody_signs(situation.state)  # in an emergency any key may be needed
    own = () if stays else situation.state.in_documents()
    due = [key for key in own if _may_leave(situation, draft, key)]
    generation = draft.next_generation() if due else draft.signing_generation
    draft.signing_generation = generation
    for key in (*begun, *due):
        code, words = _why_it_leaves(key)
        for region in situation.setup.regions:
            if key.kid not in draft.served(region.name):
                continue
            draft.add(
                Remove(
                    n=0,
                    kid=key.kid,
                    region=region.name,
                    keys=tuple(kid for kid in draft.served(region.name) if kid != key.kid),
                    expected_etag=draft.jwks_etag(region.name),
                    generation=generation,
                    reason=words,
                    reason_code=code,
                    not_before=situation.now,
                )
            )


def _go_on_with(situation: Situation, draft: Draft) -> list[Key]:
    """The removals that were begun; none under a hold, which stops also what is half done (design I5)."""
    begun = list(being_removed(situation.state))
    if not situation.held:
        return begun
    for key in begun:
        draft.wait(Wait("remove", Gate.HOLD, Reason.HELD, situation.hold_words, kid=key.kid))
    return []


def _why_it_leaves(key: Key) -> tuple[Reason, str]:
    if key.moments.removal_started_at:
        return Reason.REMOVAL_UNFINISHED, "its removal was begun and is finished now"
    if key.ever_signed:
        return Reason.TOKENS_DEAD, "its last token is dead"
    return Reason.NEVER_SIGNED, "it never signed, and a warm key of the new algorithm stands by"


def _may_leave(situation: Situation, draft: Draft, key: Key) -> bool:
    """T4 for retired keys; a standby of another algorithm goes once a warm one of the new kind is there."""
    if phase(key) is Phase.RETIRED:
        return _retired_may_leave(situation, draft, key)
    if key.ever_signed or key.jwk.alg is situation.policy.algorithm:
        return False
    warm = any(is_warm(situation, other) for other in situation.fresh_keys())
    return warm and _all_open(situation, draft, key)


def _retired_may_leave(situation: Situation, draft: Draft, key: Key) -> bool:
    removal = removal_of(situation, key)
    numbers = dict(removal.delay.numbers())
    words = f"after it was switched away: {removal.delay.explain()}"
    if removal.opens and removal.opens > situation.now:
        until = removal.opens
        draft.wait(
            Wait(
                "remove",
                Gate.TIME,
                Reason.TOKENS_ALIVE,
                words,
                kid=key.kid,
                until=until,
                numbers=numbers,
            )
        )
        return False
    if removal.missing:
        late = (
            key.moments.retired_at is not None
            and situation.now >= key.moments.retired_at + removal.delay.total
        )
        code = (
            Reason.REGION_LEFT if removal.missing in situation.left_regions() else Reason.NOT_FRESH
        )
        words = f"{removal.missing} was not seen signing with another key; {words}"
        draft.wait(
            Wait(
                "remove",
                Gate.EVIDENCE,
                code,
                words,
                kid=key.kid,
                region=removal.missing,
                blocked=late,
                numbers=numbers,
            )
        )
        return False
    return _all_open(situation, draft, key) and not _kept_for_history(situation, draft, key)


def _kept_for_history(situation: Situation, draft: Draft, key: Key) -> bool:
    """A configured `history` larger than needed keeps retired keys longer (design T8)."""
    keep = situation.policy.history
    if keep is None:
        return False
    older = [k for k in situation.state.in_documents() if phase(k) is Phase.RETIRED]
    surplus = len(situation.state.in_documents()) - keep
    kept = key not in older[: max(0, surplus)]
    if kept:
        words = f"the configured history keeps {keep} keys"
        draft.wait(Wait("remove", Gate.POLICY, Reason.TOKENS_ALIVE, words, kid=key.kid))
    return kept


def _all_open(situation: Situation, draft: Draft, key: Key) -> bool:
    """The gates that every removal shares: fresh reads and sound documents everywhere, no hold."""
    unread = unread_signing(situation)
    if unread:
        words = f"{unread}'s signing target could not be read, so it may still sign with the key"
        draft.wait(
            Wait(
                "remove",
                Gate.EVIDENCE,
                Reason.REGION_UNREACHABLE,
                words,
                kid=key.kid,
                region=unread,
                blocked=True,
            )
        )
        return False
    apart = clock_wait(situation, "remove", key.kid)
    if apart:
        draft.wait(apart)
        return False
    unsound = _unsound(situation, draft)
    if unsound:
        region, code = unsound
        words = (
            f"{region}'s document is not known to be as it should be; nothing is removed meanwhile"
        )
        draft.wait(
            Wait("remove", Gate.EVIDENCE, code, words, kid=key.kid, region=region, blocked=True)
        )
        return False
    if situation.held:
        draft.wait(Wait("remove", Gate.HOLD, Reason.HELD, situation.hold_words, kid=key.kid))
        return False
    return True


def _unsound(situation: Situation, draft: Draft) -> tuple[str, Reason] | None:
    """A region, other than one that joins, whose document could not be read or is being put back."""
    waits = [(w.region, w.reason_code) for w in draft.waiting if w.kind == "write_jwks"]
    repairs = [(s.region, s.reason_code) for s in draft.steps if isinstance(s, RepairJwks)]
    for region, code in (*waits, *repairs):
        if region and situation.state.record(region).jwks_kids:
            return region, code
    return None
