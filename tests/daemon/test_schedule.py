"""When the daemon runs, as tables: what was missed is one turn, a clock that is wrong stops nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rotator.daemon.schedule import Schedule, schedule
from rotator.daemon.turns import TICK, Instant, Memory, Turn, idle, turn

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = schedule("17 6 * * *", "UTC")


def at(text: str) -> datetime:
    """`2 06:17` is that time on 2 January 2026."""
    day, _, clock = text.partition(" ")
    hour, minute = clock.split(":")
    return datetime(2026, 1, int(day), int(hour), int(minute), tzinfo=UTC)


class TestNextApply:
    @pytest.mark.parametrize(
        ("what", "last", "now", "expected"),
        [
            ("nobody knows of one", None, "2 12:00", "2 12:00"),
            ("done today", "2 06:18", "2 12:00", "3 06:17"),
            ("before its time today", "1 06:17", "2 06:16", "2 06:17"),
            ("due", "1 06:17", "2 06:17", "2 06:17"),
            ("missed since yesterday", "1 06:17", "3 05:00", "2 06:17"),
            ("a week missed is one turn", "1 06:17", "9 12:00", "2 06:17"),
            ("by hand a minute before", "2 06:16", "2 06:17", "2 06:17"),
            ("by hand a minute after", "2 06:18", "2 06:18", "3 06:17"),
            ("the clock was an hour ahead", "2 07:00", "2 06:10", "2 06:17"),
            ("the clock was years ahead", "31 06:17", "2 12:00", "3 06:17"),
        ],
    )
    def test_daily(self, what, last, now, expected):
        assert DAILY.next_apply(last and at(last), at(now)) == at(expected), what

    def test_a_duration(self):
        hourly = schedule("1h", "UTC")
        assert hourly.next_apply(at("2 06:30"), at("2 07:00")) == at("2 07:30")
        assert hourly.next_apply(at("2 06:30"), at("2 06:00")) == at("2 07:00")

    def test_a_zone(self):
        berlin = schedule("17 6 * * *", "Europe/Berlin")
        assert berlin.next_apply(at("2 06:30"), at("2 07:00")) == at("3 05:17")

    def test_jitter_stays_the_same_for_a_moment_and_differs_between_hosts(self):
        one, other = (schedule("17 6 * * *", "UTC", jitter=10 * MINUTE, seed=s) for s in ("a", "b"))
        first = one.next_apply(at("1 07:00"), at("1 08:00"))
        assert at("2 06:17") <= first < at("2 06:27")
        assert one.next_apply(at("1 07:00"), at("2 06:16")) == first
        assert one.next_apply(at("2 06:17"), at("2 06:18")) > at("3 06:16"), "that turn was had"
        assert other.next_apply(at("1 07:00"), at("1 08:00")) != first

    def test_jitter_is_spread_over_all_it_may_be(self):
        spread = schedule("17 6 * * *", "UTC", jitter=HOUR, seed="host")
        days = [at("1 06:17") + n * DAY for n in range(200)]
        delays = sorted(spread.next_apply(day, day) - day - DAY for day in days)
        assert timedelta() <= delays[0] < 5 * MINUTE
        assert 55 * MINUTE < delays[-1] < HOUR

    def test_jitter_never_reaches_the_second_half_of_a_gap(self):
        often = schedule("*/2 * * * *", "UTC", jitter=HOUR, seed="host")
        moments = [at("2 06:00") + 2 * n * MINUTE for n in range(100)]
        delays = [often.next_apply(m, m) - m - 2 * MINUTE for m in moments]
        assert max(delays) < MINUTE

    def test_a_line_that_has_come_to_its_end_is_looked_at_again_later(self):
        class Over:
            def after(self, moment: datetime) -> None:
                return None

        over = Schedule(Over(), HOUR, timedelta(), DAY, DAY)
        assert over.next_apply(at("1 06:17"), at("2 06:17")) == at("3 06:17")


@pytest.mark.parametrize(
    ("line", "shortest", "longest"),
    [
        ("17 6 * * *", DAY, DAY),
        ("0 6,18 * * *", 12 * HOUR, 12 * HOUR),
        ("0 6 * * 1-5", DAY, 3 * DAY),
        ("*/5 8 * * *", 5 * MINUTE, 23 * HOUR + 5 * MINUTE),
        ("0 0 1 * *", 28 * DAY, 31 * DAY),
        ("* * 1 1 *", MINUTE, 364 * DAY),
        ("6h", 6 * HOUR, 6 * HOUR),
    ],
)
def test_gaps(line, shortest, longest):
    found = schedule(line, "Europe/Berlin")
    assert (found.shortest, found.gap) == (shortest, longest)


def test_a_line_without_a_moment_is_refused():
    with pytest.raises(ValueError, match="no such day"):
        schedule("0 0 30 2 *", "UTC")


@pytest.mark.parametrize(
    ("line", "pauses"),
    [
        ("17 6 * * *", ["30s", "1m", "2m", "4m", "8m", "16m", "30m", "30m"]),
        ("10s", ["1s", "2s", "2.5s", "2.5s"]),
    ],
)
def test_pauses_double_up_to_half_an_hour(line, pauses):
    made = schedule(line, "UTC")
    units = {"s": timedelta(seconds=1), "m": MINUTE}
    expected = [float(text[:-1]) * units[text[-1]] for text in pauses]
    assert [made.pause(n + 1) for n in range(len(pauses))] == expected
    assert made.pause(10_000) == expected[-1]


NOON = Instant(at("2 12:00"), 1000.0)


def later(wall: timedelta, monotonic: timedelta | None = None) -> Instant:
    passed = wall if monotonic is None else monotonic
    return Instant(NOON.wall + wall, NOON.monotonic + passed.total_seconds())


class TestTurn:
    @pytest.mark.parametrize(
        ("what", "memory", "now", "expected"),
        [
            ("at the start it looks", Memory(), NOON, Turn.LOOK),
            ("then it applies", Memory(looked=NOON), NOON, Turn.APPLY),
            ("all done", Memory(looked=NOON, applied=NOON.wall), later(MINUTE), Turn.NOBODY),
            ("time to look", Memory(looked=NOON, applied=NOON.wall), later(5 * MINUTE), Turn.LOOK),
            ("apply goes before a look", Memory(looked=NOON), later(HOUR), Turn.APPLY),
            (
                "it failed a moment ago",
                Memory(looked=NOON, again_at=1030),
                later(MINUTE / 4),
                Turn.NOBODY,
            ),
            (
                "and may try again",
                Memory(looked=NOON, again_at=1030),
                later(MINUTE / 2),
                Turn.APPLY,
            ),
            (
                "the clock went back an hour: only the monotonic one tells",
                Memory(looked=NOON, applied=NOON.wall),
                later(-HOUR, 5 * MINUTE),
                Turn.LOOK,
            ),
            (
                "the machine slept: only the clock on the wall tells",
                Memory(looked=NOON, applied=NOON.wall),
                later(8 * HOUR, timedelta(seconds=1)),
                Turn.LOOK,
            ),
            (
                "it slept through its turn",
                Memory(looked=NOON, applied=NOON.wall),
                later(DAY, timedelta(seconds=1)),
                Turn.APPLY,
            ),
        ],
    )
    def test_whose(self, what, memory, now, expected):
        assert turn(DAILY, memory, now) is expected, what

    @pytest.mark.parametrize(
        ("what", "memory", "now", "expected"),
        [
            ("a tick", Memory(looked=NOON, applied=NOON.wall), NOON, TICK),
            (
                "until the look",
                Memory(looked=NOON, applied=NOON.wall),
                later(4.9 * MINUTE),
                0.1 * MINUTE,
            ),
            (
                "until it may try again",
                Memory(looked=NOON, again_at=1010),
                NOON,
                timedelta(seconds=10),
            ),
            (
                "until the turn",
                Memory(looked=Instant(at("3 06:16"), 0), applied=NOON.wall),
                Instant(at("3 06:16") + 0.9 * MINUTE, 54),
                0.1 * MINUTE,
            ),
            (
                "never nothing at all",
                Memory(looked=NOON, again_at=1000),
                NOON,
                timedelta(milliseconds=10),
            ),
        ],
    )
    def test_how_long_it_waits(self, what, memory, now, expected):
        assert abs(idle(DAILY, memory, now) - expected) < timedelta(milliseconds=1), what
