"""Other clocks against this host's (design T11): what an interval says, and only where all of it says so."""

from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.clocks import Reading, dated, parse_date, signed
from rotator.domain.evidence import CheckKind, Verdict
from rotator.planning.clocks import judge_clock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("offset", "error", "drift", "verdict"),
    [
        pytest.param(0, 0.6, 5, Verdict.PASS, id="agrees"),
        pytest.param(4.4, 0.6, 5, Verdict.PASS, id="just within"),
        pytest.param(4.5, 0.6, 5, Verdict.UNKNOWN, id="may be outside"),
        pytest.param(-4.5, 0.6, 5, Verdict.UNKNOWN, id="may be outside, behind"),
        pytest.param(5.7, 0.6, 5, Verdict.FAIL, id="surely ahead"),
        pytest.param(-180, 0.6, 5, Verdict.FAIL, id="three minutes behind"),
        pytest.param(0, 150, 5, Verdict.UNKNOWN, id="an old copy tells nothing"),
        pytest.param(0, 0.6, 0.5, Verdict.PASS, id="a Date cannot tell half a second: five count"),
        pytest.param(2, 0.6, 1, Verdict.FAIL, id="surely beyond a strict drift"),
        pytest.param(0, 0.6, 0, Verdict.PASS, id="no drift allowed, none seen"),
    ],
)
def test_what_an_offset_says(offset, error, drift, verdict):
    assert Reading("x", "x", s(offset), s(error)).verdict(s(drift)) is verdict


@pytest.mark.parametrize(
    ("date", "age", "latency", "least", "most"),
    [
        pytest.param(NOON, None, 0, 0, 1, id="the second may be any of its fractions"),
        pytest.param(NOON, None, 0.3, 0, 1.3, id="it was made any time since it was asked for"),
        pytest.param(NOON - s(60), s(60), 0, -60, 2, id="a cache keeps the origin's Date, or not"),
        pytest.param(NOON + s(180), s(0), 0, 180, 181, id="an Age of 0 is no cache"),
    ],
)
def test_what_a_date_says(date, age, latency, least, most):
    reading = dated("https://x/", date, age, NOON, s(latency))
    assert (reading.offset - reading.error, reading.offset + reading.error) == (s(least), s(most))


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", NOON),
        ("Tue, 24 Nov 2026 13:00:00 +0100", NOON),
        ("Tue, 24 Nov 2026 12:00:00 -0000", NOON),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_date_header_names(header, moment):
    assert parse_date(header) == moment


def test_signs_are_always_there():
    assert [signed(s(x)) for x in (0.014, -180)] == ["+0.01 s", "−180.00 s"]


@pytest.mark.parametrize(
    ("offset", "error", "words"),
    [
        (0, 0.1, ""),
        (
            180,
            0.5,
            "3 m ahead of this host's, more than max_clock_drift 5 s (+180.00 s ± 0.50 s by the Date of https://x/)",
        ),
        (
            -7.04,
            0.1,
            "7.0 s behind this host's, more than max_clock_drift 5 s (−7.04 s ± 0.10 s by the Date of https://x/)",
        ),
        (
            1,
            60,
            "nobody can tell whether it is within max_clock_drift 5 s (+1.00 s ± 60.00 s by the Date of https://x/)",
        ),
    ],
)
def test_a_clock_as_a_check(offset, error, words):
    check = judge_clock(
        "https://x/", Reading("https://x/", "the Date of https://x/", s(offset), s(error)), s(5)
    )
    assert (check.kind, check.detail) == (CheckKind.CLOCK, words)
    assert (check.clock_offset, check.clock_error) == (s(offset), s(error))
