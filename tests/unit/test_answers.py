"""Several answers of one URL become one check: the worst counts, and the words say whose it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.planning.answers import Answered, summed_up

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
A, B, C, D = "203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::9"


def good(**more: Any) -> Check:
    members: dict[str, Any] = {"kids": ("k1", "k2"), "keys": {"k1": PASS, "k2": PASS}, **more}
    return Check(kind=CheckKind.HTTP, target="https://x/", verdict=PASS, **members)


def stale() -> Check:
    return Check(
        kind=CheckKind.HTTP,
        target="https://x/",
        verdict=FAIL,
        detail="lacks k2",
        kids=("k1",),
        keys={"k1": PASS, "k2": FAIL},
    )


def old(days: int) -> Check:
    return replace(stale(), age=timedelta(days=days))


def silent() -> Check:
    return Check(kind=CheckKind.HTTP, target="https://x/", verdict=UNKNOWN, detail="timed out")


@pytest.mark.parametrize(
    ("answers", "verdict", "k2", "detail"),
    [
        pytest.param([(A, good()), (B, good())], PASS, PASS, "", id="all the same"),
        pytest.param([(A, stale()), (B, stale())], FAIL, FAIL, "lacks k2", id="all alike wrong"),
        pytest.param(
            [(A, good()), (B, good()), (C, good()), (D, stale())],
            FAIL,
            FAIL,
            "1 of 4 addresses (2001:db8::9): lacks k2",
            id="one edge is stale",
        ),
        pytest.param(
            [(A, good()), (B, silent())],
            UNKNOWN,
            UNKNOWN,
            "1 of 2 addresses (203.0.113.2): timed out",
            id="one is silent",
        ),
        pytest.param(
            [(A, good()), (A, stale())],
            FAIL,
            FAIL,
            "1 of 2 answers: lacks k2",
            id="one address, two edges behind it",
        ),
        pytest.param(
            [(A, stale()), (B, stale()), (C, stale()), (D, stale()), ("203.0.113.5", good())],
            FAIL,
            FAIL,
            f"4 of 5 addresses ({A}, {B}, {C} and 1 more): lacks k2",
            id="three are named",
        ),
        pytest.param(
            [(A, good()), (B, old(2)), (C, old(3))],
            FAIL,
            FAIL,
            f"2 of 3 addresses ({B}, {C}): lacks k2 (a copy 3 d old)",
            id="out of caches",
        ),
        pytest.param(
            [(A, stale()), (B, silent())],
            FAIL,
            FAIL,
            f"1 of 2 addresses ({A}): lacks k2; 1 of 2 addresses ({B}): timed out",
            id="two troubles",
        ),
    ],
)
def test_the_worst_counts(answers, verdict, k2, detail):
    check = summed_up([Answered(*answer) for answer in answers])
    assert (check.verdict, check.keys["k2"], check.detail) == (verdict, k2, detail)
    assert check.looked == len(answers)


def test_kids_are_those_that_every_answer_served():
    assert summed_up([Answered(A, good()), Answered(B, stale())]).kids == ("k1",)
    assert summed_up([Answered(A, silent())]).kids == ()


def test_of_what_was_measured_the_most_cautious_counts():
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    one = good(
        age=timedelta(1), max_age=timedelta(2), stale=timedelta(), expires=noon, foreign=("f",)
    )
    other = good(age=timedelta(3), max_age=timedelta(1), latency=timedelta(1), uncacheable="none")
    both = summed_up([Answered(A, one), Answered(B, other)])
    assert (both.age, both.max_age, both.stale) == (timedelta(3), timedelta(2), timedelta())
    assert (both.latency, both.expires) == (timedelta(1), noon)
    assert (both.uncacheable, both.foreign) == ("none", ("f",))
