"""The propagation gate as people read it: a row a region with what is wrong below it, then open or closed."""

from collections.abc import Sequence
from datetime import timedelta

from rotator.app.reports import HoldEnds, RegionVerdict, VerifyReport
from rotator.domain.checks import SAMPLES
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.times import say as say_duration
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.text.status import SIGNS
from rotator.render.words import DASH, age, count, offset, rough, utc

CHECK_NAMES = {
    CheckKind.ORIGIN: "origin",
    CheckKind.HTTP: "edge",
    CheckKind.VERIFIER: "verifiers",
    CheckKind.CLOCK: "clock",
    CheckKind.CANARY: "canary",
}

HOST_WORDS = "nothing keeps its clock, says the kernel; the clocks above are what counts"

VANTAGE = "  seen from here: other places may meet other edges, which edge_cache covers; pin them with resolve"

MORE = "runbooks/gate-stays-closed.md"


def verify_text(report: VerifyReport, left: timedelta | None = None) -> list[Block]:
    """Every issuer's regions, then the gate; `left` is the waiting time that remains."""
    blocks: list[Block] = []
    for issuer in issuers_of(report):
        regions = [region for region in report.regions if region.issuer == issuer]
        blocks += [say(issuer, Style.STRONG), *_regions(regions), blank()]
    notes: list[list[Cell]] = [[say("overdue", Style.BAD), name] for name in report.overdue]
    notes += [[say("hold", Style.WAIT), hold_words(hold)] for hold in report.holds]
    if report.host and not report.host.synchronised:
        notes.append([say("this host", Style.WAIT), HOST_WORDS])
    blocks += [grid(notes, by=2), blank()] if notes else []
    more = [] if report.gate_open or left is not None else [say(f"  more: {MORE}", Style.PAST)]
    kinds = {check.kind for region in report.regions for check in region.checks}
    if CheckKind.HTTP in kinds and left is None:
        more.insert(0, say(VANTAGE, Style.PAST))
    return [*blocks, gate_line(report, left), *more]


def gate_line(report: VerifyReport, left: timedelta | None = None) -> Block:
    """Open, or closed and by what."""
    style = Style.GOOD if report.gate_open else Style.BAD
    return line("  ", say(_gate(report), style), f": {_why(report)}{_waiting(left)}")


def gate_words(report: VerifyReport, left: timedelta | None = None) -> str:
    """The same without colour, for a log."""
    return f"{_gate(report)}: {_why(report)}{_waiting(left)}"


def issuers_of(report: VerifyReport) -> tuple[str, ...]:
    """The issuers that were looked at, in order."""
    return tuple(dict.fromkeys(region.issuer for region in report.regions))


def worst_of(checks: Sequence[Check]) -> Verdict:
    """The verdict to show for checks of one kind, of which there is one at least."""
    verdicts = {check.verdict for check in checks}
    return next(v for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if v in verdicts)


def hold_words(hold: HoldEnds) -> str:
    """What the end of a hold means."""
    return f"the hold of {hold.issuer} ends {utc(hold.at)}: what is due then goes on"


def _gate(report: VerifyReport) -> str:
    when = f" as of {utc(report.at)}" if report.ahead else ""
    return f"gate {'open' if report.gate_open else 'closed'}{when}"


def _why(report: VerifyReport) -> str:
    if report.gate_open:
        then = ", and is taken to go on" if report.ahead else ""
        return f"{count(len(report.regions), 'region')} checked, every one passes{then}"
    closed = dict.fromkeys(r.region for r in report.regions if r.verdict is not Verdict.PASS)
    late = ["something is overdue"] if report.overdue else []
    return ", ".join([*closed, *late] or ["nothing was checked"])


def _waiting(left: timedelta | None) -> str:
    return "" if left is None else f". Waiting, {rough(left)} left …"


def _regions(regions: list[RegionVerdict]) -> list[Block]:
    """Rows that stand below each other, though what is wrong stands between them."""
    kinds = [
        kind for kind in CheckKind if any(check.kind is kind for r in regions for check in r.checks)
    ]
    rows = [[line(r.region), *(line(_cell(r, kind)) for kind in kinds)] for r in regions]
    widths = [max(row[i].cell_len for row in rows) for i in range(len(kinds) + 1)]
    blocks: list[Block] = []
    for region, row in zip(regions, rows, strict=True):
        for cell, width in zip(row, widths, strict=True):
            cell.pad_right(width - cell.cell_len)
        blocks.append(grid([row], by=2, gap=3))
        if wrong := [check for check in region.checks if check.verdict is not Verdict.PASS]:
            blocks.append(grid([[trouble_words(check)] for check in wrong], by=6))
    return blocks


def trouble_words(check: Check) -> str:
    """What is wrong with a check, and where."""
    return f"{CHECK_NAMES[check.kind]}: {check.detail or check.verdict} ({check.target})"


def _cell(region: RegionVerdict, kind: CheckKind) -> Cell:
    checks = [check for check in region.checks if check.kind is kind]
    if not checks:
        return say(f"{DASH} {CHECK_NAMES[kind]}", Style.PAST)
    sign, style = SIGNS[worst_of(checks)]
    return line(say(sign, style), f" {check_words(kind, checks)}")


def check_words(kind: CheckKind, checks: Sequence[Check]) -> str:
    """What was looked at and measured: `edge (max-age 5 m)`, `12 verifiers`, `clock +0.01 s`."""
    name, facts = CHECK_NAMES[kind], _facts(kind, checks)
    looked = sum(check.looked for check in checks)
    match kind:
        case CheckKind.CLOCK:
            return " ".join([name, *facts])
        case CheckKind.VERIFIER if worst_of(checks) is Verdict.PASS:
            name = count(looked, "verifier")
        case _:
            pass
    return f"{name} ({', '.join(facts)})" if facts else name


def _facts(kind: CheckKind, checks: Sequence[Check]) -> list[str]:
    looked = sum(check.looked for check in checks)
    facts = []
    if kind is CheckKind.HTTP and looked > SAMPLES * len(checks):
        facts.append(count(looked, "answer"))
    if kind is not CheckKind.VERIFIER and len(checks) > 1:
        facts.append(f"{len(checks)} looked at")
    if longest := max((c.max_age for c in checks if c.max_age is not None), default=None):
        facts.append(f"max-age {say_duration(longest)}")
    if oldest := max((c.age for c in checks if c.age is not None), default=None):
        facts.append(f"age {age(oldest)}")
    if offsets := [c.clock_offset for c in checks if c.clock_offset is not None]:
        facts.append(offset(max(offsets, key=abs)))
    return facts
