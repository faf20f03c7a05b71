"""The packaged table of well-known JWKS consumers: how fast each learns a new key and drops a removed one.

`verifiers.json` holds facts with their source and how sure they are: `run` was observed, `code` read, `vendor-doc` documented.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files

from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Special, Verifier
from rotator.domain.times import parse_duration
from rotator.domain.timing import UNKNOWN_LEARNS


@dataclass(frozen=True, slots=True)
class Profile:
    """One consumer, or the worst of a family's versions; `algorithms` None: no known limit."""

    verifier: Verifier
    algorithms: frozenset[Algorithm] | None
    note: str
    source: str
    confidence: str


def names() -> tuple[str, ...]:
    """Every name that `policy.verifiers` understands, families among them, sorted."""
    return tuple(sorted(_table()))


def find(name: str) -> Profile | None:
    """The profile of that name; a family's name means the worst of its versions."""
    return _table().get(name)


def nearest(name: str) -> tuple[str, ...]:
    """The known names most like a wrong one."""
    known = {known.lower(): known for known in names()}
    return tuple(
        known[near] for near in difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    )


def parse_time(text: str) -> timedelta | Special:
    """A verifier's time: a duration, or `unbounded`, `header`, `manual`, `unknown`; raises ValueError."""
    return Special(text) if text in set(Special) else parse_duration(text)


@cache
def _table() -> Mapping[str, Profile]:
    document = json.loads(files("rotator.config").joinpath("verifiers.json").read_text("utf-8"))
    table: dict[str, Profile] = {}
    for entry in document["profiles"]:
        table[entry["id"]] = _profile(entry)
        if family := entry.get("family"):
            table[family] = _worst(family, table.get(family), _profile(entry))
    return table


def _profile(entry: Mapping[str, str | int | list[str]]) -> Profile:
    limit = entry.get("max_keys")
    algorithms = entry.get("algorithms")
    return Profile(
        Verifier(
            str(entry["id"]),
            parse_time(str(entry["learns"])),
            parse_time(str(entry["drops"])),
            limit if isinstance(limit, int) else None,
        ),
        frozenset(Algorithm(name) for name in algorithms) if isinstance(algorithms, list) else None,
        str(entry["note"]),
        str(entry["source"]),
        str(entry["confidence"]),
    )


def _worst(family: str, one: Profile | None, other: Profile) -> Profile:
    if one is None:
        return Profile(_named(family, other.verifier), *_about(other))
    slower = one if _slowness(one.verifier.learns) >= _slowness(other.verifier.learns) else other
    limits = [profile.verifier.max_keys for profile in (one, other) if profile.verifier.max_keys]
    verifier = Verifier(
        family,
        slower.verifier.learns,
        max(one.verifier.drops, other.verifier.drops, key=_slowness),
        min(limits, default=None),
    )
    return Profile(verifier, *_about(slower))


def _named(name: str, verifier: Verifier) -> Verifier:
    return Verifier(name, verifier.learns, verifier.drops, verifier.max_keys)


def _about(profile: Profile) -> tuple[frozenset[Algorithm] | None, str, str, str]:
    return profile.algorithms, profile.note, profile.source, profile.confidence


def _slowness(time: timedelta | Special) -> tuple[int, timedelta]:
    match time:
        case timedelta():
            return 0, time
        case Special.UNKNOWN:
            return 0, UNKNOWN_LEARNS
        case Special.HEADER:
            return 1, timedelta()
        case Special.MANUAL:
            return 2, timedelta()
        case Special.UNBOUNDED:
            return 3, timedelta()
