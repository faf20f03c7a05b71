"""Waves: a switch reaches the regions of a wave only when the one before has signed for a while without trouble."""

from datetime import datetime

from rotator.domain.keys import Key
from rotator.domain.plan import Gate, Reason, Wait
from rotator.domain.times import say
from rotator.planning.draft import Draft
from rotator.planning.feasibility import switch_waves
from rotator.planning.situation import Situation


def open_regions(
    situation: Situation, draft: Draft, key: Key, before: Key
) -> frozenset[str] | None:
    """The regions whose turn it is to switch from `before` to `key`; None when the policy has no waves.

    The checks of the first waves are those of every switch: evidence that fails anywhere closes it for all.
    """
    waves = switch_waves(situation.setup)
    if len(waves) < 2:
        return None
    turned: set[str] = set()
    for wave in waves:
        opens = _baked(situation, sorted(turned), key, before)
        if turned and (opens is None or opens > situation.now):
            names = ", ".join(wave)
            bake = say(situation.policy.bake)
            words = f"{names} switch {bake} after {', '.join(sorted(turned))} did, if all is well"
            code = Reason.WAVE_BAKING
            draft.wait(Wait("switch", Gate.TIME, code, words, kid=key.kid, until=opens))
            break
        turned.update(wave)
    return frozenset(turned)


def _baked(situation: Situation, regions: list[str], key: Key, before: Key) -> datetime | None:
    """When the bake of these regions is over; None while one of them does not sign with the new key alone."""
    since = []
    for name in regions:
        away = situation.sighting(name, before).away_since
        if away is None or not situation.views[name].signs_only_with(key):
            return None
        since.append(away)
    return max(since, default=situation.now) + situation.policy.bake
