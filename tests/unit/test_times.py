"""Durations and moments as people write and read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rotator.domain.times import (
    format_duration,
    format_moment,
    parse_duration,
    parse_moment,
    say,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", timedelta()),
        ("0s", timedelta()),
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("0.001ms", timedelta(microseconds=1)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(days=1)),
        ("90d", timedelta(days=90)),
        ("1d12h", timedelta(days=1.5)),
        ("12h1d", timedelta(days=1.5)),
        (" 5m ", timedelta(minutes=5)),
        ("P90D", timedelta(days=90)),
        ("P1W", timedelta(weeks=1)),
        ("PT15M", timedelta(minutes=15)),
        ("P1DT12H30M1.5S", timedelta(days=1, hours=12, minutes=30, seconds=1.5)),
        ("PT0S", timedelta()),
    ],
)
def test_a_duration_is_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5 m", "-5m", "5M", "1e3s", "5m!", "٣m", "P", "PT", "P1DT", "PD", "p1d", "P1Y", "P-1D"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="no duration: write"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["999999999d999999999d", "999999999.5d23h"])
def test_a_duration_beyond_all_measure_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="longer than any duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "compact", "words"),
    [
        (timedelta(), "0s", "0 s"),
        (timedelta(milliseconds=500), "500ms", "500 ms"),
        (timedelta(microseconds=1500), "1.5ms", "1.5 ms"),
        (timedelta(seconds=86405), "1d5s", "24 h 5 s"),
        (timedelta(hours=47), "1d23h", "47 h"),
        (timedelta(days=2), "2d", "2 d"),
        (timedelta(days=30, hours=1), "30d1h", "30 d 1 h"),
        (timedelta(minutes=-5), "-5m", "-5 m"),
    ],
)
def test_a_duration_is_written(value: timedelta, compact: str, words: str) -> None:
    assert format_duration(value) == compact
    assert say(value) == words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-24T06:17:00Z", datetime(2026, 11, 24, 6, 17, tzinfo=UTC)),
        ("2026-11-24t06:17:00z", datetime(2026, 11, 24, 6, 17, tzinfo=UTC)),
        ("2026-11-24 06:17Z", datetime(2026, 11, 24, 6, 17, tzinfo=UTC)),
        ("2026-11-24T07:17:00+01:00", datetime(2026, 11, 24, 6, 17, tzinfo=UTC)),
        ("2026-11-24T06:17:00.5Z", datetime(2026, 11, 24, 6, 17, 0, 500_000, tzinfo=UTC)),
        ("2026-11-24T06:17:00.123456789Z", datetime(2026, 11, 24, 6, 17, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read(text: str, value: datetime) -> None:
    assert parse_moment(text) == value
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-24",
        "2026-11-24T06:17:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T24:01:00Z",
        "2026-11-24T06:17:61Z",
        "2026-11-24T06:17:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-11-24T06:17:00Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_moment(text)


def test_a_moment_is_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert format_moment(datetime(2026, 1, 1, 2, tzinfo=east)) == "2026-01-01T00:00:00Z"
    assert format_moment(datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)).endswith("00.000005Z")
