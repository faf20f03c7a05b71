"""Every key there ever was, and the story of one, as people read them."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from rotator.app.history import Story
from rotator.app.reports import AuditLine, HistoryReport, KeyStatus
from rotator.render.spans import GONE
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.words import DASH, clean, count, date, full, key_name, utc

_MOMENTS = (
    "staged_at",
    "published_at",
    "activated_at",
    "retired_at",
    "removed_at",
    "revoked_at",
    "destroyed_at",
)


_BEGUN = "begun"
"""What was begun is told by how it ended."""

_QUIET = frozenset({"kid", "ref", "moment", "step", "region", "generation", "reason_code"})


def story_text(story: Story, now: datetime, zone: tzinfo | None) -> list[Block]:
    """One key: what it is, why it was revoked, then what the log says of it, oldest first."""
    key = story.status.key
    head = line(
        say(key.kid, Style.STRONG),
        f" · {story.issuer} · {key.jwk.alg} · {story.status.phase}, made as {story.issuer}/{key.generation}",
    )
    return [head, *_revoked(story, now, zone), blank(), *_events(story)]


def _revoked(story: Story, now: datetime, zone: tzinfo | None) -> Iterator[Block]:
    if one := story.revocation:
        why = f"  revoked by {one.owner}, {full(one.at, now, zone)}: {one.reason}"
        yield line(say(why, Style.BAD))
        if one.cold:
            yield line("  its successor signed before every verifier could know it")


def _events(story: Story) -> Iterator[Block]:
    told = [event for event in story.events if event.event != _BEGUN]
    if not told:
        yield line("  the log says nothing of it: it began anew since")
        return
    yield grid([_event(event) for event in told], by=2, right=(0,))


def _event(event: AuditLine) -> list[Cell]:
    step = event.facts.get("step")
    ending = event.event.removeprefix("done_")
    what = f"{step}: {ending}" if step else event.event.removesuffix("_at")
    where = event.facts.get("region")
    why = event.facts.get("reason_code")
    more = [
        f"{name} {clean(str(value))}"
        for name, value in event.facts.items()
        if name not in _QUIET and value is not None
    ]
    return [
        say(str(event.number), Style.PAST),
        say(utc(event.at, seconds=True), Style.PAST),
        say(what.replace("_", " "), Style.STRONG if step is None else Style.PLAIN),
        clean(str(where)) if where else DASH,
        "  ".join([str(why)] * bool(why) + more),
    ]


def history_text(report: HistoryReport) -> list[Block]:
    """A table an issuer, oldest key first; moments in UTC."""
    blocks: list[Block] = []
    for issuer, keys in report.issuers.items():
        served = sum(key.phase not in GONE for key in keys)
        head = line(
            say(issuer, Style.STRONG), f" · {count(len(keys), 'key')} ever, {served} served"
        )
        blocks += [head, grid(_rows(keys, report.at), by=2, gap=3), blank()]
    return blocks[:-1]


def _rows(keys: tuple[KeyStatus, ...], now: datetime) -> list[list[Cell]]:
    head = ["key", "algorithm", "phase", *(name.removesuffix("_at") for name in _MOMENTS)]
    rows: list[list[Cell]] = [[say(name, Style.PAST) for name in head]]
    for key in keys:
        moments = [getattr(key.key.moments, name) for name in _MOMENTS]
        style = Style.PAST if key.phase in GONE else Style.PLAIN
        cells = [date(moment, now) if moment else DASH for moment in moments]
        rows.append(
            [
                say(cell, style)
                for cell in (key_name(key.key.kid), key.key.jwk.alg, key.phase, *cells)
            ]
        )
    return rows
