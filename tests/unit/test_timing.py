"""The formulas of design §4 with the default policy's numbers, term by term."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.evidence import (
    Evidence,
    Look,
    StalenessMark,
    Verdict,
    fold_look,
    fold_staleness,
)
from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.keys import Key, KmsHandle, LocalHandle, Moments, WrappedHandle
from rotator.domain.policy import CacheLifetime, IssuerSetup, Policy, RegionSetup, Special, Verifier
from rotator.domain.timing import (
    LATE_WRITE,
    disable_delay,
    lead,
    removal_delay,
    slowest_verifier,
    staleness,
    unbounded_verifiers,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EDGE = CacheLifetime(5 * MINUTE)


def test_staleness_adds_the_layers():
    delay = staleness(Policy(), EDGE)
    assert (
        delay.explain()
        == "1 m propagation + 5 m edge cache + 2 h verifiers (none named) + 1 h margin"
    )
    assert delay.total == 3 * HOUR + 6 * MINUTE
    assert delay.numbers()["verifier_cache_s"] == 7200


@pytest.mark.parametrize(
    ("staleness_", "words", "total"),
    [
        (3 * HOUR, "24 h lead + 5 s drift", DAY + timedelta(seconds=5)),
        (30 * HOUR, "30 h staleness + 5 s drift", 30 * HOUR + timedelta(seconds=5)),
    ],
)
def test_the_lead_is_the_longer_of_both(staleness_, words, total):
    delay = lead(Policy(), staleness_)
    assert (delay.explain(), delay.total) == (words, total)


@pytest.mark.parametrize(
    ("learns", "counted"),
    [
        ([], 2 * HOUR),
        ([30 * MINUTE, 10 * MINUTE], 30 * MINUTE),
        ([Special.UNKNOWN], 2 * HOUR),
        ([Special.HEADER], 5 * MINUTE),
        ([Special.UNBOUNDED], timedelta()),
        ([Special.MANUAL, 10 * MINUTE], 10 * MINUTE),
    ],
)
def test_the_slowest_verifier(learns, counted):
    verifiers = tuple(Verifier(f"v{n}", time, time) for n, time in enumerate(learns))
    policy = Policy(verifiers=verifiers)
    assert slowest_verifier(policy, EDGE.max_age).value == counted
    endless = [v for v in verifiers if v.learns in (Special.UNBOUNDED, Special.MANUAL)]
    assert list(unbounded_verifiers(policy)) == endless


def key(**moments: datetime) -> Key:
    return Key(
        jwk=Jwk("kid", Algorithm.EDDSA, OkpPublic("Ed25519", "x")),
        generation=1,
        handle=LocalHandle("x"),
        moments=Moments(staged_at=NOW, **moments),
        max_token_lifetime=30 * DAY,
        max_signer_stop=DAY,
    )


def test_a_month_after_it_is_switched_away():
    delay = removal_delay(Policy(), key(retired_at=NOW))
    assert delay.explain() == "24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h margin"


@pytest.mark.parametrize(("moments", "days"), [({}, 60), ({"retired_at": NOW}, 30)])
def test_a_key_that_still_signs_counts_the_policy_too(moments, days):
    longer = Policy(refresh_token_lifetime=60 * DAY)
    assert removal_delay(longer, key(**moments)).numbers()["token_lifetime_s"] == days * 86400


MRK = KmsHandle("us-east-1", {"us-east-1": "arn:aws:kms:us-east-1:1:key/mrk-1"})


@pytest.mark.parametrize(
    ("handle", "allowed", "counted"),
    [
        (LocalHandle("x"), 10 * MINUTE, 10 * MINUTE),
        (LocalHandle("x"), MINUTE, MINUTE),
        (MRK, 10 * MINUTE, 10 * MINUTE),
        (MRK, MINUTE, 5 * MINUTE),
        (WrappedHandle("AAAA", {}), MINUTE, MINUTE),
    ],
)
def test_signers_through_an_alias_go_on_for_five_minutes_at_least(handle, allowed, counted):
    held = replace(key(retired_at=NOW), handle=handle, max_signer_stop=allowed)
    delay = disable_delay(held, 7 * DAY)
    assert delay.numbers()["signer_stop_s"] == counted.total_seconds()
    assert delay.total == counted + 7 * DAY + LATE_WRITE
    signing = replace(key(), handle=handle, max_signer_stop=allowed)
    policy = Policy(signer_stop=allowed)
    assert removal_delay(policy, signing).numbers()["signer_stop_s"] == counted.total_seconds()


def test_what_a_private_half_waits_for_is_said_in_words():
    assert disable_delay(key(retired_at=NOW), 7 * DAY).explain() == (
        "24 h signers + 7 d rollback + 5 m late writes"
    )


def test_the_issuers_own_url_counts_as_the_worst_region():
    regions = (
        RegionSetup("a", "ja", "sa", CacheLifetime(HOUR, MINUTE)),
        RegionSetup("b", "jb", "sb", CacheLifetime(MINUTE, HOUR)),
    )
    setup = IssuerSetup("accounts", "https://a", Policy(), regions, has_jwks_url=True)
    assert setup.gates() == ("a", "b", "jwks_url")
    assert setup.cache_of("jwks_url") == CacheLifetime(HOUR, HOUR)
    assert setup.cache_of("b") == CacheLifetime(5 * MINUTE, HOUR)


class TestWatermarks:
    def test_the_one_before_counts_until_its_copies_are_dead(self):
        seen = fold_staleness(Evidence(issuer="a"), "r", DAY, NOW)
        seen = fold_staleness(seen, "r", DAY, NOW + HOUR)
        assert seen.marks["r"] == (StalenessMark(DAY, NOW + HOUR),)
        changed = NOW + 2 * HOUR
        seen = fold_staleness(seen, "r", HOUR, changed)
        assert seen.marks["r"] == (StalenessMark(DAY, changed), StalenessMark(HOUR, changed))
        drift = 2 * MINUTE  # T1 counts an ε on top, and none is longer
        seen = fold_staleness(seen, "r", HOUR, changed + DAY)
        assert [mark.staleness for mark in seen.marks["r"]] == [DAY, HOUR]
        seen = fold_staleness(seen, "r", HOUR, changed + DAY + drift)
        assert [mark.staleness for mark in seen.marks["r"]] == [HOUR]


def test_an_empty_look_tells_nothing():
    seen = fold_look(Evidence(issuer="a"), "r", Look(NOW, ()), ("kid",))
    assert seen.sighting("r", "kid").verdict is Verdict.UNKNOWN
    assert replace(seen, issuer="b").failed_before == {}
