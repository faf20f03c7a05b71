"""The packaged catalogue of verifiers."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from rotator.config.profiles import collected, find, names, nearest, parse_time, worst
from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Break, Effect, Special, Verifier
from rotator.domain.profile import Profile, cannot_read

PROFILES = [profile for name in names() if (profile := find(name))]
SINGLE = [profile for profile in PROFILES if not profile.versions]
FAMILIES = [profile for profile in PROFILES if profile.versions]
SURE = {
    "run",
    "code",
    "vendor-doc",
    "vendor-doc+code",
    "vendor-doc(quoted)",
    "vendor-forum",
    "issue",
    "issue(vendor)",
    "schema",
}
EDWARDS = (Algorithm.EDDSA, Algorithm.ED25519)


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def named(profile: Profile) -> str:
    return profile.verifier.name


CLOCKS = [
    # name, learns, drops, how many keys it reads
    ("pyjwt", seconds(30), seconds(300), None),
    ("pyjwt-2.13", seconds(0), seconds(300), None),
    ("node-jwks-rsa", seconds(0), seconds(600), 5),
    ("envoy-jwt-authn", seconds(600), seconds(600), None),
    ("istio-istiod", seconds(1200), timedelta(days=7), None),
    ("aws-httpapi", seconds(7200), seconds(7200), None),
    ("aws-alb-jwt", Special.UNKNOWN, Special.UNKNOWN, 10),
    ("auth0-jwks-rsa-java", seconds(6), Special.UNBOUNDED, 5),
    ("joserfc", Special.UNBOUNDED, Special.UNBOUNDED, None),
    ("hasura", Special.HEADER, Special.HEADER, None),
    ("kong-jwt", Special.MANUAL, Special.MANUAL, None),
]


@pytest.mark.parametrize(
    ("name", "learns", "drops", "max_keys"), CLOCKS, ids=[c[0] for c in CLOCKS]
)
def test_clocks(name, learns, drops, max_keys) -> None:
    found = find(name)
    assert found
    verifier = found.verifier
    assert (verifier.learns, verifier.drops, verifier.max_keys) == (learns, drops, max_keys)


@pytest.mark.parametrize("profile", SINGLE, ids=named)
def test_every_profile_is_whole(profile: Profile) -> None:
    """Each with both clocks, a source and how sure it is; and its times do not contradict each other."""
    verifier = profile.verifier
    texts = (profile.title, profile.kind, profile.unknown_kid, profile.cache_control)
    assert all((*texts, profile.stale_on_error, profile.note, profile.source))
    assert profile.confidence in SURE
    assert profile.note.endswith(".")
    assert "\n" not in profile.note
    assert verifier.max_keys is None or verifier.max_keys > 0
    if isinstance(verifier.learns, timedelta) and isinstance(verifier.drops, timedelta):
        assert verifier.learns <= verifier.drops
    if profile.cooldown and isinstance(verifier.learns, timedelta):
        assert verifier.learns == profile.cooldown
    if profile.unknown_kid.startswith("no") and profile.cache_ttl:
        assert verifier.learns == profile.cache_ttl


@pytest.mark.parametrize("profile", PROFILES, ids=named)
def test_every_break_is_told_once_with_its_reason(profile: Profile) -> None:
    broken = [b.algorithm for b in profile.verifier.breaks]
    assert broken == [a for a in Algorithm if a in broken]
    assert all(b.why for b in profile.verifier.breaks)
    assert len(broken) < len(Algorithm)


def test_the_catalogue_is_dated_and_large_enough() -> None:
    assert date.fromisoformat(collected()) >= date(2026, 11, 24)
    assert len(SINGLE) >= 50
    assert len(set(map(named, PROFILES))) == len(PROFILES)


@pytest.mark.parametrize("family", FAMILIES, ids=named)
def test_a_familys_name_means_the_worst_of_its_versions(family: Profile) -> None:
    versions = sorted(
        (p for p in SINGLE if p.family == family.family),
        key=lambda p: family.versions.index(named(p)),
    )
    assert family.versions == tuple(map(named, versions))
    assert len(versions) > 1
    every = [b.algorithm for p in versions for b in p.verifier.breaks]
    assert {*every} == {b.algorithm for b in family.verifier.breaks}
    assert family.verifier == worst(named(family), versions).verifier


BREAKS = [
    ("node-jwks-rsa", "EdDSA, Ed25519"),
    ("get-jwks", "EdDSA, Ed25519"),
    ("mod-auth-openidc", "EdDSA, Ed25519"),
    ("aws-httpapi", "ES256, ES384, ES512, EdDSA, Ed25519"),
    ("aws-alb-jwt", "all but RS256"),
    ("pyjwt", "Ed25519"),
    ("pyjwt-2.14-plus", "Ed25519"),
    ("auth0-go-jwt-middleware", "Ed25519 (voids the whole set)"),
    ("jose-panva", ""),
    ("joserfc", ""),
]


@pytest.mark.parametrize(("name", "words"), BREAKS, ids=[b[0] for b in BREAKS])
def test_what_a_verifier_cannot_read(name: str, words: str) -> None:
    profile = find(name)
    assert profile
    assert cannot_read(profile.verifier) == words


def test_a_whitelist_breaks_what_it_leaves_out_and_says_so() -> None:
    alb = find("aws-alb-jwt")
    assert alb
    (es256,) = [b for b in alb.verifier.breaks if b.algorithm is Algorithm.ES256]
    assert es256 == Break(Algorithm.ES256, Effect.IGNORED, "reads RS256 only")


def test_what_is_known_of_a_break_goes_before_the_whitelist() -> None:
    node = find("node-jwks-rsa")
    assert node
    assert {b.algorithm for b in node.verifier.breaks} == {*EDWARDS}
    assert all("jsonwebtoken" in b.why for b in node.verifier.breaks)


def test_both_effects_of_one_verifier_are_told_apart() -> None:
    breaks = (
        Break(Algorithm.EDDSA, Effect.IGNORED, "a"),
        Break(Algorithm.ED25519, Effect.VOIDED, "b"),
    )
    verifier = Verifier("both", seconds(0), seconds(0), None, breaks)
    assert cannot_read(verifier) == "EdDSA; Ed25519 (voids the whole set)"


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


def a_profile(verifier: Verifier) -> Profile:
    return replace(PROFILES[0], verifier=verifier)


@pytest.mark.parametrize(("quick", "slow"), list(pairwise(SLOWER)))
def test_a_family_is_as_slow_as_its_worst(quick: str, slow: str) -> None:
    one = a_profile(Verifier("one", parse_time(quick), parse_time(slow), 5))
    other = a_profile(Verifier("other", parse_time(slow), parse_time(quick), 7))
    expected = Verifier("both", parse_time(slow), parse_time(slow), 5)
    assert worst("both", [one, other]).verifier == expected
    assert worst("both", [other, one]).verifier == expected


def test_a_family_breaks_as_badly_as_its_worst() -> None:
    ignored = Break(Algorithm.ED25519, Effect.IGNORED, "passed over")
    voided = Break(Algorithm.ED25519, Effect.VOIDED, "fails the whole set")
    other = Break(Algorithm.PS256, Effect.IGNORED, "no PSS")
    one = a_profile(Verifier("one", seconds(0), seconds(0), None, (ignored,)))
    two = a_profile(Verifier("two", seconds(0), seconds(0), None, (other, voided)))
    for versions in ([one, two], [two, one]):
        assert worst("both", versions).verifier.breaks == (other, voided)
