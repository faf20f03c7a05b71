"""`verify` as GitHub Actions shows it: annotations, which are workflow commands, and the step summary, in Markdown.

Details come from outside and may be hostile. In a command they are escaped as GitHub's toolkit does it
(`actions/toolkit`, `packages/core/src/command.ts`), in Markdown they stand in code spans, where nothing is markup.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from rotator.app.reports import RegionVerdict, VerifyReport
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.render.text.verify import (
    CHECK_NAMES,
    check_words,
    gate_words,
    hold_words,
    issuers_of,
    worst_of,
)
from rotator.render.words import DASH, clean, count

MOST_ANNOTATIONS = 10
"""GitHub shows so many of each kind for a step."""

SUMMARY_LIMIT = 1_000_000
"""Bytes; GitHub refuses a step's summary above 1 MiB."""

_LONGEST = 500
"""Characters of one detail."""

_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNKNOWN: "❔"}
_WORDS = {Verdict.PASS: "passes", Verdict.FAIL: "fails", Verdict.UNKNOWN: "is unknown"}
_TITLE = "rotator verify"


def annotations(report: VerifyReport) -> list[str]:
    """A workflow command a line: an error for what fails or is overdue, a warning for what is unknown or a hold's end."""
    found = list(_troubles(report))
    wrong = [(t, d) for t, d, verdict in found if verdict is Verdict.FAIL]
    unsure = [(t, d) for t, d, verdict in found if verdict is Verdict.UNKNOWN]
    late = [(f"{_TITLE}: overdue", words) for words in report.overdue]
    holds = [(f"{_TITLE}: hold", hold_words(hold)) for hold in report.holds]
    return [*_commands("error", [*late, *wrong]), *_commands("warning", [*unsure, *holds])]


def summary(report: VerifyReport) -> str:
    """The verdict, a table of regions and checks, what is wrong, and what to do next."""
    sign = _SIGNS[Verdict.PASS if report.gate_open else Verdict.FAIL]
    lines = [f"## {sign} rotator: {_plain(gate_words(report))}", ""]
    for issuer in issuers_of(report):
        lines += _table([region for region in report.regions if region.issuer == issuer])
    lines += _section("What is wrong", [*_wrong(report), *_late(report)])
    lines += _section("To know", [f"- {_plain(hold_words(hold))}" for hold in report.holds])
    if not report.gate_open:
        lines += _section("Next", [_NEXT])
    return _within(lines, SUMMARY_LIMIT)


_NEXT = (
    "`rotator plan` shows what waits for this gate, `rotator verify --wait 30m` waits for it, and the runbook "
    "*gate-stays-closed* says what to look for."
)


def _troubles(report: VerifyReport) -> Iterator[tuple[str, str, Verdict]]:
    """Title, detail and verdict of every check that does not pass."""
    for region in report.regions:
        for check in region.checks:
            if check.verdict is not Verdict.PASS:
                title = f"{_TITLE}: {_place(region)}, {CHECK_NAMES[check.kind]}"
                yield title, f"{_detail(check)} ({_cut(check.target)})", check.verdict


def _commands(kind: str, found: Sequence[tuple[str, str]]) -> Iterator[str]:
    shown = found if len(found) <= MOST_ANNOTATIONS else found[: MOST_ANNOTATIONS - 1]
    for title, detail in shown:
        yield f"::{kind} title={_property(title)}::{_data(detail)}"
    if rest := len(found) - len(shown):
        yield f"::{kind} title={_property(_TITLE)}::{rest} more: see the step's summary or log"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _table(regions: Sequence[RegionVerdict]) -> list[str]:
    kinds = [kind for kind in CheckKind if any(c.kind is kind for r in regions for c in r.checks)]
    rows = [
        ["issuer", "region", *(CHECK_NAMES[kind] for kind in kinds)],
        ["---"] * (2 + len(kinds)),
        *(
            [_plain(r.issuer), _plain(r.region), *(_cell(r, kind) for kind in kinds)]
            for r in regions
        ),
    ]
    return [*(f"| {' | '.join(row)} |" for row in rows), ""]


def _cell(region: RegionVerdict, kind: CheckKind) -> str:
    checks = [check for check in region.checks if check.kind is kind]
    if not checks:
        return DASH
    verdict = worst_of(checks)
    facts = check_words(kind, checks).removeprefix(CHECK_NAMES[kind]).strip()
    return f"{_SIGNS[verdict]} {_WORDS[verdict]} {_plain(facts)}".rstrip()


def _wrong(report: VerifyReport) -> Iterator[str]:
    for region in report.regions:
        for check in region.checks:
            if check.verdict is not Verdict.PASS:
                what = (
                    f"{_plain(_place(region))}, {CHECK_NAMES[check.kind]} {_WORDS[check.verdict]}"
                )
                yield f"- {what}: {_code(_detail(check))} at {_code(_cut(check.target))}"


def _late(report: VerifyReport) -> Iterator[str]:
    return (f"- overdue: {_code(_cut(words))}" for words in report.overdue)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    listed = list(lines)
    return [f"### {title}", "", *listed, ""] if listed else []


def _within(lines: Sequence[str], limit: int) -> str:
    """Whole lines only, and a last one that says how many were left out."""
    size, kept = 0, 0
    for line in lines:
        size += len(line.encode("utf-8", "replace")) + 1
        if size > limit:
            break
        kept += 1
    left_out = len(lines) - kept
    end = [f"\n… and {count(left_out, 'more line')}: see the log"] if left_out else []
    return "\n".join([*lines[:kept], *end]) + "\n"


def _place(region: RegionVerdict) -> str:
    return f"{region.issuer} in {region.region}"


def _detail(check: Check) -> str:
    return _cut(check.detail) or check.verdict.value


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(text: str) -> str:
    """Words as words: whatever Markdown or HTML could read in a character is written as a number."""
    return re.sub(
        r"(?!:\s|(?<=\d):(?=\d)|(?<=\w)-(?=\w))[^\w\s(),.…]|_",
        lambda found: f"&#{ord(found[0])};",
        clean(text),
    )


def _code(text: str) -> str:
    """A code span that nothing inside can end: fenced by more backticks in a row than it holds (CommonMark §6.1)."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}"
