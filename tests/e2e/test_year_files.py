"""A year, untouched by hand: three regions in folders, a run a day at some minute, some days missed, no token refused."""

import json
import random
from datetime import timedelta

import pytest

from rotator.app.parallel import at_most
from tests.e2e.place import REGIONS, Place
from tests.e2e.year import DAY, Year
from tests.fakes.clock import FakeClock


def daily(dice: random.Random) -> timedelta:
    """A day, more or less an hour and a half; one day in twelve is missed, now and then a whole week."""
    days = 7 if dice.random() < 0.01 else 2 if dice.random() < 1 / 12 else 1
    return days * DAY + timedelta(minutes=dice.randrange(-90, 91))


@pytest.mark.slow
def test_a_year(place: Place) -> None:
    clock = FakeClock()
    place.clock = clock
    year = Year(place, clock, daily)
    with at_most(1):  # nothing waits for a folder
        year.live(days=400)

    assert year.verifiers.refused == []
    assert year.verifiers.checked > 300_000
    year.ends_well()


def test_the_verifiers_of_this_year_would_notice(place: Place) -> None:
    """The control: a key set without the signing key, or with other material under its kid, refuses its tokens."""
    clock = FakeClock()
    place.clock = clock
    year = Year(place, clock, daily)
    year.day()
    document = json.loads(place.jwks(REGIONS[0]) or b"")
    active, standby = document["keys"]
    without = {"keys": [standby]}
    other = {"keys": [{**active, "x": standby["x"], "y": standby["y"]}, standby]}
    for number, wrong in enumerate((without, other), start=1):
        year.verifiers.check_all({"wrong": json.dumps(wrong).encode()}, clock.now())
        assert len(year.verifiers.refused) == number * len(year.verifiers.alive)
