"""What an answer means: verdict of the check, verdict of the key, and the words an operator reads."""

from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.evidence import CheckKind, Look, Verdict, worst
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.jwks import MAX_BYTES, own_entry, parse, render
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.planning.judging import Expected, judge_http, judge_origin
from tests.fakes.keys import MemoryKeys, named

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAST = timedelta(milliseconds=3)
STORE = MemoryKeys()


def made(number: int, kid: str | None = None) -> Key:
    public = STORE.generate(named("accounts", number), Algorithm.ES256, 2048).public
    jwk = Jwk(kid or thumbprint(public), Algorithm.ES256, public)
    return Key(jwk=jwk, generation=number, handle=LocalHandle("x"), moments=Moments(staged_at=NOW))


ONE, TWO, OTHER = made(1), made(2), made(3)
IMPOSTOR = made(4, kid=ONE.kid)
EXPECTED = Expected((ONE, TWO), frozenset({"stale-but-ours"}), frozenset({OTHER.kid}))
GOOD = render([own_entry(ONE.jwk), own_entry(TWO.jwk)])


LEAKED = GOOD.replace(b'{"alg"', b'{"d":"AAAA","alg"', 1)


def document(*keys: Key) -> bytes:
    return render([own_entry(key.jwk) for key in keys])


IDS = [
    "good",
    "lacks-it",
    "lacks-another",
    "impostor",
    "twice",
    "dead",
    "foreign",
    "two-foreign",
    "stale",
    "leaked",
    "junk",
    "empty",
    "too-large",
    "redirect",
    "missing",
    "throttled",
    "broken",
]


@pytest.mark.parametrize(
    ("status", "body", "check", "key", "words"),
    [
        (200, GOOD, Verdict.PASS, Verdict.PASS, ""),
        (200, document(TWO), Verdict.FAIL, Verdict.FAIL, f"lacks {ONE.kid[:8]}"),
        (200, document(ONE), Verdict.FAIL, Verdict.PASS, f"lacks {TWO.kid[:8]}"),
        (
            200,
            document(IMPOSTOR, TWO),
            Verdict.FAIL,
            Verdict.FAIL,
            f"serves other material as {ONE.kid[:8]}",
        ),
        (200, document(ONE, ONE, TWO), Verdict.FAIL, Verdict.FAIL, "more than once"),
        (
            200,
            document(ONE, TWO, OTHER),
            Verdict.FAIL,
            Verdict.PASS,
            f"still serves {OTHER.kid[:8]}, which was withdrawn",
        ),
        (
            200,
            document(ONE, TWO, made(5, "theirs")),
            Verdict.FAIL,
            Verdict.PASS,
            "serves theirs, a key that rotator does not own",
        ),
        (
            200,
            document(ONE, TWO, made(7, "theirs"), made(8, "others")),
            Verdict.FAIL,
            Verdict.PASS,
            "serves theirs, others, keys that rotator does not own",
        ),
        (200, document(ONE, TWO, made(6, "stale-but-ours")), Verdict.PASS, Verdict.PASS, ""),
        (200, LEAKED, Verdict.FAIL, Verdict.FAIL, f"key {ONE.kid[:8]} carries private members (d)"),
        (200, b"<html>", Verdict.FAIL, Verdict.FAIL, "no key set: not JSON"),
        (200, b'{"keys":[]}', Verdict.FAIL, Verdict.FAIL, "serves no key at all; lacks"),
        (200, None, Verdict.FAIL, Verdict.FAIL, "no key set: too large"),
        (301, b"", Verdict.FAIL, Verdict.FAIL, "answered 301, a redirect"),
        (404, b"", Verdict.FAIL, Verdict.FAIL, "answered 404"),
        (429, b"", Verdict.UNKNOWN, Verdict.UNKNOWN, "answered 429"),
        (503, b"", Verdict.UNKNOWN, Verdict.UNKNOWN, "answered 503"),
    ],
    ids=IDS,
)
def test_a_public_url(status, body, check, key, words):
    found = judge_http("https://u", status, {}, body, EXPECTED, FAST)
    assert found.verdict is check
    assert Look(NOW, (found,)).of_key(ONE.kid) is key
    assert words in found.detail


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"content-type": "text/html; charset=utf-8"}, "no key set: not JSON but text/html"),
        ({"content-type": "application/jwk-set+json"}, "no key set: not JSON"),
        ({}, "no key set: not JSON"),
    ],
)
def test_a_page_instead_of_a_key_set(headers, words):
    assert judge_http("https://u", 200, headers, b"<html>", EXPECTED, FAST).detail == words


@pytest.mark.parametrize(
    ("headers", "age", "max_age", "stale"),
    [
        ({}, None, None, None),
        ({"cache-control": "public, max-age=300", "age": "12"}, 12, 300, 0),
        ({"cache-control": "max-age=60, stale-if-error=600", "age": "soon"}, None, 60, 600),
        ({"cache-control": "no-cache", "age": "9" * 30}, None, None, None),
    ],
)
def test_caching_headers_are_read(headers, age, max_age, stale):
    found = judge_http("https://u", 200, headers, GOOD, EXPECTED, FAST)
    seconds = [
        None if v is None else v.total_seconds() for v in (found.age, found.max_age, found.stale)
    ]
    assert seconds == [age, max_age, stale]
    assert found.latency == FAST


@pytest.mark.parametrize(
    ("body", "expected", "verdict", "words"),
    [
        (GOOD, EXPECTED, Verdict.PASS, ""),
        (None, EXPECTED, Verdict.FAIL, "the document does not exist"),
        (
            None,
            Expected((), frozenset(), frozenset()),
            Verdict.UNKNOWN,
            "nothing was published yet",
        ),
        (b"x" * (MAX_BYTES + 1), EXPECTED, Verdict.FAIL, "larger than 256 KiB"),
    ],
)
def test_an_origin(body, expected, verdict, words):
    found = judge_origin("s3://b/k", None if body is None else parse(body), expected)
    assert (found.kind, found.verdict) == (CheckKind.ORIGIN, verdict)
    assert words in found.detail


def test_a_revoked_key_is_wrong_in_an_origin_at_once_and_may_be_in_a_cache_for_a_while() -> None:
    just = Expected((ONE,), frozenset({TWO.kid}), frozenset(), revoked=frozenset({TWO.kid}))
    body = document(ONE, TWO)
    origin = judge_origin("s3://b/k", parse(body), just)
    words = f"still serves {TWO.kid[:8]}, which was revoked"
    assert (origin.verdict, origin.detail) == (Verdict.FAIL, words)
    assert origin.keys == {ONE.kid: Verdict.PASS}  # no key has to wait for it
    assert judge_http("https://u", 200, {}, body, just, FAST).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([], Verdict.UNKNOWN),
        ([Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.UNKNOWN], Verdict.UNKNOWN),
        ([Verdict.UNKNOWN, Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
    ],
)
def test_unknown_is_never_pass(verdicts, together):
    assert worst(verdicts) is together
    look = Look(
        NOW,
        tuple(judge_origin("x", None, Expected((), frozenset(), frozenset())) for _ in verdicts),
    )
    assert look.verdict is Verdict.UNKNOWN
