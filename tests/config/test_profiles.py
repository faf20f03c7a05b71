"""The packaged table of verifiers."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from rotator.config.profiles import _worst, find, names, nearest, parse_time
from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Special, Verifier


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


PROFILES = [
    Verifier("pyjwt", seconds(30), seconds(300)),
    Verifier("pyjwt-2.13", seconds(0), seconds(300)),
    Verifier("node-jwks-rsa", seconds(0), seconds(600), 5),
    Verifier("envoy-jwt-authn", seconds(600), seconds(600)),
    Verifier("aws-httpapi", seconds(7200), seconds(7200)),
    Verifier("aws-alb-jwt", Special.UNKNOWN, Special.UNKNOWN, 10),
    Verifier("joserfc", Special.UNBOUNDED, Special.UNBOUNDED),
    Verifier("hasura", Special.HEADER, Special.HEADER),
    Verifier("kong-jwt", Special.MANUAL, Special.MANUAL),
]


@pytest.mark.parametrize("expected", PROFILES, ids=[verifier.name for verifier in PROFILES])
def test_profile(expected: Verifier) -> None:
    profile = find(expected.name)
    assert profile
    assert profile.verifier == expected


def test_every_profile_says_where_it_comes_from() -> None:
    profiles = [find(name) for name in names()]
    assert len(profiles) >= 20
    assert all(
        p and p.note and p.source and p.confidence in ("run", "code", "vendor-doc")
        for p in profiles
    )


def test_a_profile_may_be_limited_to_algorithms() -> None:
    alb, pyjwt = find("aws-alb-jwt"), find("pyjwt")
    assert alb
    assert alb.algorithms == frozenset([Algorithm.RS256])
    assert pyjwt
    assert pyjwt.algorithms is None


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("pyjw", "pyjwt"),
        ("PyJWT", "pyjwt"),
        ("spring", "spring-servlet"),
        ("envoy-jwt", "envoy-jwt-authn"),
    ],
)
def test_nearest(wrong: str, near: str) -> None:
    assert find(wrong) is None
    assert near in nearest(wrong)


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("@@@@") == ()


def test_times() -> None:
    assert parse_time("unbounded") is Special.UNBOUNDED
    assert parse_time("10m") == seconds(600)
    with pytest.raises(ValueError, match="no duration"):
        parse_time("soon")


SLOWER = ["0", "30s", "unknown", "3h", "header", "manual", "unbounded"]


@pytest.mark.parametrize(("quick", "slow"), list(pairwise(SLOWER)))
def test_a_family_is_as_slow_as_its_worst(quick: str, slow: str) -> None:
    pyjwt = find("pyjwt")
    assert pyjwt
    one = replace(pyjwt, verifier=Verifier("one", parse_time(quick), parse_time(slow), 5))
    other = replace(pyjwt, verifier=Verifier("other", parse_time(slow), parse_time(quick), 7))
    expected = Verifier("both", parse_time(slow), parse_time(slow), 5)
    assert _worst("both", one, other).verifier == expected
    assert _worst("both", other, one).verifier == expected
