"""What verifiers say of themselves: verdict of the check, verdict of the keys, and the words an operator reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.evidence import CheckKind, Verdict
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.policy import IssuerSetup, Policy
from rotator.domain.state import ForeignKey
from rotator.domain.verifier_health import VerifierIndex, VerifierReport
from rotator.planning.judging import Expected
from rotator.planning.verifying import (
    STRANGE,
    Judged,
    judge_report,
    no_answer,
    no_report,
    read_answer,
    summed_up,
)
from tests.fakes.clock import FakeClock
from tests.fakes.keys import MemoryKeys, named
from tests.fakes.services import Verifier

NOW = datetime(2026, 1, 1, 6, 17, tzinfo=UTC)
LATENCY = timedelta(milliseconds=20)
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
SETUP = IssuerSetup("accounts", "https://auth.example.com", Policy(), ())
STORE = MemoryKeys()


def made(number: int) -> Key:
    public = STORE.generate(named("accounts", number), Algorithm.ES256, 2048).public
    jwk = Jwk(thumbprint(public), Algorithm.ES256, public)
    return Key(jwk=jwk, generation=number, handle=LocalHandle("x"), moments=Moments(staged_at=NOW))


def adopted(kid: str) -> ForeignKey:
    return ForeignKey(
        kid=kid, thumbprint=None, text="{}", adopted=True, reason="", owner="", at=NOW
    )


ONE, TWO = made(1), made(2)
A, B = ONE.kid, TWO.kid
EXPECTED = Expected(
    (ONE, TWO),
    frozenset({"leaving", "stolen-lately"}),
    frozenset({"long-gone", "stolen"}),
    revoked=frozenset({"stolen", "stolen-lately"}),
)
S = timedelta(seconds=1)
SYNCED = {"synchronised": True, "source": "chrony", "offset_s": 0.0}


def judged(
    name: str = "https://v/",
    latency: timedelta = LATENCY,
    expected: Expected = EXPECTED,
    **of_it: Any,
) -> Judged:
    """What is made of a verifier that holds both keys, but for what is said of it."""
    verifier = Verifier(FakeClock(NOW), **{"kids": (A, B), **of_it})
    report = read_answer(200, {}, verifier.report())
    assert isinstance(report, VerifierReport)
    return judge_report(name, report, SETUP, expected, NOW, latency)


def check(*verifiers: Judged, expected: Expected = EXPECTED, covers=()):
    return summed_up("https://v/", verifiers, expected, covers)


CASES = {
    "good": ({}, PASS, (PASS, PASS), ""),
    "with a clock": ({"own_clock": SYNCED}, PASS, (PASS, PASS), ""),
    "claims fresh and lacks it": (
        {"kids": (A,)},
        FAIL,
        (PASS, FAIL),
        f"lacks {B[:8]} (claims a fresh copy, 4 m old)",
    ),
    "stale and lacks it": (
        {"kids": (A,), "state": "stale", "age": timedelta(hours=4, minutes=12)},
        FAIL,
        (PASS, FAIL),
        f"lacks {B[:8]} (a stale copy, 4 h 12 m old)",
    ),
    "stale and holds it": (
        {"state": "stale", "age": timedelta(days=3)},
        PASS,
        (PASS, PASS),
        "has a stale copy, 3 d old",
    ),
    "empty": ({"state": "empty"}, FAIL, (FAIL, FAIL), "holds no key (it has no copy)"),
    "holds nothing": ({"kids": ()}, FAIL, (FAIL, FAIL), "holds no key (claims a fresh copy, 4 m old)"),
    "another issuer's": (
        {"issuer": "https://auth.example.com/"},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "does not check tokens of https://auth.example.com (it checks those of https://auth.example.com/)",
    ),
    "nobody's": (
        {"more": {"issuers": []}},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "does not check tokens of https://auth.example.com (it names no issuer)",
    ),
    "one that is leaving": ({"kids": (A, B, "leaving")}, PASS, (PASS, PASS), ""),
    "one withdrawn long ago": (
        {"kids": (A, B, "long-gone")},
        PASS,
        (PASS, PASS),
        "still holds long-gon, which was withdrawn",
    ),
    "one revoked": (
        {"kids": (A, B, "stolen")},
        FAIL,
        (PASS, PASS),
        "still holds stolen, which was revoked",
    ),
    "one revoked just now": (
        {"kids": (A, B, "stolen-lately")},
        FAIL,
        (PASS, PASS),
        "still holds stolen-l, which was revoked",
    ),
    "a stranger": (
        {"kids": (A, B, "planted")},
        FAIL,
        (PASS, PASS),
        "holds keys that rotator does not own: planted",
    ),
    "clock ahead": ({"ahead": 180 * S}, FAIL, (PASS, PASS), "its clock is 3 m ahead"),
    "clock behind": (
        {"ahead": -7.25 * S, "own_clock": {"offset_s": -7.2}},
        FAIL,
        (PASS, PASS),
        "its clock is 7.2 s behind, or its report is an old one (−7.20 s by its own account)",
    ),
    "clock at the edge": (
        {"ahead": 5 * S},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "its clock may be off by more than 5 s (+5.01 s ± 0.01 s)",
    ),
    "clock not synchronised": (
        {"own_clock": {"synchronised": False}},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "its clock is not synchronised",
    ),
    "clock not synchronised, and why": (
        {"own_clock": {"synchronised": False, "source": "chrony", "offset_s": 0.4}},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "its clock is not synchronised (chrony, +0.40 s by its own account)",
    ),
    "clock not synchronised, and lacks a key": (
        {"own_clock": {"synchronised": False}, "kids": (A,)},
        FAIL,
        (UNKNOWN, FAIL),
        f"lacks {B[:8]} (claims a fresh copy, 4 m old); its clock is not synchronised",
    ),
    "clock off by its own account alone": (
        {"own_clock": {**SYNCED, "offset_s": -180}},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "says that its clock is off (−180.00 s by its own account), which by this host's clock it is not (+0.01 s ± 0.01 s)",
    ),
    "a copy from the future": (
        {"age": -6 * S},
        UNKNOWN,
        (UNKNOWN, UNKNOWN),
        "says that it fetched its copy 6.0 s from now",
    ),
    "a copy from within the drift": ({"age": -4 * S}, PASS, (PASS, PASS), ""),
}  # fmt: skip


@pytest.mark.parametrize(("of_it", "verdict", "keys", "words"), CASES.values(), ids=CASES)
def test_one_verifier(of_it, verdict, keys, words):
    found = check(judged(**of_it))
    assert found.kind is CheckKind.VERIFIER
    assert found.verdict is verdict
    assert tuple(found.keys.values()) == keys
    assert found.detail == words


def test_a_copy_without_a_date_and_one_of_two_places():
    issuers = [
        {"url": SETUP.url, "kids": [A, B], "state": "fresh", "fetched_at": "2026-01-01T06:16:00Z"},
        {"url": SETUP.url, "kids": [B], "state": "stale"},
    ]
    found = check(judged(more={"issuers": issuers}))
    assert tuple(found.keys.values()) == (FAIL, PASS)
    assert found.age == timedelta(minutes=1)
    words = f"lacks {A[:8]} (claims a fresh copy, 1 m old; a stale copy)"
    assert found.detail == words


def test_what_was_adopted_must_be_held():
    expected = Expected((ONE, TWO), frozenset(), frozenset(), (adopted("partner"),))
    for kids, verdict in (((A, B), FAIL), ((A, B, "partner"), PASS)):
        found = check(judged(expected=expected, kids=kids), expected=expected)
        assert found.verdict is verdict
        assert ("lacks partner, which was adopted" in found.detail) is (verdict is FAIL)
        assert tuple(found.keys.values()) == (PASS, PASS)


def test_junk_kids_are_named_and_counted():
    found = check(judged(kids=(A, B, *(f"junk-{i}" for i in range(1000)))))
    assert (
        found.detail == "holds keys that rotator does not own: junk-0, junk-1, junk-2 and 997 more"
    )
    assert len(found.foreign) == STRANGE
    assert found.kids == (A, B, *found.foreign)


@pytest.mark.parametrize(
    ("time", "latency", "offset", "error"),
    [
        ("2026-01-01T06:17:00.000000Z", 0.5, 0.25, 0.25),
        ("2026-01-01T06:17:00Z", 0.5, 0.75, 0.75),
        ("2026-01-01T06:16:50.000000Z", 4, -8, 2),
    ],
)
def test_an_offset_is_no_surer_than_the_answer_was_quick(time, latency, offset, error):
    found = check(judged(latency=timedelta(seconds=latency), more={"time": time}))
    assert found.clock_offset.total_seconds() == pytest.approx(offset, abs=1e-5)
    assert found.clock_error.total_seconds() == pytest.approx(error, abs=1e-5)


GOOD = [judged(f"https://good{i}/") for i in range(7)]


class TestManyVerifiers:
    def test_all_good(self):
        found = check(*GOOD, covers=("pyjwt",))
        assert (found.verdict, found.detail, found.looked) == (PASS, "", 7)
        assert (found.kids, found.age) == ((A, B), timedelta(minutes=4))
        assert (found.latency, found.covers) == (LATENCY, ("pyjwt",))

    def test_some_lack_it(self):
        lacking = [judged(f"https://v{i}/", kids=(A,), age=i * 60 * S) for i in range(5)]
        found = check(*GOOD, *lacking)
        assert found.detail == (
            f"5 of 12 verifiers lack {B[:8]}: https://v0/ (claims a fresh copy, 0.0 s old),"
            " https://v1/ (claims a fresh copy, 1 m old), https://v2/ (claims a fresh copy, 2 m old) and 2 more"
        )
        assert (found.keys, found.kids, found.looked) == ({A: PASS, B: FAIL}, (A,), 12)

    def test_failures_come_first_and_each_says_whose_it_is(self):
        found = check(
            *GOOD,
            no_answer("https://slow/", "timed out"),
            no_answer("https://down/", "connection refused"),
            no_report("https://new/", "answered 404", 2 * LATENCY),
            judged("https://off/", ahead=60 * S),
        )
        assert found.detail == (
            "1 of 11 verifiers (https://off/): its clock is 1 m ahead; "
            "2 of 11 verifiers did not answer: https://slow/ (timed out), https://down/ (connection refused); "
            "1 of 11 verifiers (https://new/): gave no health document: answered 404"
        )
        assert found.verdict is FAIL
        assert found.keys == {A: UNKNOWN, B: UNKNOWN}
        assert (found.kids, found.latency) == ((A, B), 2 * LATENCY)

    def test_the_clock_that_is_surely_off_the_most_is_shown(self):
        sure, vague = judged(ahead=20 * S), judged(ahead=18 * S, latency=8 * S)
        found = check(*GOOD, sure, vague)
        assert found.clock_offset.total_seconds() == pytest.approx(20.01, abs=0.001)
        words = "2 of 9 verifiers have a clock that is off by more than 5 s: https://v/ (20 s ahead), https://v/ (22 s ahead)"
        assert found.detail == words

    def test_shared_words_need_no_note(self):
        found = check(*(judged(f"https://v{i}/", kids=(A, B, "long-gone")) for i in range(2)))
        assert found.detail == (
            "2 of 2 verifiers still hold long-gon, which was withdrawn: https://v0/, https://v1/"
        )

    def test_there_is_an_end_to_words(self):
        odd = [judged(f"https://v{i}/", kids=(A, B), issuer=f"https://other{i}/") for i in range(3)]
        odd += [judged(kids=kids, ahead=180 * S, age=-60 * S) for kids in ((), (A,), (B,))]
        odd += [judged(kids=(A, B, "stolen", "long-gone", "x"), state="stale")]
        odd += [judged(own_clock={"synchronised": False}), no_answer("https://v/", "timed out")]
        found = check(*odd)
        assert found.detail.count("; ") == 6
        assert found.detail.endswith("; and 6 things more")


def test_nothing_was_published_yet():
    nothing = Expected((), frozenset(), frozenset())
    found = check(judged(expected=nothing, kids=(), state="empty"), expected=nothing)
    assert (found.verdict, found.detail, found.keys) == (UNKNOWN, "nothing was published yet", {})


def test_nobody_was_heard():
    found = check(no_answer("https://v/", "the host name does not resolve"))
    assert (found.verdict, found.keys) == (UNKNOWN, {A: UNKNOWN, B: UNKNOWN})
    assert (found.age, found.latency, found.clock_offset) == (None, None, None)
    assert found.detail == "did not answer: the host name does not resolve"


BODY = Verifier(FakeClock(NOW), (A,)).report()
INDEX = b'{"format":"rotator.verifiers/1","verifiers":["https://a/"]}'


@pytest.mark.parametrize(
    ("status", "headers", "body", "reason"),
    [
        (404, {}, BODY, "answered 404"),
        (302, {}, b"", "answered 302, a redirect"),
        (503, {}, BODY, "answered 503"),
        (204, {}, b"", "answered 204"),
        (200, {"content-encoding": "GZIP"}, BODY, "came compressed, which was not asked for"),
        (200, {}, None, "larger than 256 KiB"),
        (200, {}, b" " * (MAX_BYTES + 1), "larger than 256 KiB"),
        (200, {}, BODY[:-5], "not JSON"),
        (
            200,
            {"age": "240"},
            BODY,
            "a cache answered with a report 4 m old: serve it with no-store",
        ),
    ],
)
def test_an_answer_that_is_no_report(status, headers, body, reason):
    assert read_answer(status, headers, body) == Unreadable(reason)


@pytest.mark.parametrize("headers", [{}, {"age": "0"}, {"content-encoding": "identity"}])
def test_an_answer_that_is_one(headers):
    assert isinstance(read_answer(200, headers, BODY), VerifierReport)
    assert read_answer(200, {**headers, "age": "240"}, INDEX) == VerifierIndex(("https://a/",))
