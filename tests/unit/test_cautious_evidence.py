"""Two who looked at the same time: what both may believe is never more than the more cautious of them does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.cautious import cautious
from rotator.domain.evidence import Evidence, Look, Sighting, StalenessMark, Verdict
from tests.scenarios.world import JWKS, Regions

T = datetime(2026, 1, 1, tzinfo=UTC)
LATER = T + timedelta(hours=1)
SEEN = Sighting(verdict=Verdict.PASS, checked_at=T, visible_since=T, passes=3, away_since=T)
EU = "eu-central-1"


def evidence(sighting: Sighting | None) -> Evidence:
    return Evidence(issuer="a", sightings={"eu": {"kid": sighting}} if sighting else {})


@pytest.mark.parametrize(
    ("other", "both"),
    [
        (SEEN, SEEN),
        (replace(SEEN, visible_since=None, passes=0), replace(SEEN, visible_since=None, passes=0)),
        (replace(SEEN, visible_since=LATER), replace(SEEN, visible_since=LATER)),
        (replace(SEEN, away_since=None), replace(SEEN, away_since=None)),
        (replace(SEEN, checked_at=LATER, passes=9), SEEN),
        (replace(SEEN, verdict=Verdict.FAIL), replace(SEEN, verdict=Verdict.FAIL)),
        (None, Sighting()),
    ],
    ids=["same", "run ended", "run restarted", "signs again", "fresher", "fails", "never seen"],
)
def test_a_sighting(other, both):
    for one, two in ((SEEN, other), (other, SEEN)):
        assert cautious(evidence(one), evidence(two)).sighting("eu", "kid") == both


def test_looks_marks_and_failures_are_all_remembered():
    old, new = StalenessMark(timedelta(days=1), T), StalenessMark(timedelta(hours=1), LATER)
    one = Evidence(
        issuer="a", looks={"eu": Look(LATER, ())}, marks={"eu": (old,)}, failed_before={"eu": T}
    )
    two = Evidence(
        issuer="a", looks={"eu": Look(T, ())}, marks={"eu": (new,)}, failed_before={"eu": LATER}
    )
    for both in (cautious(one, two), cautious(two, one)):
        assert both.looks == {"eu": Look(LATER, ())}
        assert both.marks == {"eu": (old, new)}
        assert both.failed_before == {"eu": LATER}


def test_a_verify_that_overlaps_a_repair_does_not_bring_the_old_lead_back():
    """The look of a slow verify began before an apply saw the document broken, put it back and restarted the lead."""
    world = Regions()
    world.apply()
    world.ages(days=89)
    standby = world.key(1).kid
    slow = world.state.load_evidence("accounts")
    del world.regions[EU].documents[JWKS]
    world.clock.advance(timedelta(hours=1))
    world.apply()
    world.state.save_evidence(replace(slow), slow)
    world.clock.advance(timedelta(hours=23))
    world.apply()
    assert world.phases() == ["active", "published"]
    seen = world.state.load_evidence("accounts").sighting(EU, standby)
    assert seen.visible_since is not None
    assert world.at() - seen.visible_since < timedelta(hours=24)
