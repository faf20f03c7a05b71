"""What will be wrong later: certificates that end, holds that end."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.state import Hold
from rotator.planning.ahead import check_then, checks_then, hold_ending

NOW = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
ENDS = "its certificate ends 27 Nov 2026, 12:00 UTC, before"
SECOND = timedelta(seconds=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def check(verdict=PASS, detail="", expires=NOON):
    return Check(
        kind=CheckKind.HTTP, target="https://x", verdict=verdict, detail=detail, expires=expires
    )


@pytest.mark.parametrize(
    ("seen", "then", "verdict", "detail"),
    [
        (check(), at("2026-11-29T06:17"), FAIL, f"{ENDS} 29 Nov"),
        (check(), at("2027-01-02"), FAIL, f"{ENDS} 2 Jan 2027"),
        (check(), at("2026-11-27T18:05"), FAIL, f"{ENDS} 18:05"),
        (check(), NOON, FAIL, f"{ENDS} 12:00"),
        (check(), NOON - SECOND, PASS, ""),
        (check(expires=None), at("2036-01-01"), PASS, ""),
        (check(UNKNOWN, "answers 503"), at("2026-11-29"), FAIL, f"answers 503; {ENDS} 29 Nov"),
        (check(FAIL, "lacks abc"), at("2026-11-29"), FAIL, f"lacks abc; {ENDS} 29 Nov"),
        (check(UNKNOWN, "answers 503"), at("2026-11-25"), UNKNOWN, "answers 503"),
        (
            check(expires=NOON.astimezone(timezone(timedelta(hours=14)))),
            at("2026-11-29"),
            FAIL,
            f"{ENDS} 29 Nov",
        ),
    ],
)
def test_a_certificate_that_ends_before_fails_the_check(seen, then, verdict, detail):
    found = check_then(seen, then)
    assert (found.verdict, found.detail) == (verdict, detail)
    assert (found.kind, found.target, found.expires) == (seen.kind, seen.target, seen.expires)


def test_only_the_check_whose_certificate_ends():
    checks = checks_then((check(expires=None), check(), check(expires=at("2027-06-01"))), NOON)
    assert [found.verdict for found in checks] == [PASS, FAIL, PASS]


def hold(until):
    return Hold(reason="freeze", owner="ana", since=NOW - timedelta(days=1), until=until)


@pytest.mark.parametrize(
    ("held", "ends"),
    [
        (None, None),
        (hold(None), None),
        (hold(NOON), NOON),
        (hold(NOON + 10 * SECOND), None),
        (hold(NOON - SECOND), NOON - SECOND),
        (hold(NOW), None),
        (hold(NOW - SECOND), None),
    ],
    ids=["none", "for ever", "just then", "later", "before", "over now", "over long ago"],
)
def test_a_hold_that_will_have_ended(held, ends):
    assert hold_ending(held, NOW, NOON) == ends
