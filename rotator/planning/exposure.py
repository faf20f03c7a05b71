"""How long a withdrawn key may still be believed (design T6), who is logged out by that, and what has to be restarted.

Per gate and kind of verifier: D_prop + C_edge + S + how long such a verifier keeps a key that its JWKS no longer holds,
counted from the moment at which the key left the document there. Never less than what is known, never called instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from rotator.domain.evidence import CheckKind, Verdict
from rotator.domain.inventory import RegionView
from rotator.domain.keys import Key, least_signer_stop
from rotator.domain.policy import CacheLifetime, Special, Verifier
from rotator.domain.timing import UNKNOWN_LEARNS, Delay, Term
from rotator.planning.situation import Situation

UNKNOWN_DROPS = UNKNOWN_LEARNS
"""For how long a verifier counts as keeping a removed key when nobody named or measured it."""

NOBODY = Verifier("verifiers (none named)", Special.UNKNOWN, Special.UNKNOWN)


class Endless(StrEnum):
    """Why no moment can be named at which a key is no longer believed."""

    UNWRITTEN = "unwritten"
    RESTART = "restart"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One kind of verifier behind one gate.

    `until` None where there is no end in sight (`endless` says why); `assumed`: nobody measured that verifier.
    """

    gate: str
    verifier: str
    until: datetime | None
    delay: Delay
    endless: Endless | None = None
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Until when tokens of a key would have lived; None where none can be alive."""

    access: datetime | None
    refresh: datetime | None


@dataclass(frozen=True, slots=True)
class CutOff:
    """A region whose signers may go on with a key: after `until` even one that cannot read its orders stops.

    `until` None where there is no end: its orders name the key and nobody could change that, or nobody could read them.
    `ordered`: its signers are told to use another key already.
    """

    region: str
    until: datetime | None
    ordered: bool


@dataclass(frozen=True, slots=True)
class Restart:
    """Something that goes on believing a key until it is restarted or reloaded.

    `gate` and `target` are of a check that still reports the key; None where no check speaks for that verifier.
    """

    verifier: str
    endless: Endless
    gate: str | None = None
    target: str | None = None


def exposures(
    situation: Situation, withdrawn: Mapping[str, datetime | None]
) -> tuple[Exposure, ...]:
    """Every gate and verifier; `withdrawn` says when the key left each gate's document, None where it has not."""
    verifiers = situation.policy.verifiers or (NOBODY,)
    return tuple(
        _exposure(gate, verifier, situation, withdrawn.get(gate))
        for gate in situation.setup.gates()
        for verifier in verifiers
    )


def _exposure(
    gate: str, verifier: Verifier, situation: Situation, withdrawn: datetime | None
) -> Exposure:
    delay, endless = _delay(situation, situation.cache(gate), verifier.name, verifier.drops)
    if withdrawn is None:
        endless = Endless.UNWRITTEN
    until = withdrawn + delay.total if withdrawn and not endless else None
    assumed = verifier.drops is Special.UNKNOWN
    return Exposure(
        gate=gate,
        verifier=verifier.name,
        until=until,
        delay=delay,
        endless=endless,
        assumed=assumed,
    )


def rejections(situation: Situation, successor: Key | None) -> tuple[Exposure, ...]:
    """For how long tokens of a successor may be rejected that signs from now on, at every gate that does not know it yet.

    A gate that was not seen serving it counts as serving it from now on.
    """
    verifiers = situation.policy.verifiers or (NOBODY,)
    found = (
        _rejection(gate, verifier, situation, successor)
        for gate in situation.setup.gates()
        for verifier in verifiers
    )
    return tuple(one for one in found if one.until is None or one.until > situation.now)


def _rejection(
    gate: str, verifier: Verifier, situation: Situation, successor: Key | None
) -> Exposure:
    since = situation.sighting(gate, successor).visible_since if successor else None
    delay, endless = _delay(situation, situation.cache(gate), verifier.name, verifier.learns)
    return Exposure(
        gate=gate,
        verifier=verifier.name,
        until=None if endless else (since or situation.now) + delay.total,
        delay=delay,
        endless=endless,
        assumed=verifier.learns is Special.UNKNOWN,
    )


def _delay(
    situation: Situation, cache: CacheLifetime, verifier: str, own: timedelta | Special
) -> tuple[Delay, Endless | None]:
    """The delay of a gate and a verifier; without the verifier's own part where that has no end."""
    bounded, endless = _bounded(own, cache.max_age)
    terms = (
        Term("propagation", "propagation", situation.policy.propagation),
        Term("edge", "edge_cache", cache.max_age),
        Term("stale allowance", "stale", cache.stale),
        Term(verifier, "verifier_cache", bounded),
    )
    return Delay(terms), endless


