"""CloudFront's cache behaviour for a JWKS: a minimum TTL overrides what the origin's Cache-Control says.

Amazon CloudFront Developer Guide, "Manage how long content stays in the cache": with a MinTTL above 0 an object is kept
for at least that long, even under no-store; MaxTTL caps the origin's max-age, DefaultTTL counts where there is none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rotator.adapters.aws_doctor.asking import Question, Way
from rotator.adapters.aws_doctor.uses import EdgeUse
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.times import say


@dataclass(frozen=True, slots=True)
class Ttls:
    """For how long a behaviour keeps an object; `name` says where the numbers are set."""

    name: str
    least: timedelta
    default: timedelta
    most: timedelta


def edge(way: Way, use: EdgeUse) -> Iterator[Diagnosis]:
    """Whether the distribution lets copies of the JWKS end when the origin says so."""
    name = f"CloudFront distribution {use.distribution}"
    question = Question(
        "cloudfront", "get_distribution_config", "cloudfront:GetDistributionConfig", name
    )
    answer = way.ask(question, Id=use.distribution)
    behaviour = behaviour_for(answer["DistributionConfig"], use.path)
    ttls = legacy_ttls(behaviour)
    if policy := behaviour.get("CachePolicyId"):
        question = Question(
            "cloudfront", "get_cache_policy", "cloudfront:GetCachePolicy", f"cache policy {policy}"
        )
        ttls = policy_ttls(way.ask(question, Id=policy)["CachePolicy"])
    yield from judge_ttls(ttls, use.publish_lead, name, Place(use.issuer, use.region))


def behaviour_for(config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The cache behaviour that a path meets: the first whose pattern fits, else the default one."""
    listed: list[Mapping[str, Any]] = (config.get("CacheBehaviors") or {}).get("Items") or []
    for behaviour in listed:
        if _fits(str(behaviour["PathPattern"]), path):
            return behaviour
    default: Mapping[str, Any] = config["DefaultCacheBehavior"]
    return default


def policy_ttls(policy: Mapping[str, Any]) -> Ttls:
    """The TTLs of a `CachePolicy` as GetCachePolicy answers it."""
    config = policy["CachePolicyConfig"]
    return _ttls(f"cache policy {config.get('Name') or policy.get('Id')}", config)


def legacy_ttls(behaviour: Mapping[str, Any]) -> Ttls:
    """The TTLs of a behaviour that has no cache policy."""
    return _ttls("the cache behaviour itself", behaviour)


def judge_ttls(ttls: Ttls, lead: timedelta, name: str, place: Place) -> Iterator[Diagnosis]:
    """MinTTL 0 is right; above `lead` no key that is published in time is seen in time (design T1, T7)."""
    what = f"{name}: MinTTL {say(ttls.least)} ({ttls.name})"
    mend = f"set MinTTL to 0 in {ttls.name}, so that the origin's Cache-Control counts"
    if ttls.least > lead:
        why = (
            f"longer than publish_lead {say(lead)}: an edge may miss a new key for all of its lead"
        )
        yield Diagnosis(Area.EDGES, place, Health.ERROR, what, why, mend)
    elif ttls.least:
        why = "the edge keeps documents that long whatever their Cache-Control says"
        yield Diagnosis(Area.EDGES, place, Health.WARNING, what, why, mend)
    else:
        words = f"{what}: the origin's Cache-Control counts, up to {say(ttls.most)}"
        yield Diagnosis(Area.EDGES, place, Health.OK, words)
    if ttls.default > lead and not ttls.least > lead:
        what = f"{name}: DefaultTTL {say(ttls.default)} ({ttls.name})"
        why = f"longer than publish_lead {say(lead)}: it counts wherever Cache-Control is missing"
        mend = f"set DefaultTTL to 5 minutes or less in {ttls.name}"
        yield Diagnosis(Area.EDGES, place, Health.WARNING, what, why, mend)


def _fits(pattern: str, path: str) -> bool:
    """CloudFront's path patterns: `*` any characters, `?` one, the leading slash left out or not."""
    escaped = re.escape(pattern.lstrip("/")).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, path.lstrip("/")) is not None


def _ttls(name: str, members: Mapping[str, Any]) -> Ttls:
    """MinTTL 0, DefaultTTL a day and MaxTTL a year are what CloudFront takes where nothing is given."""
    least, default, most = (
        timedelta(seconds=int(members.get(member, usual)))
        for member, usual in (("MinTTL", 0), ("DefaultTTL", 86_400), ("MaxTTL", 31_536_000))
    )
    return Ttls(name, least, default, most)
