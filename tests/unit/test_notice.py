"""Notices as values: which two are the same, and what two who told at the same time remember."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.cautious import cautious
from rotator.domain.codec import decode, encode
from rotator.domain.evidence import Evidence
from rotator.domain.notice import Course, Notice, Topic, told_by_both
from rotator.domain.plan import Reason

NOW = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY_BEFORE = NOW - timedelta(days=1)
NOTICE = Notice(
    about="gate/not_seen/eu-central-1",
    topic=Topic.GATE,
    course=Course.BEGUN,
    issuer="accounts",
    at=NOW,
    since=NOW,
    message="switch is blocked",
    runbook="runbooks/gate-stays-closed.md",
    region="eu-central-1",
    reason_code=Reason.NOT_SEEN,
)
LATER = replace(NOTICE, at=NOW + HOUR)
LASTS = replace(NOTICE, course=Course.LASTS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (NOTICE, LATER, True),
        (NOTICE, replace(NOTICE, message="said otherwise"), True),
        (NOTICE, replace(NOTICE, since=NOW + HOUR), False),
        (NOTICE, replace(NOTICE, issuer="payments"), False),
        (NOTICE, replace(NOTICE, about="overdue"), False),
        (NOTICE, LASTS, False),
        (NOTICE, replace(NOTICE, course=Course.OVER), False),
        (LASTS, replace(LASTS, at=NOW + HOUR), False),
    ],
    ids=[
        "tried again by a later run",
        "in other words",
        "begun anew",
        "another issuer",
        "about something else",
        "a reminder",
        "the end of it",
        "the next reminder",
    ],
)
def test_the_id_is_that_of_what_is_told(one: Notice, other: Notice, same: bool) -> None:
    assert (one.id == other.id) is same


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({}, {}, {}),
        ({"ops": {"a": NOTICE}}, {}, {"ops": {"a": NOTICE}}),
        ({"ops": {"a": NOTICE}}, {"ops": {"b": LATER}}, {"ops": {"a": NOTICE, "b": LATER}}),
        ({"ops": {"a": NOTICE}}, {"ops": {"a": LATER}}, {"ops": {"a": LATER}}),
        ({"ops": {"a": LATER}}, {"ops": {"a": NOTICE}}, {"ops": {"a": LATER}}),
        ({"ops": {"a": NOTICE}}, {"chat": {}}, {"ops": {"a": NOTICE}, "chat": {}}),
    ],
    ids=["nothing", "one alone", "two things", "the other later", "the one later", "two readers"],
)
def test_what_either_has_told_counts_as_told(one, other, both) -> None:
    assert told_by_both(one, other) == both
    evidence = cautious(Evidence(issuer="a", told=one), Evidence(issuer="a", told=other))
    assert evidence.told == both


def test_it_survives_being_stored() -> None:
    evidence = Evidence(issuer="accounts", told={"ops": {NOTICE.about: NOTICE}})
    assert decode(Evidence, encode(evidence)) == evidence


def test_evidence_from_before_there_were_notices_is_read() -> None:
    stored = encode(Evidence(issuer="accounts"))
    del stored["told"]
    assert decode(Evidence, stored).told == {}
