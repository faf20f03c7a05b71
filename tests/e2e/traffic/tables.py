"""The counts of both runs as a table, verifier by verifier."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from tests.e2e.traffic.drill import Drill, of_ms
from tests.e2e.traffic.runs import Gated, Ungated


def gated_table(run: Gated) -> str:
    """Tokens, answers and rejections by kind of verifier, in Markdown."""
    tokens, answers, rejected = (run.report.by_kind(w) for w in ("tokens", "answers", "rejected"))
    rows = [(kind, tokens[kind], answers[kind], rejected[kind]) for kind in sorted(tokens)]
    total = (run.report.tokens, run.report.answers, run.report.rejected)
    return _table(("verifier", "tokens", "answers", "rejected"), [*rows, ("all", *total)])


def naive_table(run: Ungated) -> str:
    """The same for the naive order, with the rejections told apart: key not learned yet, key gone too early."""
    tokens, answers = run.report.by_kind("tokens"), run.report.by_kind("answers")
    new: Counter[str] = Counter()
    gone: Counter[str] = Counter()
    for one in run.report.rejections:
        (new if run.too_new(one) else gone)[one.verifier] += 1
    rows = [
        (kind, tokens[kind], answers[kind], new[kind] + gone[kind], new[kind], gone[kind])
        for kind in sorted(tokens)
    ]
    counts = (run.report.tokens, run.report.answers, run.report.rejected)
    total = ("all", *counts, new.total(), gone.total())
    heads = ("verifier", "tokens", "answers", "rejected", "key not learned", "key gone")
    return _table(heads, [*rows, total])


def drill_table(run: Drill) -> str:
    """By kind of verifier: tokens and refusals of other keys, forged ones accepted, and for how long, against what was said."""
    tokens, answers = run.report.by_kind("tokens"), run.report.by_kind("answers")
    others = Counter(one.verifier for one in run.report.rejections if one.kid != run.stolen)
    rows: list[tuple[str | int, ...]] = []
    for kind in sorted(tokens):
        mine = [row for row in run.report.rows if row.kind == kind]
        believed = [of_ms(row.forged.last_accepted) for row in mine if row.forged.last_accepted]
        said = [run.until(row.region, row.kind) for row in mine]
        last = max(until for until in said if until) if all(said) else None
        rows.append(
            (
                kind,
                tokens[kind],
                answers[kind],
                others[kind],
                sum(row.forged.accepted for row in mine),
                _after(run, max(believed, default=None)),
                _after(run, last) if last else "until restarted",
            )
        )
    heads = ("verifier", "tokens", "answers", "others refused", "forged accepted", "believed for")
    return _table((*heads, "said"), rows)


def _after(run: Drill, at: datetime | None) -> str:
    return f"{(at - run.typed_at).total_seconds():.1f} s" if at else "never"


def _table(heads: tuple[str, ...], rows: list[tuple[str | int, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"
