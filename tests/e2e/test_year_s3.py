"""The same year through S3 on a real server process whose clock travels along."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.e2e.place import REGIONS, Place
from tests.e2e.year import DAY, Year
from tests.fakes.clock import FakeClock
from tests.servers.ministack import Ministack


def now_and_then(dice: random.Random) -> timedelta:
    return dice.choice((1, 2, 3, 3)) * DAY + timedelta(minutes=dice.randrange(-90, 91))


@pytest.mark.slow
@pytest.mark.timetravel
def test_a_year_in_buckets(s3_place: Callable[..., Place], time_machine: Ministack) -> None:
    clock = FakeClock()
    time_machine.travel_to(clock.now())
    place = s3_place(time_machine.endpoint)
    place.clock = clock
    year = Year(place, clock, now_and_then, travel=time_machine.travel_to)
    year.live(days=400)

    assert year.verifiers.refused == []
    assert year.verifiers.checked > 75_000
    year.ends_well()
    dates_follow(place, clock)


def dates_follow(place: Place, clock: FakeClock) -> None:
    """The server's clock really was moved: what it wrote last is months younger than the first day of the year."""
    bucket = place.buckets[REGIONS[0]]
    head = bucket.client.head_object(Bucket=bucket.name, Key=f"{bucket.folder}/accounts/jwks.json")
    assert timedelta() <= clock.now() - head["LastModified"] < 60 * DAY
    assert head["CacheControl"] == "public, max-age=300"
    assert head["ContentType"] == "application/jwk-set+json"
