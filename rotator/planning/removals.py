"""When a key may leave (design T3, T4): last signature in any region, then the life of its last token."""

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.inventory import Absent, RegionView, Unavailable
from rotator.domain.keys import Key
from rotator.domain.timing import Delay, removal_delay
from rotator.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class Removal:
    """T4 of one key: `opens` None while some region was not seen away from it; `missing` names that region."""

    opens: datetime | None
    missing: str | None
    delay: Delay


def removal_of(situation: Situation, key: Key) -> Removal:
    """T4 with the region that holds it up, if any. A region that left the configuration still counts."""
    delay = removal_delay(situation.policy, key)
    missing = _not_seen_away(situation, key)
    if missing:
        return Removal(None, missing, delay)
    last = last_switch_away(situation, key)
    return Removal(last + delay.total if last else None, None, delay)


def last_switch_away(situation: Situation, key: Key) -> datetime | None:
    """When the last region was seen with another key (T3, before D_sign); None while some region was not."""
    if _not_seen_away(situation, key):
        return None
    seen = (_away_since(situation, region, key) for region in _regions_of(situation, key))
    moments = [moment for moment in (key.moments.retired_at, *seen) if moment]
    return max(moments, default=None)


def _not_seen_away(situation: Situation, key: Key) -> str | None:
    regions = _regions_of(situation, key)
    return next((r for r in regions if _away_since(situation, r, key) is None), None)


def _away_since(situation: Situation, region: str, key: Key) -> datetime | None:
    """When a region was first seen without the key; else, of one that was let go, when its signers stopped (design T3)."""
    seen = situation.sighting(region, key).away_since
    return seen or (_stopped(situation, region) if situation.setup.region(region) is None else None)


def _stopped(situation: Situation, region: str) -> datetime | None:
    return situation.state.record(region).signers_stopped_at


def _regions_of(situation: Situation, key: Key) -> list[str]:
    """The regions whose signers may have used the key."""
    known = (*signing_regions(situation), *_forgotten(situation))
    return [r for r in known if _may_have_signed(situation, r, key)]


def _forgotten(situation: Situation) -> list[str]:
    """The regions that were let go: they write and read nothing any more, but what they signed counts (design T3)."""
    return [
        name
        for name, record in situation.state.regions.items()
        if record.signers_stopped_at and situation.setup.region(name) is None
    ]


def unread_signing(situation: Situation) -> str | None:
    """A region whose signing target was not freshly read: no key is removed then (design T3)."""
    for region in signing_regions(situation):
        view = situation.views.get(region)
        if view is None or not _was_read(view):
            return region
    return None


def _was_read(view: RegionView) -> bool:
    return not (isinstance(view.signing, Unavailable) or isinstance(view.alias, Unavailable))


def signing_regions(situation: Situation) -> tuple[str, ...]:
    """Every region that signs or may still sign: the configured ones and those that left."""
    return (*(region.name for region in situation.setup.regions), *situation.left_regions())


def _may_have_signed(situation: Situation, region: str, key: Key) -> bool:
    """Not where a region joined after the key was retired, or has no signing target yet (design §3)."""
    record, view = situation.state.record(region), situation.views.get(region)
    if record.signing_kid is None:
        return view is None or not isinstance(view.signing, Absent)
    retired, since = key.moments.retired_at, record.signing_since
    return retired is None or since is None or since < retired
