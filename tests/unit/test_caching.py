"""Cache-Control: what is read from a header, and which ones a JWKS must not be served with."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.caching import DEFAULT_CACHE_CONTROL, directives, parse_cache_control, refusal
from rotator.domain.policy import CacheLifetime

LIFETIMES = [
    # header, fresh for s, stale for s
    ("public, max-age=300", 300, 0),
    ("max-age=300,s-maxage=600", 300 + 300, 0),
    ("s-maxage=60, max-age=300", 300, 0),
    ("s-maxage=60", 60, 0),
    ("max-age=300, stale-while-revalidate=30, stale-if-error=86400", 300, 86400),
    ("max-age=300, stale-while-revalidate=60", 300, 60),
    ("Max-Age=300 , PUBLIC", 300, 0),
    ('max-age="300"', 300, 0),
    ("max-age=10, max-age=20", 20, 0),
    ('private="a, max-age=5", max-age=7', 7, 0),
    ('no-cache="Set-Cookie", max-age=9', 9, 0),
    ("max-age=99999999999999999999", 2**31, 0),
    ("max-age = 300", 300, 0),
    (",, max-age=300,", 300, 0),
]

NO_LIFETIME = [
    "",
    "public",
    "max-age",
    "max-age=",
    "max-age=0",
    "max-age=-1",
    "max-age=five",
    "max-age=1.5",
    "max-age=٣",
    "no-store, max-age=300",
    "no-cache, max-age=300",
    "stale-if-error=300",
    "@@@",
]

REFUSED = [
    (None, "there is none"),
    ("", "there is none"),
    (" , ", "there is none"),
    ("no-cache", "no-cache makes"),
    ("public, no-store, max-age=300", "no-store makes"),
    ("public, max-age=0", "above 0"),
    ("max-age=five", "above 0"),
    ("public", "no max-age"),
    ("s-maxage=300", "no max-age"),
]


@pytest.mark.parametrize(("header", "fresh", "stale"), LIFETIMES)
def test_lifetime(header: str, fresh: int, stale: int) -> None:
    expected = CacheLifetime(timedelta(seconds=fresh), timedelta(seconds=stale))
    assert parse_cache_control(header) == expected


@pytest.mark.parametrize("header", NO_LIFETIME)
def test_no_lifetime(header: str) -> None:
    assert parse_cache_control(header) is None


@pytest.mark.parametrize(("header", "words"), REFUSED)
def test_refused(header: str | None, words: str) -> None:
    assert words in (refusal(header) or "")


@pytest.mark.parametrize("header", [DEFAULT_CACHE_CONTROL, "max-age=1", 'no-cache="x", max-age=1'])
def test_allowed(header: str) -> None:
    assert refusal(header) is None


def test_directives_keep_every_argument() -> None:
    assert directives('a, b=1, B=2, c="x,y"') == {"a": (None,), "b": ("1", "2"), "c": ("x,y",)}


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    lifetime = parse_cache_control(header)
    assert lifetime is None or lifetime.max_age > timedelta()
