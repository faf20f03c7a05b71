"""Findings of `doctor`: which outweighs which, and that none is left without a next step."""

from dataclasses import replace

import pytest

from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravest, gravity, of_error
from rotator.errors import TargetDenied

FINE = Diagnosis(next(iter(Area)), Place("accounts", "us-east-1"), Health.OK, "versioning is on")


def worse(health: Health) -> Diagnosis:
    return replace(FINE, health=health, what_to_do="switch it on")


def test_they_are_sorted_by_gravity():
    rising = [FINE, *map(worse, (Health.WARNING, Health.UNKNOWN, Health.ERROR))]
    mixed = [rising[place] for place in (2, 0, 3, 1)]
    assert sorted(mixed, key=gravity) == rising


@pytest.mark.parametrize(
    ("healths", "all_together"),
    [
        ([], Health.OK),
        ([Health.WARNING, Health.WARNING], Health.WARNING),
        ([Health.WARNING, Health.UNKNOWN], Health.UNKNOWN),
        ([Health.ERROR, Health.UNKNOWN], Health.ERROR),
    ],
)
def test_the_gravest_counts(healths, all_together):
    assert gravest(map(worse, healths)) is all_together


@pytest.mark.parametrize("health", [h for h in Health if h is not Health.OK])
def test_what_is_wrong_says_what_to_do(health):
    with pytest.raises(ValueError, match="no next step for: versioning is on"):
        replace(FINE, health=health)


@pytest.mark.parametrize("health", [Health.ERROR, Health.UNKNOWN])
def test_an_error_becomes_a_finding_with_its_runbook(health):
    error = TargetDenied("cannot read s3://b/k", detail="403", hint="grant s3:GetObject")
    found = of_error(FINE.area, FINE.place, error, health)
    assert (found.what, found.why, found.health) == ("cannot read s3://b/k", "403", health)
    assert found.what_to_do == f"grant s3:GetObject · {TargetDenied.runbook}"
