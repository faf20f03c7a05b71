"""The propagation gate as people read it: a row a region, what is wrong below it, then open or closed."""

from datetime import timedelta

from rotator.app.reports import RegionVerdict, VerifyReport
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.times import say as say_duration
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.text.status import SIGNS
from rotator.render.words import DASH, age, count, offset, rough

_NAMES = {
    CheckKind.ORIGIN: "origin",
    CheckKind.HTTP: "edge",
    CheckKind.VERIFIER: "verifiers",
    CheckKind.CLOCK: "clock",
    CheckKind.CANARY: "canary",
}

_MORE = "  more: runbooks/gate-stays-closed.md"


def verify_text(report: VerifyReport, left: timedelta | None = None) -> list[Block]:
    """Every issuer's regions, then the gate; `left` is the waiting time that remains."""
    blocks: list[Block] = []
    for issuer in dict.fromkeys(region.issuer for region in report.regions):
        regions = [region for region in report.regions if region.issuer == issuer]
        blocks += [say(issuer, Style.STRONG), *_regions(regions), blank()]
    if report.overdue:
        blocks += [
            grid([[say("overdue", Style.BAD), name] for name in report.overdue], by=2),
            blank(),
        ]
    more = [] if report.gate_open or left is not None else [say(_MORE, Style.PAST)]
    return [*blocks, gate_line(report, left), *more]


def gate_line(report: VerifyReport, left: timedelta | None = None) -> Block:
    """Open, or closed and by what."""
    words = gate_words(report, left).partition(":")
    style = Style.GOOD if report.gate_open else Style.BAD
    return line("  ", say(words[0], style), "".join(words[1:]))


def gate_words(report: VerifyReport, left: timedelta | None = None) -> str:
    """The same without colour, for a log."""
    if report.gate_open:
        return f"gate open: {count(len(report.regions), 'region')} checked, every one passes"
    closed = dict.fromkeys(r.region for r in report.regions if r.verdict is not Verdict.PASS)
    reasons = [*closed, *(["something is overdue"] if report.overdue else [])] or [
        "nothing was checked"
    ]
    waiting = f". Waiting, {rough(left)} left …" if left is not None else ""
    return f"gate closed: {', '.join(reasons)}{waiting}"


def _regions(regions: list[RegionVerdict]) -> list[Block]:
    kinds = [
        kind for kind in CheckKind if any(check.kind is kind for r in regions for check in r.checks)
    ]
    rows = [[region.region, *(_cell(region, kind) for kind in kinds)] for region in regions]
    table = grid(rows, by=2, gap=3)
    troubles = [
        [region.region, f"{_NAMES[check.kind]}: {check.detail} ({check.target})"]
        for region in regions
        for check in region.checks
        if check.verdict is not Verdict.PASS
    ]
    return [table, grid(troubles, by=6)] if troubles else [table]


def _cell(region: RegionVerdict, kind: CheckKind) -> Cell:
    checks = [check for check in region.checks if check.kind is kind]
    if not checks:
        return say(DASH, Style.PAST)
    verdicts = [check.verdict for check in checks]
    verdict = next(v for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if v in verdicts)
    sign, style = SIGNS[verdict]
    about = _about(checks)
    return line(say(sign, style), f" {_NAMES[kind]}", f" ({about})" if about else "")


def _about(checks: list[Check]) -> str:
    facts = [f"{len(checks)} looked at"] if len(checks) > 1 else []
    if longest := max(
        (check.max_age for check in checks if check.max_age is not None), default=None
    ):
        facts.append(f"max-age {say_duration(longest)}")
    if oldest := max((check.age for check in checks if check.age is not None), default=None):
        facts.append(f"age {age(oldest)}")
    if offsets := [check.clock_offset for check in checks if check.clock_offset is not None]:
        facts.append(offset(max(offsets, key=abs)))
    return ", ".join(facts)
