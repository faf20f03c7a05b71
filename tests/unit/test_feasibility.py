"""T7, T8 and T9 as a table: what is refused, with its inequality; and what is only worth knowing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.jwk import Algorithm
from rotator.domain.plan import Severity
from rotator.domain.policy import (
    Break,
    CacheLifetime,
    Effect,
    IssuerSetup,
    Policy,
    RegionSetup,
    Special,
    Verifier,
)
from rotator.domain.times import parse_duration
from rotator.planning.feasibility import (
    history_needed,
    inequalities,
    keys_bound,
    keys_limit,
    least_signer_stop,
    problems,
    switch_waves,
    warnings,
    worst_staleness,
)
from rotator.planning.unreadable import unreadable


def policy(**changes: object) -> Policy:
    durations = {
        name: parse_duration(value)
        if isinstance(value, str) and not isinstance(value, Algorithm)
        else value
        for name, value in changes.items()
    }
    return replace(Policy(), **durations)  # type: ignore[arg-type]


def setup(policy_: Policy, *regions: RegionSetup) -> IssuerSetup:
    return IssuerSetup("accounts", "https://auth.example.com", policy_, regions or (region("one"),))


def region(name: str, max_age: str = "0", stale: str = "0", url: bool = True) -> RegionSetup:
    cache = CacheLifetime(parse_duration(max_age), parse_duration(stale))
    return RegionSetup(name, f"{name}/jwks", f"{name}/signing", cache, url)


def verifier(
    name: str,
    learns: str | Special = "0",
    max_keys: int | None = None,
    breaks: tuple[Break, ...] = (),
) -> Verifier:
    time = learns if isinstance(learns, Special) else parse_duration(learns)
    return Verifier(name, time, time, max_keys, breaks)


REFUSED = [
    # what is wrong, the policy, the inequality, the member it is about
    (
        "too often for the lead",
        policy(rotate_every="3d", refresh_token_lifetime="0", run_every="25h"),
        "rotate_every 3 d < publish_lead 24 h + 2 × run_every 25 h = 3 d 2 h (design T7)",
        "rotate_every",
    ),
    (
        "too often for the slowest cache",
        policy(rotate_every="3d", refresh_token_lifetime="0", verifiers=(verifier("slow", "30h"),)),
        (
            "rotate_every 3 d < staleness 31 h 6 m of one (1 m propagation + 5 m edge cache + 30 h slow"
            " + 1 h margin) + 2 × run_every 24 h = 3 d 7 h 6 m (design T7)"
        ),
        "rotate_every",
    ),
    (
        "edge keeps copies for longer than the lead",
        policy(edge_cache="25h"),
        "edge_cache 25 h > publish_lead 24 h (design T7)",
        "edge_cache",
    ),
    (
        "clocks apart by more than the leeway",
        policy(max_clock_drift="31s"),
        (
            "max_clock_drift 31 s > leeway 30 s: tokens of a clock that is allowed would come from the future"
            " (design T7)"
        ),
        "max_clock_drift",
    ),
    (
        "leeway too long",
        policy(leeway="300s"),
        (
            "leeway 5 m is above 120 s: mend the clocks instead, a longer leeway keeps expired tokens alive"
            " (design T7)"
        ),
        "leeway",
    ),
    (
        "signers stop before they look",
        policy(signer_refresh="24h"),
        "signer_refresh 24 h ≥ signer_stop 24 h: signers would stop between two looks (design T9)",
        "signer_refresh",
    ),
    (
        "more keys than history_max",
        policy(history_max=2),
        (
            "1 active + 1 standby + ⌈(24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h margin + 2 d"
            " two runs) / rotate_every 90 d⌉ = 3 keys > history_max 2 (design T8)"
        ),
        "history_max",
    ),
    (
        "more keys than a verifier reads",
        policy(rotate_every="7d", verifiers=(verifier("small", max_keys=5),)),
        (
            "1 active + 1 standby + ⌈(24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h margin + 2 d"
            " two runs) / rotate_every 7 d⌉ = 7 keys > what small reads, 5 (design T8)"
        ),
        "rotate_every",
    ),
    (
        "history too small",
        policy(history=2),
        (
            "history 2 < 1 active + 1 standby + ⌈(24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h"
            " margin + 2 d two runs) / rotate_every 90 d⌉ = 3 keys (design T8)"
        ),
        "history",
    ),
    (
        "history larger than what can be read",
        policy(history=6, verifiers=(verifier("small", max_keys=5),)),
        "history 6 > the largest readable 5 (design T8)",
        "history",
    ),
    (
        "rotates never",
        policy(rotate_every="0"),
        "rotate_every 0 s < publish_lead 24 h + 2 × run_every 24 h = 3 d (design T7)",
        "rotate_every",
    ),
]

FEASIBLE = [
    policy(),
    policy(rotate_every="3d", refresh_token_lifetime="0"),
    policy(max_clock_drift="120s", leeway="120s"),
    policy(edge_cache="24h", rotate_every="90d"),
    policy(history=3),
    policy(history=10),
    policy(verifiers=(verifier("hours", "30h"), verifier("never", Special.UNBOUNDED))),
    policy(
        rotate_every="60s",
        publish_lead="10s",
        access_token_lifetime="20s",
        refresh_token_lifetime="0",
        leeway="1s",
        max_clock_drift="500ms",
        signer_refresh="1s",
        signer_stop="5s",
        propagation="1s",
        edge_cache="2s",
        safety_margin="1s",
        run_every="5s",
        verifiers=(verifier("quick", "1s"),),
    ),
]


@pytest.mark.parametrize(("what", "given", "text", "member"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(what: str, given: Policy, text: str, member: str) -> None:
    (found,) = problems(setup(given))
    assert (str(found), found.members[0]) == (text, member)
    assert found.region is None


@pytest.mark.parametrize("given", FEASIBLE)
def test_feasible(given: Policy) -> None:
    assert problems(setup(given)) == ()


def test_several_at_once() -> None:
    found = problems(setup(policy(leeway="300s", max_clock_drift="301s", history=1)))
    assert [inequality.members[0] for inequality in found] == [
        "max_clock_drift",
        "leeway",
        "history",
    ]


def test_a_regions_cache_control_longer_than_the_lead() -> None:
    found = problems(setup(policy(), region("one", "25h"), region("two", "300s")))
    assert [str(inequality) for inequality in found] == [
        "max-age of one's JWKS 25 h > publish_lead 24 h (design T7)"
    ]
    assert found[0].region == "one"


def test_what_holds_is_shown_with_its_numbers_too() -> None:
    limits = policy(history=4, verifiers=(verifier("small", max_keys=5), verifier("any")))
    shown = [str(inequality) for inequality in inequalities(setup(limits, region("one", "5m")))]
    retired = (
        "1 active + 1 standby + ⌈(24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h margin + 2 d"
        " two runs) / rotate_every 90 d⌉ = 3 keys"
    )
    assert shown == [
        "rotate_every 90 d ≥ publish_lead 24 h + 2 × run_every 24 h = 3 d (design T7)",
        "edge_cache 5 m ≤ publish_lead 24 h (design T7)",
        "max-age of one's JWKS 5 m ≤ publish_lead 24 h (design T7)",
        "max_clock_drift 5 s ≤ leeway 30 s (design T7)",
        "leeway 30 s ≤ 120 s (design T7)",
        "signer_refresh 1 m < signer_stop 24 h (design T9)",
        f"{retired} ≤ history_max 10 (design T8)",
        f"{retired} ≤ what small reads, 5 (design T8)",
        f"history 4 ≥ {retired} (design T8)",
        "history 4 ≤ the largest readable 5 (design T8)",
    ]


@pytest.mark.parametrize(
    ("given", "needed", "limit"),
    [
        (policy(), 3, 10),
        (policy(standby_keys=0), 3, 10),
        (policy(standby_keys=2), 4, 10),
        (policy(rotate_every="33d"), 4, 10),
        # 24 h + 30 d + 30 s + 5 s + 1 h + 48 h = 33 d 1 h 35 s: one second less than a whole interval, and one more
        (policy(rotate_every="33d1h35s"), 3, 10),
        (policy(rotate_every="33d1h34s"), 4, 10),
        (policy(history_max=7, verifiers=(verifier("a", max_keys=5), verifier("b"))), 3, 5),
        (policy(history_max=4, verifiers=(verifier("a", max_keys=5),)), 3, 4),
    ],
)
def test_history_needed_and_keys_limit(given: Policy, needed: int, limit: int) -> None:
    assert (history_needed(given), keys_limit(given)) == (needed, limit)


@pytest.mark.parametrize(
    ("given", "limit", "by"),
    [
        (policy(), 10, None),
        (policy(verifiers=(verifier("any"),)), 10, None),
        (policy(verifiers=(verifier("ten", max_keys=10),)), 10, None),
        (policy(verifiers=(verifier("a", max_keys=9), verifier("b", max_keys=5))), 5, "b"),
        (policy(history_max=4, verifiers=(verifier("a", max_keys=5),)), 4, None),
    ],
)
def test_what_sets_the_limit_of_keys(given: Policy, limit: int, by: str | None) -> None:
    found, tightest = keys_bound(given)
    assert (found, tightest.name if tightest else None) == (limit, by)


def test_the_worst_region_decides_staleness() -> None:
    name, delay = worst_staleness(setup(policy(), region("one"), region("two", "1h", "30m")))
    assert (name, delay.total) == (
        "two",
        parse_duration("1m") + parse_duration("1h30m") + timedelta(hours=3),
    )
    assert worst_staleness(IssuerSetup("a", "https://a.example", policy(), ()))[0] == "no region"


ES256_IGNORED = Break(Algorithm.ES256, Effect.IGNORED, "reads RS256 only")
ES256_VOIDED = Break(Algorithm.ES256, Effect.VOIDED, "knows RSA only")
ED_VOIDED = Break(Algorithm.ED25519, Effect.VOIDED, "no such label")

ADVICE = [
    (
        policy(verifiers=(verifier("alb", breaks=(ES256_IGNORED, ED_VOIDED)),)),
        [
            (
                "warning",
                "alb passes over ES256 keys and refuses every token that they sign (reads RS256 only)",
            )
        ],
    ),
    (
        policy(verifiers=(verifier("strict", breaks=(ES256_VOIDED,)), verifier("fine"))),
        [
            (
                "warning",
                "makes all of it unreadable for strict: EVERY token is refused there, those of the old keys too",
            )
        ],
    ),
    (policy(verifiers=(verifier("any", breaks=(ED_VOIDED,)),)), []),
    (
        policy(publish_lead="23h"),
        [("warning", "publish_lead 23 h is under 24 h"), ("info", "no verifiers")],
    ),
    (
        policy(verifiers=(verifier("alb", Special.UNKNOWN),)),
        [("warning", "when alb learns a new key: 2 h is")],
    ),
    (policy(verifiers=(verifier("spring", Special.UNBOUNDED),)), [("warning", "only at restart")]),
    (policy(verifiers=(verifier("kong", Special.MANUAL),)), [("warning", "--verifier kong")]),
    (policy(verifiers=(verifier("hasura", Special.HEADER),)), []),
    (
        policy(verifiers=(verifier("daily", "24h"),)),
        [("info", "leads 25 h 6 m, longer than publish_lead 24 h")],
    ),
]


@pytest.mark.parametrize(("given", "expected"), ADVICE)
def test_advice(given: Policy, expected: list[tuple[str, str]]) -> None:
    found = warnings(setup(given))
    assert [advice.severity.value for advice in found] == [severity for severity, _ in expected]
    assert all(words in advice.text for advice, (_, words) in zip(found, expected, strict=True))


def test_what_cannot_be_read_is_about_the_policys_algorithm() -> None:
    both = verifier("both", breaks=(ES256_IGNORED, ED_VOIDED))
    assert unreadable(policy(verifiers=(both,))) == ((both, ES256_IGNORED),)
    ed25519 = policy(algorithm=Algorithm.ED25519, verifiers=(both, verifier("fine")))
    assert unreadable(ed25519) == ((both, ED_VOIDED),)
    (advice,) = warnings(setup(ed25519))
    assert advice.members == ("verifiers", "algorithm")


def test_a_region_without_a_url_is_judged_by_its_origin() -> None:
    known = policy(verifiers=(verifier("any"),))
    (advice,) = warnings(setup(known, region("one", url=False), region("two")))
    assert (advice.severity, advice.region) == (Severity.WARNING, "one")
    assert "origin alone" in advice.text


def kms(policy_: Policy, rollback_window: str = "7d") -> IssuerSetup:
    """A setup whose keys are in KMS."""
    signing = replace(region("one"), aws_region="us-east-1", alias="alias/rotator/accounts")
    return replace(setup(policy_, signing), rollback_window=parse_duration(rollback_window))


KNOWN = (verifier("any"),)

KMS_ADVICE = [
    # what, the setup, the member that the advice is about, and its words
    (
        "signers stop sooner than an alias is certain",
        kms(policy(signer_stop="299s", verifiers=KNOWN)),
        "signer_stop",
        "signer_stop 4 m 59 s counts as 5 m: a KMS alias may lead to the old key that long",
    ),
    (
        "removed before the rollback window is over",
        kms(policy(refresh_token_lifetime="0", verifiers=KNOWN)),
        "rollback_window",
        (
            "rollback_window 7 d does not end before a key is removed, 1 h 15 m 35 s after its last signature"
            " (15 m tokens + 30 s leeway + 5 s drift + 1 h margin)"
        ),
    ),
    (
        "removed in the moment when it is over",  # writes may be late by five minutes
        kms(policy(refresh_token_lifetime="0", verifiers=KNOWN), "1h10m35s"),
        "rollback_window",
        "rollback_window 1 h 10 m 35 s does not end before",
    ),
]


@pytest.mark.parametrize(
    ("what", "given", "member", "words"), KMS_ADVICE, ids=[row[0] for row in KMS_ADVICE]
)
def test_advice_about_kms(what: str, given: IssuerSetup, member: str, words: str) -> None:
    (advice,) = warnings(given)
    assert (advice.severity, advice.members) == (Severity.INFO, (member,))
    assert words in advice.text
    assert problems(given) == ()


def test_no_advice_about_kms() -> None:
    short = policy(signer_stop="5m", refresh_token_lifetime="0", verifiers=KNOWN)
    assert warnings(kms(short, "1h10m34s")) == ()
    assert warnings(kms(policy(verifiers=KNOWN))) == ()
    assert warnings(setup(policy(signer_stop="61s", verifiers=KNOWN))) == ()


def test_the_keys_that_must_fit_count_the_alias() -> None:
    """Seconds of policy, minutes of alias: 5 m + 20 s + 1 s + 500 ms + 1 s + 10 s hold six keys of a minute each."""
    given = kms(FEASIBLE[-1], "10s")
    (broken,) = (rule for rule in inequalities(given) if rule.members[0] == "history_max")
    assert least_signer_stop(given) == timedelta(minutes=5)
    assert history_needed(given.policy, timedelta(minutes=5)) == 8
    assert str(broken).startswith("1 active + 1 standby + ⌈(5 m signers + 20 s tokens + ")
    assert "= 8 keys ≤ history_max 10" in str(broken)
    assert history_needed(given.policy) == 3


def waves(*names: str, **changes: object) -> IssuerSetup:
    """An issuer with regions a, b and c, switched in waves such as "a" and "bc"."""
    regions = (region(name) for name in "abc")
    return setup(policy(waves=tuple(map(tuple, names)), verifiers=KNOWN, **changes), *regions)


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        (waves(), ["abc"]),
        (waves("c", "ab"), ["c", "ab"]),
        (waves("b"), ["b", "ac"]),
        (waves("xy", "bx", "y"), ["b", "ac"]),
        (waves("xy"), ["abc"]),
    ],
)
def test_the_waves_that_count(given: IssuerSetup, counted: list[str]) -> None:
    assert ["".join(wave) for wave in switch_waves(given)] == counted


WAVES = [
    # what, the setup, whether it can work, its words
    ("one wave", waves("abc", bake="400d"), True, None),
    (
        "time for all",
        waves("a", "b"),
        True,
        (
            "2 × (bake 30 m + run_every 24 h) = 2 d 1 h ≤ rotate_every 90 d − 3 d for the next key's lead"
            " (design T7)"
        ),
    ),
    ("just so", waves("a", bake="86d"), True, "= 87 d ≤ rotate_every 90 d − 3 d"),
    (
        "too long",
        waves("a", bake="86d1s"),
        False,
        (
            "1 × (bake 86 d 1 s + run_every 24 h) = 87 d 1 s > rotate_every 90 d − 3 d for the next key's lead:"
            " the last wave would switch when the next switch is due (design T7)"
        ),
    ),
]


@pytest.mark.parametrize(("what", "given", "holds", "words"), WAVES, ids=[row[0] for row in WAVES])
def test_bakes(what: str, given: IssuerSetup, holds: bool, words: str | None) -> None:
    rules = [rule for rule in inequalities(given) if rule.members[0] == "bake"]
    assert [rule.holds for rule in rules] == ([] if words is None else [holds])
    assert all(words is not None and words in str(rule) for rule in rules)


def test_advice_about_waves() -> None:
    (rest,) = warnings(waves("b"))
    assert (rest.severity, rest.text) == (
        Severity.INFO,
        "no wave names a, c: switched after all others",
    )
    (one,) = warnings(waves("abc"))
    assert (one.severity, one.members) == (Severity.WARNING, ("waves",))
    assert "all regions of accounts are in one wave, so all switch together: a, b, c" in one.text
    assert warnings(waves("a", "bc")) == warnings(setup(waves("b").policy, region("a"))) == ()
