"""What others are to be told: an issuer as it stands against what they were told before. Pure.

A condition is told when it begins, again while it lasts, and when it is over; an event once. What a run missed, because
it was killed or nobody answered, the next one tells.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from rotator.app.observing import Observation
from rotator.app.reports import IssuerStatus
from rotator.domain.evidence import Verdict
from rotator.domain.jwks import short
from rotator.domain.notice import Course, Notice, Topic
from rotator.domain.plan import FindingKind, Reason
from rotator.domain.state import IssuerState

REMEMBERED: Final = frozenset({Topic.SWITCH, Topic.REVOKE})
"""Topics that the state alone shows; the others need a look at the regions."""

RUNBOOKS: Final = {
    Topic.SWITCH: "runbooks/planned-rotation.md",
    Topic.GATE: "runbooks/gate-stays-closed.md",
    Topic.OVERDUE: "runbooks/gate-stays-closed.md",
    Topic.FOREIGN_KEY: "runbooks/foreign-key.md",
    Topic.REVOKE: "runbooks/compromise-of-a-key.md",
}
"""What to read about each topic."""


@dataclass(frozen=True, slots=True)
class News:
    """What to remember of `about` once `notice` was delivered, or at once where there is none; None: forget it."""

    about: str
    notice: Notice | None
    remember: Notice | None


def happening(seen: Observation, issuer: IssuerStatus) -> tuple[Notice, ...]:
    """Every event that is remembered and every condition that holds, each as it is told first."""
    state, at = seen.states[issuer.issuer], seen.report.at
    found = [*_switches(state, at), *_revocations(state, seen.unwithdrawn(issuer.issuer), at)]
    if issuer.issuer in seen.looked:
        found += [*_closed_gates(issuer, at), *_overdue(issuer, at), *_foreign(issuer, at)]
    return tuple(found)


def news(
    told: Mapping[str, Notice],
    present: Iterable[Notice],
    topics: Collection[Topic],
    repeat: timedelta,
    at: datetime,
) -> tuple[News, ...]:
    """What somebody who was told `told` wants to hear now; `topics` are those that anything can be said about."""
    wanted = {notice.about: notice for notice in present if notice.topic in topics}
    found = [_beginning(told, notice, repeat) for notice in wanted.values()]
    found += [
        _ending(before, wanted, at)
        for about, before in told.items()
        if about not in wanted and before.topic in topics
    ]
    return tuple(one for one in found if one is not None)


def remembering(told: Mapping[str, Notice], done: Iterable[News]) -> Mapping[str, Notice]:
    """What was told, after these were."""
    after = dict(told)
    for one in done:
        if one.remember is None:
            after.pop(one.about, None)
        else:
            after[one.about] = one.remember
    return after


def _beginning(told: Mapping[str, Notice], notice: Notice, repeat: timedelta) -> News | None:
    """The news about something that is so now."""
    before = told.get(notice.about)
    if before is None:
        # Whoever listens from today on is not told of what has long been over.
        stale = notice.course is Course.HAPPENED and notice.at - notice.since > repeat
        old = stale and not any(known.topic is notice.topic for known in told.values())
        return News(notice.about, None if old else notice, notice)
    if notice.course is Course.HAPPENED:
        return None if before.since == notice.since else News(notice.about, notice, notice)
    if notice.at - before.at < repeat:
        return None
    again = replace(notice, course=Course.LASTS, since=before.since)
    return News(notice.about, again, again)


def _ending(before: Notice, present: Mapping[str, Notice], at: datetime) -> News:
    """The news about something that was so; an event, or what an event says better, is forgotten without a word."""
    finished = before.topic is Topic.SWITCH and f"switch/done/{before.kid}" in present
    if finished or before.course is Course.HAPPENED:
        return News(before.about, None, None)
    words = f"over: {before.message}"
    if before.topic is Topic.REVOKE:
        words = f"{short(before.kid or '')} is withdrawn everywhere"
    return News(before.about, replace(before, course=Course.OVER, at=at, message=words), None)


def _switches(state: IssuerState, at: datetime) -> Iterator[Notice]:
    begun, active = state.switching(), state.active()
    if begun:
        since = begun.moments.switch_started_at
        words = f"the switch to {short(begun.kid)} has begun"
        told = _notice(state.issuer, f"switch/{begun.kid}", Topic.SWITCH, words, at, since)
        yield replace(told, kid=begun.kid)
    if active:
        since, words = active.moments.activated_at, f"{short(active.kid)} signs in every region"
        told = _notice(state.issuer, f"switch/done/{active.kid}", Topic.SWITCH, words, at, since)
        yield replace(told, kid=active.kid, course=Course.HAPPENED)


def _revocations(state: IssuerState, unfinished: Collection[str], at: datetime) -> Iterator[Notice]:
    for one in state.revocations:
        by = f" by {one.owner}" if one.owner else ""  # the regions do not tell who it was
        words = f"{short(one.kid)} was revoked{by}: {one.reason}"
        told = _notice(state.issuer, f"revoke/{one.kid}", Topic.REVOKE, words, at, one.at)
        yield replace(told, kid=one.kid, course=Course.HAPPENED)
        if one.kid in unfinished:
            words = f"{short(one.kid)} is revoked and not yet withdrawn everywhere"
            about = f"revoke/unfinished/{one.kid}"
            told = _notice(state.issuer, about, Topic.REVOKE, words, at, one.at)
            yield replace(told, kid=one.kid)


def _closed_gates(issuer: IssuerStatus, at: datetime) -> Iterator[Notice]:
    """What stops a step that is due; and what would stop the next one, as long as nobody mends it."""
    for wait in issuer.blocked:
        about = f"gate/{wait.reason_code}/{wait.region or ''}"
        words = f"{wait.kind} is blocked: {wait.reason}"
        told = _notice(issuer.issuer, about, Topic.GATE, words, at)
        yield replace(told, region=wait.region, kid=wait.kid, reason_code=wait.reason_code)
    for region, look in issuer.looks.items():
        wrong = [check for check in look.checks if check.verdict is Verdict.FAIL]
        if wrong:
            words = f"{region} does not pass: {wrong[0].kind}: {wrong[0].detail or wrong[0].target}"
            told = _notice(issuer.issuer, f"gate/look/{region}", Topic.GATE, words, at)
            yield replace(told, region=region)


def _overdue(issuer: IssuerStatus, at: datetime) -> Iterator[Notice]:
    if issuer.overdue:
        yield _notice(issuer.issuer, "overdue", Topic.OVERDUE, "; ".join(issuer.overdue), at)


def _foreign(issuer: IssuerStatus, at: datetime) -> Iterator[Notice]:
    for finding in issuer.plan.findings:
        if finding.kind is FindingKind.FOREIGN_KEY:
            about = f"foreign_key/{finding.region or ''}"
            told = _notice(issuer.issuer, about, Topic.FOREIGN_KEY, finding.detail, at)
            yield replace(told, region=finding.region, reason_code=Reason.FOREIGN_KEY)


def _notice(
    issuer: str, about: str, topic: Topic, words: str, at: datetime, since: datetime | None = None
) -> Notice:
    """A condition as it is told first; one that nothing dates begins when it is seen."""
    return Notice(
        about=about,
        topic=topic,
        course=Course.BEGUN,
        issuer=issuer,
        at=at,
        since=since or at,
        message=words,
        runbook=RUNBOOKS[topic],
    )
