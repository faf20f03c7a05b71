"""How looks become runs of passes and watermarks (design T1), also while nobody knows what time it is (T11)."""

from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.cautious import cautious
from rotator.domain.evidence import (
    Check,
    CheckKind,
    Evidence,
    Look,
    StalenessMark,
    Verdict,
    end_runs,
    fold_look,
    fold_signing,
    fold_staleness,
    only_gates,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def look(hour: float, verdict: Verdict, clock: Verdict | None = None, foreign: str = "") -> Look:
    """A look at a public URL so many hours after noon, which may say that the clocks are apart."""
    strange = (foreign,) if foreign else ()
    url = Check(
        kind=CheckKind.HTTP,
        target="https://x/",
        verdict=verdict,
        keys={"kid": verdict},
        foreign=strange,
    )
    clocks = (Check(kind=CheckKind.CLOCK, target="https://x/", verdict=clock),) if clock else ()
    return Look(NOON + hour * HOUR, (url, *clocks))


def after(*looks: Look, gate: str = "eu") -> Evidence:
    evidence = Evidence(issuer="a")
    for each in looks:
        evidence = fold_look(evidence, gate, each, ("kid",))
    return evidence


@pytest.mark.parametrize(
    ("looks", "since", "passes"),
    [
        pytest.param([look(0, PASS), look(1, PASS)], 0, 2, id="a run"),
        pytest.param([look(0, PASS), look(1, FAIL), look(2, PASS)], 2, 1, id="ended and begun"),
        pytest.param([look(0, PASS), look(1, FAIL)], None, 0, id="ended"),
        pytest.param([look(0, PASS), look(1, UNKNOWN)], 0, 0, id="silence only ends the count"),
        pytest.param([look(0, PASS), look(1, UNKNOWN), look(2, PASS)], 0, 1, id="and goes on"),
        pytest.param([look(0, UNKNOWN)], None, 0, id="silence begins none"),
        pytest.param([look(0, PASS), look(-9, PASS)], -9, 2, id="from the future: restarts"),
        pytest.param([look(-9, PASS, FAIL)], None, 1, id="clocks apart: begins none"),
        pytest.param(
            [look(-9, PASS, FAIL), look(1, PASS, PASS)], 1, 2, id="begins once they agree"
        ),
        pytest.param([look(0, PASS), look(-9, PASS, FAIL)], 0, 2, id="apart: moves none back"),
        pytest.param([look(0, PASS, UNKNOWN)], 0, 1, id="a clock that says nothing"),
    ],
)
def test_runs_of_passes(looks, since, passes):
    seen = after(*looks).sighting("eu", "kid")
    begun = None if since is None else NOON + since * HOUR
    assert (seen.visible_since, seen.passes) == (begun, passes)
    assert seen.seen_by == ("https://x/" if begun else "")


@pytest.mark.parametrize(("verdict", "remembered"), [(PASS, False), (FAIL, True), (UNKNOWN, True)])
def test_whether_a_url_ever_answered_without_the_keys(verdict, remembered):
    """Silence may have been a 404 for somebody else, and 404s are cached."""
    seen = after(look(0, verdict), look(1, PASS))
    assert seen.failed_before == ({"eu": NOON} if remembered else {})


def test_a_repair_ends_all_runs_of_its_gate_alone():
    seen = fold_look(after(look(0, PASS)), "us", look(0, PASS), ("kid",))
    ended = end_runs(seen, "eu")
    assert ended.sighting("eu", "kid").visible_since is None
    assert ended.sighting("us", "kid") == seen.sighting("us", "kid")


def test_where_a_foreign_key_was_seen_first():
    seen = after(look(0, FAIL, foreign="theirs"), look(1, FAIL, foreign="theirs"))
    assert (seen.foreign["theirs"].gate, seen.foreign["theirs"].at) == ("eu", NOON)
    assert not fold_look(seen, "eu", look(2, PASS), ("kid",)).foreign


def test_since_when_signers_use_another_key():
    away = fold_signing(Evidence(issuer="a"), "eu", {"other"}, ("kid", "other"), NOON)
    later = fold_signing(away, "eu", {"other"}, ("kid", "other"), NOON + HOUR)
    assert later.sighting("eu", "kid").away_since == NOON
    assert later.sighting("eu", "other").away_since is None
    back = fold_signing(later, "eu", {"kid"}, ("kid",), NOON + 2 * HOUR)
    assert back.sighting("eu", "kid").away_since is None


class TestWatermarksWhileClocksAreApart:
    def test_no_time_passes_and_the_longest_counts(self):
        seen = fold_staleness(after(look(0, PASS)), "eu", DAY, NOON)
        for hours, clock, old in ((1, PASS, HOUR), (99, FAIL, 2 * HOUR), (-99, FAIL, HOUR)):
            seen = fold_look(seen, "eu", look(hours, PASS, clock), ("kid",))
            seen = fold_staleness(seen, "eu", old, NOON + hours * HOUR)
        one = NOON + HOUR
        assert seen.marks["eu"] == (StalenessMark(DAY, one), StalenessMark(2 * HOUR, one))

    def test_it_was_in_force_until_somebody_could_date_a_look_again(self):
        seen = fold_staleness(after(look(0, PASS, FAIL)), "eu", DAY, NOON)
        seen = fold_look(seen, "eu", look(3, PASS, PASS), ("kid",))
        seen = fold_staleness(seen, "eu", HOUR, NOON + 3 * HOUR)
        three = NOON + 3 * HOUR
        assert seen.marks["eu"] == (StalenessMark(DAY, three), StalenessMark(HOUR, three))


def test_a_gate_that_heard_no_clock_goes_by_the_others():
    """Its look is dated by a host of which another gate says that its clock is behind."""
    seen = after(look(-9, PASS, FAIL), gate="us")
    behind = fold_look(seen, "eu", look(-9, PASS), ("kid",))
    assert behind.sighting("eu", "kid").visible_since is None
    right = fold_look(behind, "us", look(1, PASS, PASS), ("kid",))
    right = fold_look(right, "eu", look(1, PASS), ("kid",))
    assert right.sighting("eu", "kid").visible_since == NOON + HOUR


def test_a_clock_that_went_back_takes_nothing_out_of_force():
    """A look at a URL that is silent says nothing of the time."""
    seen = Evidence(issuer="a")
    for hours, old in ((0, DAY), (-9, DAY), (-8, HOUR), (1, HOUR)):
        seen = fold_look(seen, "eu", look(hours, UNKNOWN), ("kid",))
        seen = fold_staleness(seen, "eu", old, NOON + hours * HOUR)
    assert seen.marks["eu"] == (StalenessMark(DAY, NOON), StalenessMark(HOUR, NOON + HOUR))


def test_of_two_marks_that_end_together_the_one_in_force_stays_the_last():
    marks = tuple(StalenessMark(hours * HOUR, NOON) for hours in (5, 1, 3, 2))
    one = Evidence(issuer="a", marks={"eu": marks})
    assert cautious(one, one).marks["eu"] == marks
    assert cautious(Evidence(issuer="a", marks={"eu": marks[:2]}), one).marks["eu"] == marks


def test_a_foreign_key_was_seen_first_by_whoever_saw_it_earlier():
    one, other = after(look(1, FAIL, foreign="x")), after(look(0, FAIL, foreign="x"), gate="us")
    for both in (cautious(one, other), cautious(other, one)):
        assert (both.foreign["x"].gate, both.foreign["x"].at) == ("us", NOON)


def signed(evidence: Evidence, hour: float, *named: str) -> Evidence:
    """The region's signers were seen to be told these kids, so many hours after noon."""
    return fold_signing(evidence, "eu", named, ("kid",), NOON + hour * HOUR)


def test_a_contradicted_clock_begins_no_time_without_the_key():
    """T3 counts from there: begun by a clock that is behind, it would let a key go too early."""
    evidence = signed(after(look(0, PASS, clock=FAIL)), 0, "new")
    assert evidence.sighting("eu", "kid").away_since is None
    evidence = signed(fold_look(evidence, "eu", look(1, PASS, clock=PASS), ("kid",)), 1, "new")
    assert evidence.sighting("eu", "kid").away_since == NOON + HOUR
    evidence = signed(fold_look(evidence, "eu", look(0, PASS, clock=FAIL), ("kid",)), 0, "new")
    assert evidence.sighting("eu", "kid").away_since == NOON + HOUR
    assert signed(evidence, 0, "kid").sighting("eu", "kid").away_since is None


def test_looks_at_a_gate_that_left_are_forgotten():
    """A clock that was wrong there would contradict every gate that has none, for ever."""
    evidence = only_gates(after(look(0, PASS, clock=FAIL), gate="gone"), {"eu"})
    evidence = fold_look(evidence, "eu", look(0, PASS), ("kid",))
    assert evidence.sighting("eu", "kid").visible_since == NOON
