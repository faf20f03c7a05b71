"""A key's life in time: what was, what is planned, and where an axis begins, ends and is labelled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from rotator.app.reports import IssuerStatus, KeyStatus, NextStep
from rotator.render.spans import Axis, axis_of, spans, ticks
from rotator.render.text.screen import to_string
from rotator.render.text.timeline import timeline, width_for
from tests.render import scenarios
from tests.render.scenarios import GONE, NEW, NOW, OLD, days

STEADY = scenarios.status_steady().issuers[0]
AXIS = Axis(STEADY.keys, NOW - days(200), NOW, NOW + days(100))


def drawn(key: KeyStatus, issuer: IssuerStatus = STEADY) -> list[tuple[str, int, int]]:
    """Each stretch as its name and days from now."""
    return [
        (span.bar.value, (span.start - NOW).days, (span.end - NOW).days)
        for span in spans(key, issuer, AXIS)
    ]


def living(**moments: float) -> KeyStatus:
    at = {name: NOW + days(away) for name, away in moments.items()}
    return scenarios.key_status(scenarios.key(NEW, 3, **at))


RETIRED = living(staged_at=-100, published_at=-100, activated_at=-90, retired_at=-1)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (living(staged_at=-3), [("staged", -3, 0), ("staged", 0, 100)]),
        (
            living(staged_at=-3, published_at=-2),
            [("staged", -3, -2), ("published", -2, 0), ("published", 0, 62), ("active", 62, 100)],
        ),
        (
            living(staged_at=-30, published_at=-30, activated_at=-20),
            [("published", -30, -20), ("active", -20, 0), ("active", 0, 62), ("retired", 62, 100)],
        ),
        (
            replace(RETIRED, remove_after=NOW + days(31)),
            [("published", -100, -90), ("active", -90, -1), ("retired", -1, 0), ("retired", 0, 31)],
        ),
        (
            RETIRED,
            [
                ("published", -100, -90),
                ("active", -90, -1),
                ("retired", -1, 0),
                ("retired", 0, 100),
            ],
        ),
        (
            living(staged_at=-9, published_at=-8, revoked_at=-2),
            [("staged", -9, -8), ("published", -8, -2)],
        ),
        (
            living(
                staged_at=-50, published_at=-50, activated_at=-40, retired_at=-10, removed_at=-2
            ),
            [("published", -50, -40), ("active", -40, -10), ("retired", -10, -2)],
        ),
    ],
)
def test_a_life(key: KeyStatus, expected: list[tuple[str, int, int]]) -> None:
    assert drawn(key) == expected


def test_a_standby_that_is_not_next_stays_published() -> None:
    other = replace(STEADY, next=(NextStep(kind="switch", kid=OLD, at=NOW + days(9)),))
    assert drawn(living(staged_at=-3, published_at=-2), other)[-1] == ("published", 0, 100)


def test_a_switch_that_is_due_is_planned_for_now_and_one_without_a_moment_for_never() -> None:
    standby = living(staged_at=-3, published_at=-2)
    due = replace(STEADY, next=(NextStep(kind="switch", kid=NEW, at=NOW - days(9)),))
    assert drawn(standby, due)[-1] == ("active", 0, 100)
    unknown = replace(STEADY, next=(NextStep(kind="switch", kid=NEW, at=None),))
    assert drawn(standby, unknown)[-1] == ("published", 0, 100)


def test_nothing_is_planned_for_what_is_blocked() -> None:
    stale = scenarios.status_stale().issuers[0]
    assert drawn(living(staged_at=-3, published_at=-2), stale)[-1] == ("published", -2, 0)
    active = stale.keys[0]
    assert drawn(active, stale)[-1][0:3:2] == ("active", 0)


def test_the_axis_reaches_from_the_oldest_key_to_the_next_step() -> None:
    axis = axis_of(STEADY, NOW)
    assert axis is not None
    assert [key.key.kid for key in axis.keys] == [GONE, OLD, NEW]
    assert (axis.start, axis.end) == (NOW - days(200), NOW + days(62.5) + timedelta(seconds=1))
    assert [axis.part(moment) for moment in (NOW - days(999), axis.start, axis.end)] == [0, 0, 1]


def test_the_axis_shows_the_last_three_that_are_gone() -> None:
    many = replace(STEADY, keys=(*[STEADY.keys[0]] * 5, *STEADY.keys[1:]))
    axis = axis_of(many, NOW)
    assert axis is not None
    assert len(axis.keys) == 5


@pytest.mark.parametrize("keys", [(), (STEADY.keys[0],)])
def test_without_a_living_key_there_is_no_axis(keys: tuple[KeyStatus, ...]) -> None:
    assert axis_of(replace(STEADY, keys=keys), NOW) is None


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (timedelta(days=3 * 365), ["2027", "2028", "2029"]),
        (timedelta(days=90), ["Dec", "Jan", "Feb"]),
        (timedelta(days=3), ["25 Nov", "26 Nov", "27 Nov"]),
        (timedelta(hours=3), ["07:00", "08:00", "09:00"]),
        (timedelta(minutes=3), ["06:18", "06:19", "06:20"]),
        (timedelta(seconds=30), ["06:17:01", "06:17:06", "06:17:11"]),
        (timedelta(0), []),
    ],
)
def test_labels(length: timedelta, labels: list[str]) -> None:
    found = ticks(NOW, NOW + length, 60, 10)
    assert [label for _, label in found][:3] == labels
    places = [place for place, _ in found]
    assert all(b - a >= 10 for a, b in pairwise(places))


def test_labels_stand_where_the_month_begins() -> None:
    [(place, _), *_] = ticks(NOW, NOW + days(60), 60, 10)
    assert NOW + days(place) <= datetime(2026, 12, 1, tzinfo=UTC) <= NOW + days(place + 1)


@pytest.mark.parametrize(
    ("columns", "slices"), [(None, 60), (1, 20), (80, 50), (100, 70), (400, 120)]
)
def test_the_axis_fits_the_terminal(columns: int | None, slices: int) -> None:
    assert width_for(columns) == slices
    rows = to_string(timeline(STEADY, AXIS, slices), width=max(columns or 0, 1000)).splitlines()
    bars = [row for row in rows if row.lstrip().startswith((OLD[:8], NEW[:8]))]
    assert len(bars) == 2
    assert {row.index("┆") for row in bars} == {12 + round(slices * 2 / 3 - 0.5)}
