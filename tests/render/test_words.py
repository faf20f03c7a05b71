"""Durations, moments and foreign text, as tables."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rotator.render import words

NOW = datetime(2026, 11, 24, 6, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.4, "under 1 s"),
        (12.4, "12 s"),
        (520, "8 m 40 s"),
        (1829, "30 m"),
        (86405, "24 h"),
        (86399, "24 h"),
        (86340, "23 h 59 m"),
        (3 * 86400 + 7200, "3 d 2 h"),
        (89.9 * 86400, "90 d"),
        (-60, "1 m"),
    ],
)
def test_rough(seconds: float, said: str) -> None:
    assert words.rough(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (59, "59 s"),
        (150, "2 m"),
        (4 * 3600 + 720, "4 h"),
        (47 * 3600, "47 h"),
        (200000, "2 d"),
    ],
)
def test_age(seconds: float, said: str) -> None:
    assert words.age(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(), "now"),
        (timedelta(days=1), "in 24 h"),
        (timedelta(minutes=-2), "2 m ago"),
        (timedelta(milliseconds=900), "now"),
    ],
)
def test_distance(away: timedelta, said: str) -> None:
    assert words.distance(NOW + away, NOW) == said


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "Tue 24 Nov 2026, 06:17 UTC"),
        ("Atlantic/Reykjavik", "Tue 24 Nov 2026, 06:17 UTC"),
        ("Europe/Berlin", "Tue 24 Nov 2026, 06:17 UTC (07:17 here)"),
        ("Asia/Kolkata", "Tue 24 Nov 2026, 06:17 UTC (11:47 here)"),
        ("Pacific/Auckland", "Tue 24 Nov 2026, 06:17 UTC (19:17 here)"),
        ("America/Los_Angeles", "Tue 24 Nov 2026, 06:17 UTC (Mon 23 Nov, 22:17 here)"),
    ],
)
def test_both_zones(zone: str, said: str) -> None:
    assert words.both(NOW, ZoneInfo(zone)) == said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(minutes=5), "06:22:30"),
        (timedelta(hours=-3), "03:17"),
        (timedelta(days=40), "3 Jan"),
        (timedelta(days=-400), "20 Oct 2025"),
    ],
)
def test_a_date_in_a_table(away: timedelta, said: str) -> None:
    assert words.date(NOW + away, NOW) == said


@pytest.mark.parametrize(
    ("kid", "said"),
    [
        (None, "\u2013"),
        ("Kd93mZtQ8bVdE2fGhIk5TgX1kRZx0u7mJpY3cQ9sLwN", "Kd93mZtQ"),
        ("-abCdefgh", "-abCdefg"),
        ("accounts/12", "accounts/12"),
        ("../../etc/passwd", "../../et"),
        ("a\x1b[31mred", "a\ufffd[31mre"),
    ],
)
def test_key_name(kid: str | None, said: str) -> None:
    assert words.key_name(kid) == said


@pytest.mark.parametrize(
    "bad",
    ["\x1b", "\n", "\x00", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\ud800", "\ufeff"],
)
def test_nothing_that_moves_a_terminal_is_left(bad: str) -> None:
    assert words.clean(f"a{bad}b") == "a\ufffdb"


def test_what_people_write_is_left() -> None:
    assert words.clean("Łódź 東京 ✓ ümlaut") == "Łódź 東京 ✓ ümlaut"


def test_offset() -> None:
    assert words.offset(timedelta(milliseconds=-400)) == "\u22120.40 s"
    assert words.offset(timedelta(milliseconds=10)) == "+0.01 s"
