"""A takeover as people read it: what signs on, what is served on, what the regions serve now, and what to know."""

from datetime import tzinfo

from rotator.app.importing import Report
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say, title
from rotator.render.words import count, full

_REWRITTEN = "this set, written differently: the first apply writes the same keys its own way"
_NOTHING = "serves nothing yet: the first apply writes the set there"


def takeover_text(report: Report, zone: tzinfo | None) -> list[Block]:
    """What would be taken over; after it, what happens next."""
    takeover, terms = report.takeover, report.terms
    since = full(terms.activated_at, report.at, zone)
    kids = [entry.kid for entry in takeover.others]
    until = f"until {full(terms.until, report.at, zone)}" if terms.until else "until it is rejected"
    signs = say(takeover.active.kid, Style.STRONG)
    rows: list[list[Cell]] = [["signs on", signs, takeover.active.alg, f"since {since}"]]
    rows += [["served on", kid, "", until] for kid in kids]
    blocks: list[Block] = [
        line(
            say(report.issuer, Style.STRONG),
            f" · {report.url} · an existing set of {count(len(kids) + 1, 'key')}",
        ),
        blank(),
        grid(rows),
        blank(),
        title("Regions now"),
        grid(_regions(report)),
        blank(),
    ]
    if report.notes:
        blocks += [title("To know"), grid([[note] for note in report.notes]), blank()]
    return [*blocks, *_end(report)]


def _regions(report: Report) -> list[list[Cell]]:
    takeover = report.takeover
    rows: list[list[Cell]] = []
    for name in takeover.serving:
        same = "this very set" if name not in takeover.rewritten else _REWRITTEN
        rows.append([name, f"serves {same}"])
    rows += [[name, _NOTHING] for name in takeover.empty]
    return rows


def _end(report: Report) -> list[Block]:
    if not report.done:
        return []
    name = report.issuer
    rows: list[list[Cell]] = [
        ["rotator plan", "shows that no key comes, goes or changes"],
        ["rotator apply", "writes what it shows, and tells the signers to go on"],
        [f"rotator release {name}", "begins to rotate: until then it is held"],
    ]
    if report.from_file:
        rows.append(
            ["delete the key's file", "the key store has it from now on, and needs no copy"]
        )
    return [line("  ", say("taken over", Style.GOOD), "; no region was touched. Next:"), grid(rows)]
