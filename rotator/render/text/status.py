"""The status as people read it: what is the matter and what comes next; keys by regions; time; the next command."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rotator.app.reports import IssuerStatus, KeyInRegion, KeyStatus, StatusReport
from rotator.domain.evidence import Verdict
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import Reason, Switch
from rotator.render.spans import GONE, axis_of
from rotator.render.status_words import (
    Mood,
    clock_words,
    host_words,
    matter,
    next_when,
    since,
    step_name,
)
from rotator.render.text.plan import wait_rows
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.text.timeline import timeline, width_for
from rotator.render.words import DASH, age, clean, count, date, full, key_name, shortened, utc

SIGNS = {
    Verdict.PASS: ("✓", Style.GOOD),
    Verdict.FAIL: ("✗", Style.BAD),
    Verdict.UNKNOWN: ("?", Style.WAIT),
}
_TURNS = frozenset({Reason.NOT_ITS_TURN, Reason.NO_CANDIDATE})
_PHASES = {Phase.ACTIVE: Style.GOOD, Phase.RETIRED: Style.PAST}
_REASON = 400
"""Characters of a reason that are shown; the log has all of it."""
_MOODS = {Mood.GOOD: Style.GOOD, Mood.WAIT: Style.WAIT, Mood.BAD: Style.BAD}


def status_text(
    report: StatusReport, zone: tzinfo | None, columns: int | None = None
) -> list[Block]:
    """Every issuer, one below the other, on a terminal of so many columns; None: it is no terminal."""
    blocks: list[Block] = []
    for issuer in report.issuers:
        blocks += [*issuer_text(issuer, report.at, zone, columns), *_clocks(issuer, report)]
        blocks += [blank(), _what_next(issuer, report.at, zone), blank()]
    return blocks[:-1]


def issuer_text(
    issuer: IssuerStatus, now: datetime, zone: tzinfo | None, columns: int | None = None
) -> list[Block]:
    """Headline, matrix, time axis, what stands in the way."""
    living = [key for key in issuer.keys if key.phase not in GONE]
    blocks: list[Block] = [_headline(issuer, now)]
    if living:
        blocks += [blank(), grid(_matrix(issuer, living, now), by=2, gap=3)]
    if axis := axis_of(issuer, now):
        blocks += [blank(), *timeline(issuer, axis, width_for(columns))]
    if waits := _waiting_key(issuer):
        blocks += [blank(), grid(_seen(waits), by=2)]
    overdue: list[list[Cell]] = [[say("overdue", Style.BAD), "", name] for name in issuer.overdue]
    if rows := [*overdue, *_hold(issuer, now, zone), *wait_rows(issuer.blocked, now, zone)]:
        blocks += [blank(), grid(rows, by=2)]
    return blocks


def _hold(issuer: IssuerStatus, now: datetime, zone: tzinfo | None) -> list[list[Cell]]:
    """Who stops the issuer's timers, until when, and how that ends."""
    hold = issuer.hold
    if hold is None or not hold.holds_at(now):
        return []
    ends = f"until {full(hold.until, now, zone)}" if hold.until else "until it is released"
    words = f"by {hold.owner} {ends}: {shortened(hold.reason, _REASON)}"
    return [
        [say("held", Style.WAIT), "", words],
        ["", "", say(f"rotator release {issuer.issuer}", Style.PAST)],
    ]


def _clocks(issuer: IssuerStatus, report: StatusReport) -> list[Block]:
    """What other clocks said at the last look, those that are off in red; nothing where none was read."""
    read: list[Cell] = [
        say(f"{gate} {words}", Style.BAD if check.verdict is Verdict.FAIL else Style.PLAIN)
        for gate, look in issuer.looks.items()
        for check in look.clocks()
        if (words := clock_words(check))
    ]
    if not read:
        return []
    told: list[Cell] = [*read, *filter(None, [host_words(report.host)])]
    row = line(*[part for cell in told for part in (" · ", cell)][1:])
    return [blank(), grid([[say("clocks", Style.PAST), row]], by=2)]


def _headline(issuer: IssuerStatus, now: datetime) -> Block:
    words, mood = matter(issuer, now)
    coming = issuer.next[0] if issuer.next else None
    after = f"        next: {step_name(coming)}{next_when(coming, now)}" if coming else ""
    return line(say(issuer.issuer, Style.STRONG), "   ", say(words, _MOODS[mood]), after)


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
    if issuer.hold and issuer.hold.until is None:
        return line("  Nothing is due that the hold lets through.")
    if coming is None or coming.at is None:
        return line("  Nothing to do.")
    return line(f"  Nothing to do now. Next: {step_name(coming)}, {full(coming.at, now, zone)}")
