"""What a status comes to in words, the same on a terminal and on a page; kids are shortened, text is not yet cleaned."""

from datetime import datetime, timedelta
from enum import StrEnum

from rotator.app.reports import IssuerStatus, KeyStatus, NextStep, StatusReport
from rotator.domain.evidence import Check, CheckKind
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import Wait
from rotator.ports import KernelClock
from rotator.render.words import count, distance, key_name, offset, shortened

_SINCE = {
    Phase.STAGED: "staged_at",
    Phase.PUBLISHED: "published_at",
    Phase.ACTIVE: "activated_at",
    Phase.RETIRED: "retired_at",
    Phase.REMOVED: "removed_at",
    Phase.REVOKED: "revoked_at",
}


class Mood(StrEnum):
    """How an issuer is."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"


def since(key: KeyStatus) -> datetime | None:
    """When the key entered the phase it is in."""
    moment = getattr(key.key.moments, _SINCE[key.phase])
    return moment if isinstance(moment, datetime) else None


def matter(issuer: IssuerStatus, now: datetime) -> tuple[str, Mood]:
    """What is the matter with an issuer, the worst first, in half a sentence."""
    if issuer.revoking:
        kids = ", ".join(key_name(kid) for kid in issuer.revoking)
        return f"revoked, and not withdrawn everywhere yet: {kids}", Mood.BAD
    if issuer.overdue:
        return f"overdue: {', '.join(issuer.overdue)}", Mood.BAD
    if issuer.blocked:
        first = issuer.blocked[0]
        return f"{step_name(first).split(' to ')[0]} blocked: {first.reason}", Mood.BAD
    if issuer.hold and issuer.hold.holds_at(now):
        return f"held: {shortened(issuer.hold.reason)}", Mood.WAIT
    if issuer.plan.steps:
        return f"{count(len(issuer.plan.steps), 'step')} due", Mood.WAIT
    if issuer.active is None:
        return "no key signs yet", Mood.WAIT
    return f"{key_name(issuer.active)} signs everywhere, nothing is due", Mood.GOOD


def mood_of(issuer: IssuerStatus, now: datetime) -> Mood:
    """How an issuer is: BAD where somebody must look."""
    return Mood.BAD if issuer.attention else matter(issuer, now)[1]


def summary(issuer: IssuerStatus, now: datetime) -> str:
    """What is the matter, and which regions do not pass where that says nothing of them."""
    words, mood = matter(issuer, now)
    if mood is Mood.BAD or not issuer.failing:
        return words
    verb = "does" if len(issuer.failing) == 1 else "do"
    return f"{_names(issuer.failing)} {verb} not pass; {words}"


def _names(names: tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b, c and 4 more`."""
    shown = names[:NAMED] if len(names) > NAMED + 1 else names
    *first, last = [*shown, f"{len(names) - NAMED} more"] if shown != names else shown
    return f"{', '.join(first)} and {last}" if first else last


NAMED = 3
"""How many regions a sentence names."""


def step_name(step: NextStep | Wait) -> str:
    """`switch to Kd93mZtQ`, `remove 7hPqA0ve`."""
    verb = step.kind.replace("_", " ")
    if step.kid is None:
        return verb
    return f"{verb}{' to' if step.kind == 'switch' else ''} {key_name(step.kid)}"


def next_when(step: NextStep, now: datetime) -> str:
    """`, in 62 d`, nothing where no moment can be named."""
    return f", {distance(step.at, now)}" if step.at else ""


def clock_words(check: Check) -> str | None:
    """`+0.01 s ± 0.50 s`, None where no offset was read."""
    if check.kind is not CheckKind.CLOCK or check.clock_offset is None:
        return None
    bound = check.clock_error
    return offset(check.clock_offset) + (f" ± {_fine(bound)}" if bound else "")


def _fine(bound: timedelta) -> str:
    seconds = bound.total_seconds()
    return f"{seconds:.2f} s" if seconds >= _COARSE else f"{max(1, round(seconds * 1000))} ms"


_COARSE = 0.1
"""Seconds from which on two digits say enough."""


def host_words(host: KernelClock | None) -> str | None:
    """What the kernel says of this host's clock, None where it does not tell."""
    if host is None:
        return None
    if not host.synchronised:
        return "this host: nothing keeps its clock"
    return f"this host: synchronised, within {_fine(host.max_error)}"


def verdict_on(report: StatusReport) -> tuple[str, Mood]:
    """The answer to everything in one sentence."""
    total, wanting = len(report.issuers), sum(issuer.attention for issuer in report.issuers)
    if not total:
        return "There is no issuer to show", Mood.WAIT
    if wanting:
        who = report.issuers[0].issuer if total == 1 else f"{wanting} of {count(total, 'issuer')}"
        return f"{who} need{'s' if wanting == 1 else ''} attention", Mood.BAD
    moods = [mood_of(issuer, report.at) for issuer in report.issuers]
    if waiting := sum(mood is not Mood.GOOD for mood in moods):
        who = "" if total == 1 else f", {waiting} of {total} issuers"
        return f"Nothing is wrong; something is due or held{who}", Mood.WAIT
    return "All is well", Mood.GOOD
