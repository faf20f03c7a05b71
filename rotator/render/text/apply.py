"""What an apply did, step by step, and what is left."""

from datetime import tzinfo

from rotator.app.reports import ApplyReport, StepResult
from rotator.render.text.plan import effect, step_name, step_region, summary_line, wait_rows
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.words import DASH, count, key_name


def apply_text(report: ApplyReport, zone: tzinfo | None) -> list[Block]:
    """A row a step, how it went, then what waits and what next."""
    blocks: list[Block] = []
    for issuer in dict.fromkeys(result.issuer for result in report.results):
        results = [result for result in report.results if result.issuer == issuer]
        blocks += [
            say(issuer, Style.STRONG),
            grid([row for result in results for row in step_rows(result)]),
            blank(),
        ]
    blocks += [_outcome(report), blank()]
    for left in report.left.issuers:
        if left.waiting:
            blocks += [
                line(say(left.issuer, Style.STRONG), " waits"),
                grid(wait_rows(left.waiting, report.left.now, zone)),
                blank(),
            ]
    return [*blocks, summary_line(report.left)]


def step_rows(result: StepResult) -> list[list[Cell]]:
    """A step and how it went; below it why it failed, and what to do."""
    sign = say("✗", Style.BAD) if result.error else say("✓", Style.GOOD)
    made = f" → {key_name(result.kid)}" if result.kid and getattr(result.step, "ref", None) else ""
    row: list[Cell] = [
        sign,
        step_name(result.step),
        step_region(result.step) or DASH,
        effect(result.step) + made,
    ]
    if result.error is None:
        return [row]
    why = result.error.detail.replace("\n", "; ")
    said = f"{result.error.message}{': ' if why else ''}{why}"
    error = line(say(result.error.code, Style.BAD), f"  {said}")
    return [row, ["", "", "", error], ["", "", "", say(f"→ {result.error.hint}", Style.PAST)]]


def _outcome(report: ApplyReport) -> Block:
    done = len(report.results) - len(report.failed)
    if not report.results:
        return line("  ", say("nothing to do", Style.GOOD))
    words = f"{count(done, 'step')} done"
    if not report.failed:
        return line("  ", say(words, Style.GOOD))
    return line(
        "  ",
        words,
        ", ",
        say(f"{len(report.failed)} failed", Style.BAD),
        "; the next run goes on there",
    )
