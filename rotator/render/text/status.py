"""The status as people read it: what is the matter and what comes next; keys by regions; time; the next command."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from rotator.app.reports import IssuerStatus, KeyInRegion, KeyStatus, NextStep, StatusReport
from rotator.domain.evidence import Verdict
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import Reason, Switch
from rotator.render.text.plan import wait_name, wait_rows
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.text.timeline import timeline
from rotator.render.words import DASH, age, clean, count, date, distance, full, key_name, utc

SIGNS = {
    Verdict.PASS: ("✓", Style.GOOD),
    Verdict.FAIL: ("✗", Style.BAD),
    Verdict.UNKNOWN: ("?", Style.WAIT),
}
GONE = frozenset({Phase.REMOVED, Phase.REVOKED})
_TURNS = frozenset({Reason.NOT_ITS_TURN, Reason.NO_CANDIDATE})
_PHASES = {Phase.ACTIVE: Style.GOOD, Phase.RETIRED: Style.PAST}
_SINCE = {
    Phase.STAGED: "staged_at",
    Phase.PUBLISHED: "published_at",
    Phase.ACTIVE: "activated_at",
    Phase.RETIRED: "retired_at",
}


def status_text(report: StatusReport, zone: tzinfo | None) -> list[Block]:
    """Every issuer, one below the other."""
    blocks: list[Block] = []
    for issuer in report.issuers:
        blocks += [*issuer_text(issuer, report.at, zone), blank()]
    return blocks[:-1]


def issuer_text(issuer: IssuerStatus, now: datetime, zone: tzinfo | None) -> list[Block]:
    """Headline, matrix, time axis, what stands in the way, what to do."""
    living = [key for key in issuer.keys if key.phase not in GONE]
    blocks: list[Block] = [_headline(issuer, now)]
    if living:
        axis = timeline(_shown_in_time(issuer, living), now, _horizon(issuer, living, now))
        blocks += [blank(), grid(_matrix(issuer, living, now), by=2, gap=3)]
        blocks += [blank(), *axis] if axis else []
    if waits := _waiting_key(issuer):
        blocks += [blank(), grid(_seen(waits), by=2)]
    if issuer.blocked or issuer.overdue:
        overdue: list[list[Cell]] = [
            [say("overdue", Style.BAD), "", name] for name in issuer.overdue
        ]
        blocks += [blank(), grid([*overdue, *wait_rows(issuer.blocked, now, zone)], by=2)]
    return [*blocks, blank(), _what_next(issuer, now, zone)]


def since(key: KeyStatus) -> datetime | None:
    """When the key entered the phase it is in."""
    member = _SINCE.get(key.phase)
    return getattr(key.key.moments, member) if member else None


def _headline(issuer: IssuerStatus, now: datetime) -> Block:
    words, style = _matter(issuer, now)
    coming = issuer.next[0] if issuer.next else None
    after = f"        next: {_next_name(coming)}{_next_when(coming, now)}" if coming else ""
    return line(say(issuer.issuer, Style.STRONG), "   ", say(words, style), after)


def _matter(issuer: IssuerStatus, now: datetime) -> tuple[str, Style]:
    if issuer.overdue:
        return f"overdue: {', '.join(issuer.overdue)}", Style.BAD
    if issuer.blocked:
        first = issuer.blocked[0]
        return f"{wait_name(first).split(' to ')[0]} blocked: {first.reason}", Style.BAD
    if issuer.hold and issuer.hold.holds_at(now):
        return f"held: {issuer.hold.reason}", Style.WAIT
    if issuer.plan.steps:
        return f"{count(len(issuer.plan.steps), 'step')} due", Style.WAIT
    if issuer.active is None:
        return "no key signs yet", Style.WAIT
    return f"{key_name(issuer.active)} signs everywhere, nothing is due", Style.GOOD


def _next_name(step: NextStep) -> str:
    verb = step.kind.replace("_", " ")
    if step.kid is None:
        return verb
    return (
        f"{verb} to {key_name(step.kid)}"
        if step.kind == "switch"
        else f"{verb} {key_name(step.kid)}"
    )


def _next_when(step: NextStep, now: datetime) -> str:
    return f", {distance(step.at, now)}" if step.at else ""


def _matrix(issuer: IssuerStatus, keys: Sequence[KeyStatus], now: datetime) -> list[list[Cell]]:
    rows: list[list[Cell]] = [
        [say(name, Style.PAST) for name in ("key", "phase", "since", *issuer.gates)]
    ]
    for key in keys:
        began = since(key)
        cells = [_cell(key.regions.get(gate), now) for gate in issuer.gates]
        phase = say(key.phase, _PHASES.get(key.phase, Style.PLAIN))
        rows.append([key_name(key.key.kid), phase, date(began, now) if began else DASH, *cells])
    return rows


def _waiting_key(issuer: IssuerStatus) -> KeyStatus | None:
    """The key whose gates are being asked now: a switch to it is due, or waits for more than its turn."""
    kids = [
        w.kid for w in issuer.plan.waiting if w.kind == "switch" and w.reason_code not in _TURNS
    ]
    kids += [step.kid for step in issuer.plan.steps if isinstance(step, Switch)]
    return next((key for key in issuer.keys if key.key.kid in kids), None)


def _seen(key: KeyStatus) -> list[list[Cell]]:
    """Which probe saw the key first at each gate, and since when without a fail."""
    return [
        [
            say("seen", Style.PAST),
            key_name(key.key.kid),
            gate,
            _since(seen),
            clean(seen.seen_by),
        ]
        for gate, seen in key.regions.items()
    ]


def _since(seen: KeyInRegion) -> str:
    if seen.visible_since is None:
        return "not yet"
    return f"since {utc(seen.visible_since)}, {count(seen.passes, 'look')} in a row"


def _cell(seen: KeyInRegion | None, now: datetime) -> Cell:
    if seen is None or seen.checked_at is None:
        return say("? never seen", Style.WAIT)
    sign, style = SIGNS[seen.verdict]
    word = {Verdict.PASS: "", Verdict.FAIL: "not served ", Verdict.UNKNOWN: "unknown "}[
        seen.verdict
    ]
    return say(f"{sign} {word}{age(now - seen.checked_at)}", style)


def _shown_in_time(issuer: IssuerStatus, living: Sequence[KeyStatus]) -> list[KeyStatus]:
    """The living keys, and those that left while one of them was there already."""
    first = min(key.key.moments.staged_at for key in living)
    gone = [
        key for key in issuer.keys if key.phase in GONE and (left := _left(key)) and left > first
    ]
    return [*gone[-3:], *living]


def _left(key: KeyStatus) -> datetime | None:
    return key.key.moments.revoked_at or key.key.moments.removed_at


def _horizon(issuer: IssuerStatus, living: Sequence[KeyStatus], now: datetime) -> datetime:
    """Where the axis ends: after the next step and the last removal that is certain, but not far beyond the past."""
    began = min(key.key.moments.staged_at for key in living)
    known = [step.at for step in issuer.next if step.at] + [
        key.remove_after for key in living if key.remove_after
    ]
    furthest = max([now, *known]) + timedelta(seconds=1)
    return min(furthest, now + max(now - began, timedelta(minutes=1)))


def _what_next(issuer: IssuerStatus, now: datetime, zone: tzinfo | None) -> Block:
    if issuer.plan.steps:
        return line(
            "  ",
            say(f"{count(len(issuer.plan.steps), 'step')} due.", Style.STRONG),
            " See and apply: rotator plan, rotator apply",
        )
    if issuer.blocked:
        return line("  Look closer: rotator plan, rotator verify")
    coming = next((step for step in issuer.next if step.at), None)
    if coming is None or coming.at is None:
        return line("  Nothing to do.")
    return line(f"  Nothing to do now. Next: {_next_name(coming)}, {full(coming.at, now, zone)}")