def _bounded(own: timedelta | Special, edge: timedelta) -> tuple[timedelta, Endless | None]:
    match own:
        case Special.HEADER:
            return edge, None
        case Special.UNKNOWN:
            return UNKNOWN_DROPS, None
        case Special.UNBOUNDED:
            return timedelta(), Endless.RESTART
        case Special.MANUAL:
            return timedelta(), Endless.RELOAD
        case timedelta():
            return own, None
        case _:
            assert_never(own)


def logged_out(situation: Situation, key: Key) -> LoggedOut:
    """Whose tokens die with a key: those that it signed until now, or until it was switched away (design T3).

    What a signer that is cut off makes after the key left every document was never accepted: nobody is logged out by that.
    """
    last = last_signature(situation, key)
    policy = situation.policy
    if last is None:
        return LoggedOut(None, None)
    gone = key.moments.removed_at
    if gone and not any(_may_show(view, situation, key) for view in situation.views.values()):
        last = min(last, gone)
    access = last + policy.access_token_lifetime
    longest = max(policy.refresh_token_lifetime, key.max_token_lifetime)
    refresh = last + longest if longest > policy.access_token_lifetime else None
    return LoggedOut(
        access if access > situation.now else None,
        refresh if refresh and refresh > situation.now else None,
    )


def _may_show(view: RegionView, situation: Situation, key: Key) -> bool:
    """Whether a region serves the key or signs with it, for all that anybody knows: one that came back may."""
    document = view.jwks_document()
    served = view.jwks_unknown() or (document is not None and key.kid in document.kids())
    return served or not view.signing_known() or key.kid in view.named_kids(situation.state)


def last_signature(situation: Situation, key: Key) -> datetime | None:
    """The last moment at which a signer may have used a key, at most now; None when none ever did."""
    if not key.ever_signed:
        return None
    away = [
        None if key.kid in view.named_kids(situation.state) else _away(situation, name, key)
        for name, view in situation.views.items()
    ]
    if None in away:
        return situation.now
    stop = max(key.max_signer_stop, least_signer_stop(key.handle))
    return min(situation.now, max(moment for moment in away if moment) + stop)


def _away(situation: Situation, region: str, key: Key) -> datetime | None:
    return situation.evidence.sighting(region, key.kid).away_since or key.moments.retired_at


def cut_off(situation: Situation, key: Key, *, over: bool = False) -> tuple[CutOff, ...]:
    """The regions in which a signer may still use a key, and until when (design T6, D_sign).

    Orders that name the key count as changed now, but not when the revoke is `over`: it did not change them.
    """
    if not key.ever_signed:
        return ()
    policy, found = situation.policy, list[CutOff]()
    stop = max(key.max_signer_stop, policy.signer_stop, least_signer_stop(key.handle))
    for region in situation.setup.regions:
        view = situation.views[region.name]
        known, named = view.signing_known(), key.kid in view.named_kids(situation.state)
        ordered = known and not named
        begun = (_away(situation, region.name, key) if ordered else None) or situation.now
        if not known or (over and named):
            found.append(CutOff(region.name, None, ordered))
        elif begun + stop > situation.now:
            found.append(CutOff(region.name, begun + stop, ordered))
    return tuple(found)


def restarts(situation: Situation, kid: str) -> tuple[Restart, ...]:
    """What has to be restarted or reloaded, and where that is seen: the checks that report the key itself."""
    endless = {
        verifier.name: Endless.RESTART if verifier.drops is Special.UNBOUNDED else Endless.RELOAD
        for verifier in situation.policy.verifiers
        if verifier.drops in (Special.UNBOUNDED, Special.MANUAL)
    }
    return tuple(one for name, why in endless.items() for one in _seen(situation, kid, name, why))


def _seen(situation: Situation, kid: str, verifier: str, why: Endless) -> tuple[Restart, ...]:
    """A line for each check that reports the key; one without a place where no check speaks for that verifier at all."""
    speaking = [
        (gate, check)
        for gate in situation.setup.gates()
        for check in situation.checks(gate)
        if check.kind is CheckKind.VERIFIER and (not check.covers or verifier in check.covers)
    ]
    if not speaking:
        return (Restart(verifier, why),)
    # Of one that did not answer nobody knows: it is on the list until it says that it lacks the key.
    return tuple(
        Restart(verifier, why, gate, check.target)
        for gate, check in speaking
        if kid in (*check.kids, *check.held) or check.verdict is Verdict.UNKNOWN
    )
