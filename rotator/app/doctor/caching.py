"""How a JWKS is served to caches, held against the policy (design T1, T7; RFC 9111 §5.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rotator.domain.caching import DEFAULT_CACHE_CONTROL, parse_cache_control, refusal
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.policy import CacheLifetime, Policy
from rotator.domain.times import format_duration, say

JSON_TYPES = ("application/jwk-set+json", "application/json")
"""What JWKS clients accept (RFC 7517 §8.5.2)."""


@dataclass(frozen=True, slots=True)
class Served:
    """The headers under which `location` was served; None where one is absent."""

    location: str
    cache_control: str | None
    content_type: str | None
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """What they are held against: the policy, and how long copies live by configuration."""

    policy: Policy
    cache: CacheLifetime


def judge_headers(
    served: Served, allowed: Allowed, area: Area, place: Place
) -> Iterator[Diagnosis]:
    """What is wrong with the headers; nothing when they fit."""
    for health, what, why, what_to_do in (*_caching(served, allowed), *_type(served)):
        yield Diagnosis(area, place, health, f"{served.location} {what}", why, what_to_do)


def about(served: Served) -> str:
    """The headers in words: `max-age 5 m, Age 42 s`."""
    cache = parse_cache_control(served.cache_control or "")
    facts = [f"max-age {say(cache.max_age)}"] if cache else []
    return ", ".join([*facts, *([f"Age {say(served.age)}"] if served.age is not None else [])])


_Trouble = tuple[Health, str, str, str]


def _caching(served: Served, allowed: Allowed) -> Iterator[_Trouble]:
    if reason := refusal(served.cache_control):
        said = (
            f"Cache-Control {served.cache_control}" if served.cache_control else "no Cache-Control"
        )
        mend = f"serve it with Cache-Control: {DEFAULT_CACHE_CONTROL}"
        yield Health.WARNING, f"is served with {said}", reason, mend
        return
    cache = parse_cache_control(served.cache_control or "") or CacheLifetime()
    yield from _lifetime(cache, allowed)
    if served.age is not None and served.age > cache.max_age + cache.stale:
        yield (
            Health.WARNING,
            f"is an old copy: Age {say(served.age)}, max-age {say(cache.max_age)}",
            "the edge does not ask the origin when it should: new keys arrive there late or never",
            "purge it there and see why it does not revalidate · runbooks/gate-stays-closed.md",
        )


def _lifetime(cache: CacheLifetime, allowed: Allowed) -> Iterator[_Trouble]:
    lead = allowed.policy.publish_lead
    if cache.max_age > lead:
        yield (
            Health.ERROR,
            f"has max-age {say(cache.max_age)}, longer than publish_lead {say(lead)}",
            "a cache may miss a new key for the whole of its lead (design T7)",
            f"serve it with at most max-age={int(lead.total_seconds())}, or raise policy.publish_lead",
        )
    elif cache.max_age > allowed.cache.max_age:
        yield (
            Health.WARNING,
            f"has max-age {say(cache.max_age)}; edge_cache says {say(allowed.cache.max_age)}",
            "copies live longer than the policy counts with: every lead waits for what was measured",
            f"set policy.edge_cache: {format_duration(cache.max_age)}, or shorten what the edge sends",
        )
    if cache.stale > allowed.cache.stale:
        yield (
            Health.WARNING,
            f"may be used {say(cache.stale)} longer than fresh (stale-while-revalidate, stale-if-error)",
            "that adds to the staleness W of every lead (design §4)",
            "leave the allowance out of Cache-Control, or let publish_lead cover it",
        )


def _type(served: Served) -> Iterator[_Trouble]:
    kind = (served.content_type or "").partition(";")[0].strip().lower()
    if kind not in JSON_TYPES:
        said = f"Content-Type {served.content_type}" if served.content_type else "no Content-Type"
        mend = f"serve it as {JSON_TYPES[0]}"
        yield Health.WARNING, f"is served with {said}", "some JWKS clients refuse it", mend
