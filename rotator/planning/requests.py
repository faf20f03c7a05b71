"""What an operator asks the planner for: a switch ahead of its turn (`rotate`), or the way back (`rollback`, design §3)."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from rotator.domain.keys import Key
from rotator.domain.lifecycle import Event, Phase, advance, phase, reactivated
from rotator.domain.plan import FindingKind, Severity
from rotator.domain.policy import Policy
from rotator.domain.state import Asked, IssuerState, Request
from rotator.domain.times import format_moment
from rotator.errors import RequestRefused
from rotator.planning.draft import Draft
from rotator.planning.feasibility import keys_bound
from rotator.planning.removals import removal_of
from rotator.planning.situation import Situation


def report_request(situation: Situation, draft: Draft) -> None:
    """Say that an operator asked for something that is not done yet."""
    request = situation.state.request
    if request:
        draft.find(FindingKind.POLICY, Severity.INFO, f"{_what(request)} {asked_by(request)}")


def asked_by(request: Request) -> str:
    """Who asked, and why."""
    return f"asked for by {request.owner}: {request.reason}"


def rolling_back(state: IssuerState) -> bool:
    """Whether a rollback was begun and some region does not sign with the older key yet."""
    return state.request is not None and state.request.asked is Asked.ROLLBACK


def is_way_back(state: IssuerState, kid: str) -> bool:
    """Whether a rollback to that key is under way."""
    return rolling_back(state) and state.request is not None and state.request.kid == kid


def still_waits(situation: Situation, key: Key | None, words: str) -> str:
    """What keeps a switch to `key` waiting, after who asked for it."""
    request = situation.state.request
    if request is None or (request.kid and (key is None or key.kid != request.kid)):
        return words
    return f"{asked_by(request)}; it still waits: {words}"


def asked_early(situation: Situation, *, reason: str, owner: str) -> IssuerState:
    """The state with a switch asked for ahead of its turn. Raises RequestRefused."""
    state = situation.state
    if rolling_back(state):
        raise RequestRefused(
            f"a rollback of {state.issuer} is under way",
            detail="the older key does not sign in every region yet",
            hint="let it finish first: rotator apply",
        )
    begun = state.switching()
    if begun:
        raise RequestRefused(
            f"a switch to {begun.kid[:8]} is under way already",
            detail="it is finished as soon as its gates are open",
            hint="see what it waits for: rotator plan",
        )
    if state.active() is None:
        raise RequestRefused(
            f"no key of {state.issuer} is active, so there is nothing to switch away from early",
            detail="the first key is promoted as soon as every region serves it",
            hint="rotator apply",
        )
    _require_room(situation)
    request = Request(asked=Asked.ROTATE, reason=reason, owner=owner, at=situation.now)
    return replace(state, request=request)


def rollback_target(state: IssuerState) -> Key:
    """The key that a rollback makes active again. Raises RequestRefused with the reason why there is none.

    Of a switch that was begun it is the one that is still active; otherwise the one that was active immediately before.
    """
    active, begun = state.active(), state.switching()
    if active is None:
        raise RequestRefused(
            f"no key of {state.issuer} is active, so there is nothing to go back from",
            hint="see what is being done: rotator status",
        )
    if begun:
        return active
    before = [key for key in state.keys if key is not active and _ended(key)]
    if not before:
        raise RequestRefused(
            f"{active.kid[:8]} is the first key of {state.issuer}: there is none to go back to",
            hint="switch ahead instead: rotator rotate",
        )
    previous = max(before, key=lambda key: _ended(key) or active.moments.staged_at)
    _require_usable(previous)
    return previous


def rolled_back(state: IssuerState, *, reason: str, owner: str, now: datetime) -> IssuerState:
    """The state in which the way back is begun. Raises RequestRefused.

    A switch that was begun is given up: its key retires, and counts as having signed. The active key's turn counts from
    now, so that the next switch does not follow at once.
    """
    target, begun = rollback_target(state), state.switching()
    request = Request(asked=Asked.ROLLBACK, reason=reason, owner=owner, at=now, kid=target.kid)
    state = replace(state, request=request)
    if begun:
        state = state.with_key(advance(begun, Event.RETIRE, now))
        return state.with_key(replace(target, moments=replace(target.moments, activated_at=now)))
    enabled = replace(target, moments=replace(target.moments, disabled_at=None))
    return state.with_key(reactivated(enabled, now))


def _ended(key: Key) -> datetime | None:
    """When a key that was active stopped being so."""
    moments = key.moments
    return (moments.retired_at or moments.revoked_at) if moments.activated_at else None


def _require_usable(key: Key) -> None:
    name, moments = key.kid[:8], key.moments
    gone = moments.removed_at or moments.removal_started_at
    if moments.revoked_at:
        why = f"it was revoked {format_moment(moments.revoked_at)}: somebody else may have it"
    elif moments.destroyed_at:
        why = f"its private half was destroyed {format_moment(moments.destroyed_at)}"
    elif gone:
        why = f"it left the documents {format_moment(gone)} (T4), so verifiers no longer know it"
    else:
        return
    raise RequestRefused(
        f"{name}, the key before, cannot become active again",
        detail=why,
        hint="switch ahead to the standby instead: rotator rotate",
    )


def _require_room(situation: Situation) -> None:
    """T8: an early switch retires one key more than the schedule does, and wants a new standby beside it."""
    policy = situation.policy
    own = situation.state.in_documents()
    lacking = _lacking(policy, len(situation.fresh_keys()))
    names = (region.name for region in situation.setup.regions)
    foreign = max((len(situation.guests(name)) for name in names), default=0)
    limit, tightest = keys_bound(policy)
    total = len(own) + lacking + foreign
    if total <= limit:
        return
    bound = f"what {tightest.name} reads" if tightest else "history_max"
    others = f" + {foreign} foreign" if foreign else ""
    raise RequestRefused(
        f"an early switch does not fit: {len(own)} keys{others} + {lacking} new = {total}, {bound} is {limit}",
        detail=_leaves_next(situation),
        hint="ask again then, or raise the limit; a compromise is another matter: rotator revoke",
    )


def _lacking(policy: Policy, fresh: int) -> int:
    """How many keys are made so that one can be switched to and the standbys are there again."""
    return max(0, 1 + policy.standby_keys - fresh)


def _leaves_next(situation: Situation) -> str:
    """Which key leaves next, and with that room for another."""
    retired = [key for key in situation.state.in_documents() if phase(key) is Phase.RETIRED]
    opens = [(at, key) for key in retired if (at := removal_of(situation, key).opens)]
    if not opens:
        return "no key is known to leave soon"
    at, key = min(opens, key=lambda pair: pair[0])
    return f"{key.kid[:8]} leaves {format_moment(at)}, when its last token is dead (T4)"


def _what(request: Request) -> str:
    match request.asked:
        case Asked.ROTATE:
            return "a switch ahead of its turn was"
        case Asked.ROLLBACK:
            return f"the way back to {(request.kid or '')[:8]} was"
        case _:
            assert_never(request.asked)
