"""Cron lines mean what crontab(5) says, also on the days when the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rotator.daemon.cron import CronTime

BERLIN, GREENWICH = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
FRIDAY = datetime(2026, 1, 2, tzinfo=UTC)


def moments(line: str, start: datetime, number: int, zone: ZoneInfo = GREENWICH) -> list[str]:
    time, found = CronTime(line, zone), [start]
    for _ in range(number):
        after = time.after(found[-1])
        assert after is not None
        found.append(after.astimezone(UTC))
    return [f"{at:%a %d %b %H:%M}" for at in found[1:]]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("17 6 * * *", ["Fri 02 Jan 06:17", "Sat 03 Jan 06:17"]),
        ("*/30 6 * * *", ["Fri 02 Jan 06:00", "Fri 02 Jan 06:30", "Sat 03 Jan 06:00"]),
        ("0 0 * * 0", ["Sun 04 Jan 00:00", "Sun 11 Jan 00:00"]),
        ("0 0 * * 7", ["Sun 04 Jan 00:00", "Sun 11 Jan 00:00"]),
        ("0 0 * * 1", ["Mon 05 Jan 00:00", "Mon 12 Jan 00:00"]),
        ("0 0 * * SUN", ["Sun 04 Jan 00:00"]),
        ("0 0 * * 5-7", ["Sat 03 Jan 00:00", "Sun 04 Jan 00:00", "Fri 09 Jan 00:00"]),
        ("0 0 * * fri-sun", ["Sat 03 Jan 00:00", "Sun 04 Jan 00:00", "Fri 09 Jan 00:00"]),
        ("0 0 * * 1-5/2", ["Mon 05 Jan 00:00", "Wed 07 Jan 00:00", "Fri 09 Jan 00:00"]),
        ("0 0 * * 0-7", ["Sat 03 Jan 00:00", "Sun 04 Jan 00:00", "Mon 05 Jan 00:00"]),
        ("0 0 13 * *", ["Tue 13 Jan 00:00", "Fri 13 Feb 00:00"]),
        ("0 0 13 * 1", ["Mon 05 Jan 00:00", "Mon 12 Jan 00:00", "Tue 13 Jan 00:00"]),
        ("0 0 */13 * 1", ["Mon 27 Apr 00:00"]),  # begins with a star: both must fit
        ("0 0 1 jun *", ["Mon 01 Jun 00:00"]),
    ],
)
def test_moments(line, expected):
    assert moments(line, FRIDAY, len(expected)) == expected


@pytest.mark.parametrize(
    ("what", "start", "expected"),
    [
        ("half past two is skipped", "2026-03-28T12:00Z", ["Sun 29 Mar 01:30", "Mon 30 Mar 00:30"]),
        (
            "half past two comes twice",
            "2026-10-24T12:00Z",
            ["Sun 25 Oct 00:30", "Sun 25 Oct 01:30", "Mon 26 Oct 01:30"],
        ),
    ],
)
def test_summer_time(what, start, expected):
    begin = datetime.fromisoformat(start)
    assert moments("30 2 * * *", begin, len(expected), BERLIN) == expected, what


def test_a_moment_is_later_than_itself():
    time = CronTime("17 6 * * *", GREENWICH)
    at = datetime(2026, 1, 2, 6, 17, tzinfo=UTC)
    assert time.after(at) == datetime(2026, 1, 3, 6, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("17 6 * *", "five fields expected, not 4"),
        ("17 6 * * * *", "five fields expected, not 6"),
        ("61 * * * *", "higher than the maximum value"),
        ("* 24 * * *", "higher than the maximum value"),
        ("* * 0 * *", "lower than the minimum value"),
        ("* * L * *", "expression"),
        ("* * * * 8", "no weekday"),
        ("* * * * 5#2", "is no day of week of a crontab"),
        ("* * * * 5-2", "no range of weekdays"),
        ("* * * * */0", "no range of weekdays"),
        ("* * * * someday", "no weekday"),
        ("*/0 * * * *", "higher than 0"),
        ("a b c d e", "no weekday"),
        ("1,,2 * * * *", "is no minute of a crontab"),
    ],
)
def test_refused(line, words):
    with pytest.raises(ValueError, match=words):
        CronTime(line, GREENWICH)


def test_no_such_day():
    assert CronTime("0 0 31 2 *", GREENWICH).after(FRIDAY) is None
