"""A verifier's health document: what is read from it, and what it is refused for."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.strict_json import read_json
from rotator.domain.verifier_health import (
    MAX_INDEXED,
    MAX_KIDS,
    CopyState,
    HeldCopy,
    ReportedClock,
    VerifierIndex,
    VerifierReport,
    parse_verifier,
)

ISSUER = {
    "url": "https://auth.example.com",
    "kids": ["k1", "k2"],
    "jwks_digest": "sha256:abc",
    "fetched_at": "2026-01-01T06:13:00Z",
    "source": "https://auth.example.com/jwks.json",
    "state": "fresh",
}
CLOCK = {
    "source": "chrony",
    "synchronised": True,
    "offset_s": -0.25,
    "max_error_s": 0.01,
    "measured_at": "2026-01-01T06:16:00Z",
}
REPORT = {
    "format": "rotator.verifier/1",
    "region": "us-east-1",
    "time": "2026-01-01T06:17:00.125Z",
    "clock": CLOCK,
    "issuers": [ISSUER],
}


def report(**members: Any) -> bytes:
    return json.dumps({name: v for name, v in {**REPORT, **members}.items() if v != "-"}).encode()


def index(*urls: Any) -> bytes:
    return json.dumps({"format": "rotator.verifiers/1", "verifiers": list(urls)}).encode()


def read(**members: Any) -> VerifierReport:
    found = parse_verifier(report(**members))
    assert isinstance(found, VerifierReport)
    return found


def test_all_that_a_report_says():
    fetched = datetime(2026, 1, 1, 6, 13, tzinfo=UTC)
    copy = HeldCopy("https://auth.example.com", ("k1", "k2"), CopyState.FRESH, fetched)
    assert read() == VerifierReport(
        datetime(2026, 1, 1, 6, 17, 0, 125_000, tzinfo=UTC),
        timedelta(milliseconds=1),
        (copy,),
        ReportedClock(True, "chrony", timedelta(seconds=-0.25)),
    )
    assert read().copies_for("https://auth.example.com") == (copy,)
    assert read().copies_for("https://auth.example.com/") == ()


@pytest.mark.parametrize("clock", ["-", None, {}, {"synchronised": None, "offset_s": None}])
def test_a_clock_that_says_nothing(clock):
    assert read(clock=clock).clock == ReportedClock()


def test_a_kid_counts_once_and_a_copy_may_have_no_date():
    (copy,) = read(issuers=[{**ISSUER, "kids": ["a", "b", "a"], "fetched_at": None}]).copies
    assert (copy.kids, copy.fetched_at) == (("a", "b"), None)


@pytest.mark.parametrize(
    ("time", "resolution"),
    [
        ("2026-01-01T06:17Z", 60),
        ("2026-01-01T06:17:00Z", 1),
        ("2026-01-01T07:17:00+01:00", 1),
        ("2026-01-01t06:17:00.5z", 0.1),
        ("2026-01-01T06:17:00.500000+00:00", 0.000_001),
    ],
)
def test_how_finely_a_moment_was_written(time, resolution):
    assert read(time=time).resolution == timedelta(seconds=resolution)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"format": "rotator.verifier/2"}, "not of format rotator.verifier/1"),
        ({"format": ["rotator.verifier/1"]}, "not of format"),
        ({"time": "-"}, "time: no RFC 3339 time"),
        ({"time": 1_767_248_220}, "time: no RFC 3339 time"),
        ({"time": "2026-01-01T06:17:00"}, "time: no RFC 3339 time"),
        ({"time": "2026-02-30T06:17:00Z"}, "time: no RFC 3339 time"),
        ({"issuers": "-"}, "issuers: no list"),
        ({"issuers": [3]}, "issuers[0]: no object"),
        ({"issuers": [ISSUER, {**ISSUER, "state": "old"}]}, "issuers[1].state: none of fresh,"),
        ({"issuers": [{**ISSUER, "state": []}]}, "issuers[0].state"),
        ({"issuers": [{**ISSUER, "url": None}]}, "issuers[0].url: no text"),
        ({"issuers": [{**ISSUER, "url": "u" * 2049}]}, "issuers[0].url: no text"),
        ({"issuers": [{**ISSUER, "kids": "k1"}]}, "issuers[0].kids: no list"),
        ({"issuers": [{**ISSUER, "kids": ["k1", ""]}]}, "issuers[0].kids[1]: no text"),
        ({"issuers": [{**ISSUER, "kids": ["\x1b[2J"]}]}, "issuers[0].kids[0]: no text"),
        ({"issuers": [{**ISSUER, "kids": ["k" * 513]}]}, "issuers[0].kids[0]: no text"),
        ({"issuers": [{**ISSUER, "fetched_at": "soon"}]}, "issuers[0].fetched_at: no RFC 3339"),
        (
            {"issuers": [{**ISSUER, "kids": [f"{half}{i}" for i in range(MAX_KIDS // 2 + 1)]} for half in "ab"]},
            "more than 5000 kids",
        ),
        ({"clock": "ntp"}, "clock: no object"),
        ({"clock": {**CLOCK, "synchronised": "yes"}}, "clock.synchronised"),
        ({"clock": {**CLOCK, "offset_s": "0"}}, "clock.offset_s: no number"),
        ({"clock": {**CLOCK, "offset_s": True}}, "clock.offset_s: no number"),
        ({"clock": {**CLOCK, "offset_s": 1e11}}, "clock.offset_s: no number"),
        ({"clock": {**CLOCK, "source": "a\nb"}}, "clock.source: no text"),
    ],
)  # fmt: skip
def test_a_report_that_is_none(members, reason):
    found = parse_verifier(report(**members))
    assert isinstance(found, Unreadable)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"format":1,"format":2}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": NaN}', "not JSON"),
        (b"[]", "not of format"),
        (b"{}", "not of format"),
        (report().replace(b"-0.25", b"1e999"), "clock.offset_s: no number"),
        (report().replace(b"-0.25", b"9" * 4301), "not JSON"),
        (report() + b" " * MAX_BYTES, "larger than 256 KiB"),
    ],
)
def test_a_body_that_is_no_document(body, reason):
    found = parse_verifier(body)
    assert isinstance(found, Unreadable)
    assert reason in found.reason


def test_an_index_lists_each_url_once():
    urls = ("https://a.example/h", "https://[2001:db8::1]:8443/h?x=1", "http://127.0.0.1:8080")
    assert parse_verifier(index(*urls, urls[0])) == VerifierIndex(urls)
    many = [f"https://v{i}.example/" for i in range(MAX_INDEXED)]
    assert parse_verifier(index(*many)) == VerifierIndex(tuple(many))


@pytest.mark.parametrize(
    ("urls", "reason"),
    [
        ([], "verifiers: lists 0 URLs, not 1 to 1000"),
        (["https://a/"] * (MAX_INDEXED + 1), "verifiers: lists 1001 URLs"),
        (["https://a/", "ftp://a/"], "verifiers[1]: no http: or https: URL"),
        (["file:///etc/passwd"], "verifiers[0]: no http: or https: URL"),
        (["https://user@a/"], "verifiers[0]: no http: or https: URL"),
        (["https://evil.example\\@127.0.0.1/"], "verifiers[0]: no http: or https: URL"),
        (["https://a/ b"], "verifiers[0]: no http: or https: URL"),
        (["https://"], "verifiers[0]: no http: or https: URL"),
        ([None], "verifiers[0]: no text"),
    ],
)
def test_an_index_that_is_none(urls, reason):
    found = parse_verifier(index(*urls))
    assert isinstance(found, Unreadable)
    assert reason in found.reason


def test_json_is_read_in_one_way_only():
    assert read_json(b'{"a":[1,{"b":null}]}') == {"a": [1, {"b": None}]}
    for body in (b'{"a":1,"a":1}', b"Infinity", b"\xff", b"[" * 100_000):
        with pytest.raises(ValueError, match=r"."):
            read_json(body)
