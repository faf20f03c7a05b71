"""Rules for the signing targets: the switch with its gates in order, and everything else `signing.json` must say.

The gates are policy, safety, time, evidence, hold; the first closed one is the reason shown (design §2).
"""

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.inventory import Unavailable
from rotator.domain.keys import Key, reaches
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Gate, Reason, Wait
from rotator.domain.times import say
from rotator.planning.clocks import clock_trouble
from rotator.planning.draft import Draft
from rotator.planning.emergency import nobody_signs, signs_with_revoked
from rotator.planning.feasibility import problems
from rotator.planning.leads import (
    Lead,
    closed_evidence,
    grace,
    is_warm,
    leads,
    seen_instead,
    unfit_document,
)
from rotator.planning.requests import rolling_back, still_waits
from rotator.planning.revoking import successor
from rotator.planning.situation import Situation, turn_of
from rotator.planning.windows import begins, window_opens


@dataclass(frozen=True, slots=True)
class _Closed:
    """The first closed gate of the switch."""

    gate: Gate
    code: Reason
    words: str
    region: str | None = None
    until: datetime | None = None
    blocked: bool = False
    numbers: dict[str, float] | None = None


def candidate(situation: Situation) -> Key | None:
    """The key whose turn is next: one that a switch was begun to, else the oldest warm, else the oldest there is."""
    begun = situation.state.switching()
    if begun:
        return begun
    keys = situation.fresh_keys()
    warm = [key for key in keys if phase(key) is Phase.PUBLISHED and is_warm(situation, key)]
    return next(iter(warm or keys), None)


def switch_target(situation: Situation, draft: Draft) -> Key | None:
    """The key to switch to now, None when some gate is closed; says which one. From a revoked key no gate holds back."""
    if nobody_signs(situation.state):
        return successor(situation, draft)
    if situation.distrusted or signs_with_revoked(situation):
        return None
    key = candidate(situation)
    closed = _first_closed(situation, draft, key)
    if closed is None:
        return key
    draft.wait(
        Wait(
            "switch",
            closed.gate,
            closed.code,
            still_waits(situation, key, closed.words),
            kid=key.kid if key else None,
            region=closed.region,
            until=closed.until,
            blocked=closed.blocked,
            numbers=closed.numbers or {},
        )
    )
    return None


def _first_closed(situation: Situation, draft: Draft, key: Key | None) -> _Closed | None:
    return (
        _policy(situation)
        or _safety(situation)
        or _time(situation, draft, key)
        or (_evidence(situation, key) if key else None)
        or _hold(situation)
    )


def _policy(situation: Situation) -> _Closed | None:
    """A rollback goes on under a policy that has become infeasible."""
    found = () if rolling_back(situation.state) else problems(situation.setup)
    return (
        _Closed(Gate.POLICY, Reason.POLICY_INFEASIBLE, str(found[0]), blocked=True)
        if found
        else None
    )


def _safety(situation: Situation) -> _Closed | None:
    left, due = situation.left_regions(), turn_of(situation)[0] <= situation.now
    if left:
        words = (
            f"{left[0]} left the configuration while it signs; put it back, or stop its signers:"
            f" rotator region forget {left[0]} --signers-stopped-at TIME --reason …"
        )
        return _Closed(Gate.SAFETY, Reason.REGION_LEFT, words, left[0], blocked=True)
    unfit = unfit_document(situation)
    return _Closed(Gate.SAFETY, unfit.code, unfit.words, unfit.gate, blocked=due) if unfit else None


