"""The packaged catalogue of well-known JWKS consumers: how fast each learns and drops keys, and what it cannot read.

`verifiers.json` holds facts with their source and how sure they are, as they stood on the day it names. `algorithms`
of an entry lists all that it reads; `breaks` says what becomes of a document with a key that it does not read.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Break, Effect, Special, Verifier
from rotator.domain.profile import Profile
from rotator.domain.times import parse_duration
from rotator.domain.timing import UNKNOWN_LEARNS


def names() -> tuple[str, ...]:
    """Every name that `policy.verifiers` understands, families among them, sorted."""
    return tuple(sorted(_table()))


def find(name: str) -> Profile | None:
    """The profile of that name; a family's name means the worst of its versions."""
    return _table().get(name)


def collected() -> str:
    """The day on which the facts were collected, `2026-11-24`."""
    return str(_document()["collected"])


def nearest(name: str) -> tuple[str, ...]:
    """The known names most like a wrong one."""
    known = {known.lower(): known for known in names()}
    return tuple(
        known[near] for near in difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    )


def parse_time(text: str) -> timedelta | Special:
    """A verifier's time: a duration, or `unbounded`, `header`, `manual`, `unknown`; raises ValueError."""
    return Special(text) if text in set(Special) else parse_duration(text)


def worst(family: str, versions: Sequence[Profile]) -> Profile:
    """What a family's name stands for: the slowest clocks, the smallest limit and every break of its versions.

    Everything else is that of the version that learns a new key last.
    """
    verifiers = [profile.verifier for profile in versions]
    slowest = max(
        versions, key=lambda p: (_slowness(p.verifier.learns), _slowness(p.verifier.drops))
    )
    verifier = Verifier(
        family,
        slowest.verifier.learns,
        max((v.drops for v in verifiers), key=_slowness),
        min((v.max_keys for v in verifiers if v.max_keys), default=None),
        _all_breaks(verifiers),
    )
    return replace(
        slowest, verifier=verifier, title=family, versions=tuple(v.name for v in verifiers)
    )


def _all_breaks(verifiers: Sequence[Verifier]) -> tuple[Break, ...]:
    """One break for each algorithm, the worse one where versions differ."""
    found: dict[Algorithm, Break] = {}
    for broken in (broken for verifier in verifiers for broken in verifier.breaks):
        if broken.algorithm not in found or broken.effect is Effect.VOIDED:
            found[broken.algorithm] = broken
    return _in_order(found)


@cache
def _document() -> Mapping[str, Any]:
    text = files("rotator.config").joinpath("verifiers.json").read_text("utf-8")
    document: Mapping[str, Any] = json.loads(text)
    return document


@cache
def _table() -> Mapping[str, Profile]:
    profiles = [_profile(entry) for entry in _document()["profiles"]]
    by_family = sorted((p for p in profiles if p.family), key=lambda p: p.family or "")
    families = [
        worst(family or "", tuple(versions))
        for family, versions in groupby(by_family, key=lambda p: p.family)
    ]
    return {profile.verifier.name: profile for profile in (*profiles, *families)}


def _profile(entry: Mapping[str, Any]) -> Profile:
    return Profile(
        verifier=Verifier(
            entry["id"],
            parse_time(entry["learns"]),
            parse_time(entry["drops"]),
            entry.get("max_keys"),
            _breaks(entry),
        ),
        title=entry["name"],
        kind=entry["kind"],
        family=entry.get("family"),
        cache_ttl=_duration(entry, "cache_ttl"),
        unknown_kid=entry["unknown_kid"],
        cooldown=_duration(entry, "cooldown"),
        cache_control=entry["cache_control"],
        stale_on_error=entry["stale_on_error"],
        leeway=_duration(entry, "leeway"),
        note=entry["note"],
        source=entry["source"],
        confidence=entry["confidence"],
    )


def _duration(entry: Mapping[str, Any], member: str) -> timedelta | None:
    return parse_duration(entry[member]) if member in entry else None


def _breaks(entry: Mapping[str, Any]) -> tuple[Break, ...]:
    """What an entry says breaks it, and whatever its whitelist leaves out."""
    readable = entry.get("algorithms")
    left_out = [a for a in Algorithm if readable is not None and a.value not in readable]
    why = f"reads {', '.join(readable or ())} only"
    return _in_order(
        {algorithm: Break(algorithm, Effect.IGNORED, why) for algorithm in left_out}
        | {broken.algorithm: broken for broken in _said(entry)}
    )


def _said(entry: Mapping[str, Any]) -> Iterator[Break]:
    for group in entry.get("breaks", ()):
        for name in group["algorithms"]:
            yield Break(Algorithm(name), Effect(group["effect"]), group["why"])


def _in_order(found: Mapping[Algorithm, Break]) -> tuple[Break, ...]:
    return tuple(found[algorithm] for algorithm in Algorithm if algorithm in found)


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
