"""The document that `rotator profiles --json` prints: every fact of the catalogue, unknown ones null."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from rotator.domain.policy import Special
from rotator.domain.profile import Profile
from rotator.domain.times import format_duration


def profiles_document(profiles: Iterable[Profile], collected: str) -> dict[str, Any]:
    """`rotator.profiles/1`; `learns` and `drops` as the configuration writes them, the `_s` members null for a word."""
    return {
        "format": "rotator.profiles/1",
        "collected": collected,
        "profiles": [_profile(profile) for profile in profiles],
    }


def _profile(profile: Profile) -> dict[str, Any]:
    verifier = profile.verifier
    return {
        "name": verifier.name,
        "title": profile.title,
        "kind": profile.kind,
        "family": profile.family,
        "versions": list(profile.versions),
        "learns": _word(verifier.learns),
        "learns_s": _seconds(verifier.learns),
        "drops": _word(verifier.drops),
        "drops_s": _seconds(verifier.drops),
        "max_keys": verifier.max_keys,
        "breaks": [
            {"algorithm": b.algorithm.value, "effect": b.effect.value, "why": b.why}
            for b in verifier.breaks
        ],
        "cache_ttl_s": _seconds(profile.cache_ttl),
        "unknown_kid": profile.unknown_kid,
        "cooldown_s": _seconds(profile.cooldown),
        "cache_control": profile.cache_control,
        "stale_on_error": profile.stale_on_error,
        "leeway_s": _seconds(profile.leeway),
        "note": profile.note,
        "source": profile.source,
        "confidence": profile.confidence,
    }


def _word(time: timedelta | Special) -> str:
    return time.value if isinstance(time, Special) else format_duration(time)


def _seconds(time: timedelta | Special | None) -> float | None:
    return time.total_seconds() if isinstance(time, timedelta) else None