def _time(situation: Situation, draft: Draft, key: Key | None) -> _Closed | None:
    """The turn, then the lead: time alone opens this gate, so nothing here is ever blocked but a missing key."""
    turn, why = turn_of(situation)
    if key is None:
        return _no_candidate(situation, draft, turn, why)
    ahead = leads(situation, key)
    late = max(
        (lead for lead in ahead if lead.opens), key=lambda lead: lead.opens or turn, default=None
    )
    opens = late.opens if late and all(lead.opens for lead in ahead) else None
    if turn > situation.now:
        until = begins(situation.setup, max(turn, opens) if opens else turn)
        every = situation.policy.rotate_every.total_seconds()
        return _Closed(
            Gate.TIME, Reason.NOT_ITS_TURN, why, until=until, numbers={"rotate_every_s": every}
        )
    if opens is None:
        return _lead_not_begun(situation, draft, key, ahead)
    lacking = next(
        (r.name for r in situation.setup.regions if not reaches(key.handle, r.aws_region)), None
    )
    if lacking:
        words = f"signers in {lacking} cannot use the key yet"
        return _Closed(Gate.TIME, Reason.REPLICA_MISSING, words, lacking)
    if late and opens > situation.now:
        words = f"{say(late.delay.total)} after {late.gate} served it: {late.delay.explain()}"
        numbers = dict(late.delay.numbers())
        return _Closed(Gate.TIME, Reason.LEAD_RUNNING, words, late.gate, opens, numbers=numbers)
    return _window(situation)


def _window(situation: Situation) -> _Closed | None:
    """T12: whether a switch may begin now; one that was begun, or the first of all, needs no window."""
    state, opens = situation.state, window_opens(situation.setup, situation.now)
    if opens is None or state.switching() or state.active() is None:
        return None
    words = "outside the windows in which a switch may begin (schedule)"
    return _Closed(Gate.TIME, Reason.WINDOW_CLOSED, words, until=opens)


def _no_candidate(situation: Situation, draft: Draft, turn: datetime, why: str) -> _Closed:
    if turn > situation.now:
        return _Closed(Gate.TIME, Reason.NOT_ITS_TURN, why, until=turn)
    made = draft.plans("generate")
    words = "its lead begins when every region serves it" if made else "no key can be promoted"
    if made:
        return _Closed(Gate.TIME, Reason.LEAD_NOT_BEGUN, words)
    return _Closed(Gate.SAFETY, Reason.NO_CANDIDATE, words, blocked=not situation.held)


def _lead_not_begun(
    situation: Situation, draft: Draft, key: Key, ahead: tuple[Lead, ...]
) -> _Closed:
    """Not seen at some gate. Harmless while it is being published or an edge may serve its old copy; else evidence."""
    lead = next(lead for lead in ahead if lead.opens is None)
    unread = {wait.region for wait in draft.waiting if wait.kind == "write_jwks"}
    if lead.gate in unread:
        words = f"{lead.gate} cannot be reached, so nobody knows whether it serves the key"
        return _Closed(Gate.EVIDENCE, Reason.REGION_UNREACHABLE, words, lead.gate, blocked=True)
    if phase(key) is Phase.STAGED:
        return _Closed(
            Gate.TIME, Reason.LEAD_NOT_BEGUN, "its lead begins when every region serves it"
        )
    patience = (key.moments.published_at or situation.now) + grace(situation, lead.gate)
    if patience > situation.now:
        words = f"{lead.gate} may serve its copy from before for {say(grace(situation, lead.gate))}"
        return _Closed(Gate.TIME, Reason.LEAD_NOT_BEGUN, words, lead.gate, patience)
    opens = f"opens {say(lead.delay.total)} after it does"
    words = f"{lead.gate} has not been seen serving it; {opens}{seen_instead(situation, lead.gate)}"
    return _Closed(Gate.EVIDENCE, Reason.NOT_SEEN, words, lead.gate, blocked=True)


def _evidence(situation: Situation, key: Key) -> _Closed | None:
    closed = closed_evidence(situation, key) or clock_trouble(situation)
    if closed:
        return _Closed(Gate.EVIDENCE, closed.code, closed.words, closed.gate, blocked=True)
    for region in situation.setup.regions:
        view = situation.views[region.name]
        unread = isinstance(view.signing, Unavailable) or isinstance(view.alias, Unavailable)
        if unread or view.jwks_document() is None:
            words = f"{region.name}'s own documents and alias cannot all be read"
            return _Closed(
                Gate.EVIDENCE, Reason.REGION_UNREACHABLE, words, region.name, blocked=True
            )
    return None


def _hold(situation: Situation) -> _Closed | None:
    return _Closed(Gate.HOLD, Reason.HELD, situation.hold_words) if situation.held else None
