"""Windows in wall time: what is written, when they are open, and what daylight saving does to them."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from rotator.domain.windows import Blackout, Schedule, Window, parse_blackout, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def schedule(*windows: str, blackout: tuple[str, ...] = (), zone: tzinfo = UTC) -> Schedule:
    return Schedule(
        zone, str(zone), tuple(map(parse_window, windows)), tuple(map(parse_blackout, blackout))
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestWritten:
    @pytest.mark.parametrize(
        ("text", "window", "again"),
        [
            ("Mon-Fri 09:00-16:00", Window((0, 1, 2, 3, 4), 540, 960), "Mon-Fri 09:00-16:00"),
            ("sat 22:00-02:00", Window((5,), 1320, 120), "Sat 22:00-02:00"),
            ("Sat-Mon 10:00-24:00", Window((0, 5, 6), 600, 1440), "Mon,Sat,Sun 10:00-24:00"),
            (" Mon, Wed-Thu  00:00-00:30 ", Window((0, 2, 3), 0, 30), "Mon,Wed,Thu 00:00-00:30"),
            ("06:00-08:00", Window((0, 1, 2, 3, 4, 5, 6), 360, 480), "06:00-08:00"),
            (
                "Fri-Wed 01:00-02:00",
                Window((0, 1, 2, 4, 5, 6), 60, 120),
                "Mon-Wed,Fri-Sun 01:00-02:00",
            ),
        ],
    )
    def test_a_window(self, text: str, window: Window, again: str) -> None:
        assert parse_window(text) == window
        assert str(window) == again
        assert parse_window(again) == window

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is no window"),
            ("Mon", "is no window"),
            ("Mon 9-16", "is no window"),
            ("Mo-Fr 09:00-16:00", "is no window"),
            ("Mon- 09:00-16:00", "is no window"),
            ("Mon 09:00-16:00 Tue", "is no window"),
            ("Mon 09:00-25:00", "there is no 25:00"),
            ("Mon 09:61-16:00", "there is no 09:61"),
            ("Mon 24:01-16:00", "there is no 24:01"),
            ("Mon 09:00-09:00", "never opens"),
            ("Mon 24:00-09:00", "never opens"),
            ("Mon ٠٩:00-16:00", "is no window"),
        ],
    )
    def test_no_window(self, text: str, words: str) -> None:
        with pytest.raises(ValueError, match=words):
            parse_window(text)

    @pytest.mark.parametrize(
        ("text", "blackout"),
        [
            ("2026-12-24", Blackout(date(2026, 12, 24), date(2026, 12, 24))),
            ("2026-12-20/2027-01-03", Blackout(date(2026, 12, 20), date(2027, 1, 3))),
        ],
    )
    def test_a_blackout(self, text: str, blackout: Blackout) -> None:
        assert parse_blackout(text) == blackout
        assert str(blackout) == text

    @pytest.mark.parametrize(
        "text",
        ["", "/", "0001-01-01", "24.12.2026", "2026-02-30", "2027-01-03/2026-12-20", "2026-12-24/"],
    )
    def test_no_blackout(self, text: str) -> None:
        if text == "2026-12-24/":
            assert parse_blackout(text) == parse_blackout("2026-12-24")
            return
        with pytest.raises(ValueError, match=r"is no blackout|ends before"):
            parse_blackout(text)

    def test_a_schedule_is_written_with_its_zone_first(self) -> None:
        made = schedule("Sat 22:00-02:00", blackout=("2026-12-24",), zone=BERLIN)
        assert made.written() == ("Europe/Berlin", "Sat 22:00-02:00", "2026-12-24")


OFFICE = schedule("Mon-Fri 09:00-16:00", blackout=("2026-11-27", "2026-12-20/2027-01-03"))
NIGHT = schedule("Sat 22:00-02:00", blackout=("2026-11-29",))


class TestOpen:
    @pytest.mark.parametrize(
        ("made", "moment", "is_open"),
        [
            (OFFICE, "2026-11-24T08:59:59", False),
            (OFFICE, "2026-11-24T09:00:00", True),
            (OFFICE, "2026-11-24T15:59:59", True),
            (OFFICE, "2026-11-24T16:00:00", False),
            (OFFICE, "2026-11-28T12:00:00", False),
            (OFFICE, "2026-11-27T12:00:00", False),
            (OFFICE, "2026-12-24T12:00:00", False),
            (OFFICE, "2027-01-04T12:00:00", True),
            (NIGHT, "2026-11-21T23:00:00", True),
            (NIGHT, "2026-11-22T01:59:59", True),
            (NIGHT, "2026-11-22T02:00:00", False),
            (NIGHT, "2026-11-28T23:59:59", True),
            (NIGHT, "2026-11-29T00:00:00", False),
            (schedule(blackout=("2026-11-29",)), "2026-11-29T12:00:00", False),
            (schedule(blackout=("2026-11-29",)), "2026-11-30T00:00:00", True),
            (schedule("Sun 22:00-02:00"), "2026-11-23T01:00:00", True),
            (schedule("Mon 22:00-00:00"), "2026-11-24T00:00:00", False),
            (schedule("Mon 08:00-10:00", "Mon 09:00-12:00"), "2026-11-23T11:00:00", True),
        ],
    )
    def test_at_a_moment(self, made: Schedule, moment: str, is_open: bool) -> None:
        assert made.open_at(utc(moment)) is is_open

    @pytest.mark.parametrize(
        ("made", "after", "opens"),
        [
            (OFFICE, "2026-11-24T10:00:00", "2026-11-24T10:00:00"),
            (OFFICE, "2026-11-24T08:00:00", "2026-11-24T09:00:00"),
            (OFFICE, "2026-11-26T16:00:00", "2026-11-30T09:00:00"),
            (OFFICE, "2026-12-19T00:00:00", "2027-01-04T09:00:00"),
            (NIGHT, "2026-11-22T01:00:00", "2026-11-22T01:00:00"),
            (NIGHT, "2026-11-22T02:00:00", "2026-11-28T22:00:00"),
            (NIGHT, "2026-11-29T00:00:00", "2026-12-05T22:00:00"),
            (schedule(blackout=("2026-11-29",)), "2026-11-29T12:00:00", "2026-11-30T00:00:00"),
        ],
    )
    def test_it_opens(self, made: Schedule, after: str, opens: str) -> None:
        assert made.opens(utc(after)) == utc(opens)

    def test_it_never_opens_again(self) -> None:
        assert schedule(blackout=("2026-01-01/9999-12-31",)).opens(utc("2026-05-01")) is None
        assert Schedule(UTC, "UTC", (Window((), 0, 60),)).opens(utc("2026-05-01")) is None

    @pytest.mark.parametrize(
        ("made", "since", "until", "hours"),
        [
            (OFFICE, "2026-11-23T00:00:00", "2026-11-30T00:00:00", 28),  # the Friday is black
            (OFFICE, "2026-11-24T10:00:00", "2026-11-24T11:30:00", 1.5),
            (OFFICE, "2026-11-28T00:00:00", "2026-11-29T00:00:00", 0),
            (OFFICE, "2026-11-24T12:00:00", "2026-11-25T10:00:00", 5),
            (schedule("Mon 08:00-10:00", "Mon 09:00-12:00"), "2026-11-22", "2026-11-25", 4),
        ],
    )
    def test_how_long_it_was_open(
        self, made: Schedule, since: str, until: str, hours: float
    ) -> None:
        assert made.open_time(utc(since), utc(until)) == hours * HOUR


class TestDaylightSaving:
    """In Berlin clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October."""

    @pytest.mark.parametrize(
        ("day", "opens"),
        [("2026-03-28", "2026-03-28T08:00:00"), ("2026-03-30", "2026-03-30T07:00:00")],
    )
    def test_a_window_keeps_its_hours(self, day: str, opens: str) -> None:
        assert schedule("09:00-16:00", zone=BERLIN).opens(utc(day)) == utc(opens)

    @pytest.mark.parametrize(
        ("window", "begins", "ends"),
        [
            ("Sun 01:00-04:00", "2026-03-29T00:00:00", "2026-03-29T02:00:00"),
            # A wall time that is never shown counts as if no clock moved: 03:30 summer time.
            ("Sun 02:30-04:00", "2026-03-29T01:30:00", "2026-03-29T02:00:00"),
            ("Sat 23:00-02:15", "2026-03-28T22:00:00", "2026-03-29T01:15:00"),
            # The next Sunday: this one's window is over before it begins.
            ("Sun 02:30-03:15", "2026-04-05T00:30:00", "2026-04-05T01:15:00"),
        ],
    )
    def test_an_hour_that_is_left_out(self, window: str, begins: str, ends: str) -> None:
        made = schedule(window, zone=BERLIN)
        assert made.opens(utc("2026-03-28T12:00:00")) == utc(begins)
        assert made.open_at(utc(ends) - timedelta(seconds=1))
        assert not made.open_at(utc(ends))

    @pytest.mark.parametrize(
        ("window", "begins", "ends"),
        [
            ("Sun 01:00-04:00", "2026-10-24T23:00:00", "2026-10-25T03:00:00"),
            ("Sun 02:30-02:45", "2026-10-25T00:30:00", "2026-10-25T00:45:00"),
            ("Sun 02:30-03:00", "2026-10-25T00:30:00", "2026-10-25T02:00:00"),
        ],
    )
    def test_an_hour_that_comes_twice_opens_once(self, window: str, begins: str, ends: str) -> None:
        made = schedule(window, zone=BERLIN)
        assert made.opens(utc("2026-10-24T12:00:00")) == utc(begins)
        assert made.open_at(utc(ends) - timedelta(seconds=1))
        assert not made.open_at(utc(ends))
        assert made.opens(utc(ends)) > utc("2026-10-31")

    def test_many_black_days_that_leave_a_weekly_window_closed(self) -> None:
        """Each of the five Mondays is black by itself, and the days between would be idle anyway."""
        mondays = tuple(f"2026-11-{day:02}" for day in (2, 9, 16, 23, 30))
        made = schedule("Mon 09:00-16:00", blackout=mondays)
        assert made.opens(utc("2026-10-27T00:00:00")) == utc("2026-12-07T09:00:00")
        assert made.longest_closure() == utc("2026-12-07T09:00:00") - utc("2026-10-26T16:00:00")

    def test_a_black_day_of_25_hours(self) -> None:
        made = schedule(blackout=("2026-10-25",), zone=BERLIN)
        assert made.opens(utc("2026-10-24T23:00:00")) == utc("2026-10-25T23:00:00")


class TestLongest:
    @pytest.mark.parametrize(
        ("made", "opening", "closure"),
        [
            (OFFICE, 7 * HOUR, None),
            (schedule("Mon-Fri 09:00-16:00"), 7 * HOUR, 65 * HOUR),
            (schedule("Sat 22:00-02:00"), 4 * HOUR, 7 * DAY - 4 * HOUR),
            (schedule("00:00-24:00"), 7 * DAY, timedelta()),
            (schedule("Sun 12:00-24:00", "Mon 00:00-06:00"), 18 * HOUR, 6 * DAY + 6 * HOUR),
            (schedule("Sun 22:00-02:00", "Wed 00:00-01:00"), 4 * HOUR, 4 * DAY + 21 * HOUR),
            (schedule(blackout=("2026-12-20/2026-12-26",)), 7 * DAY, 7 * DAY),
            (schedule(blackout=("2026-12-20", "2026-12-21")), 7 * DAY, 2 * DAY),
        ],
    )
    def test_stretches(self, made: Schedule, opening: timedelta, closure: timedelta | None) -> None:
        assert made.longest_opening() == opening
        if closure is None:  # from Friday 18 December, 16:00, to Monday 4 January, 09:00
            closure = timedelta(days=16, hours=17)
        assert made.longest_closure() == closure

    def test_a_closure_without_an_end(self) -> None:
        assert schedule(blackout=("2026-12-24/9999-12-31",)).longest_closure() is None

    def test_blackouts_in_a_row_longer_than_a_week(self) -> None:
        made = schedule(
            "Mon 09:00-10:00", blackout=("2026-11-01/2026-11-20", "2026-11-21/2026-12-06")
        )
        assert made.longest_closure() == utc("2026-12-07T09:00:00") - utc("2026-10-26T10:00:00")
