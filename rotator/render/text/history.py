"""Every key there ever was, and the log, as people read them."""

from datetime import datetime

from rotator.app.reports import AuditLine, AuditReport, HistoryReport, KeyStatus
from rotator.domain.times import format_moment
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.text.status import GONE
from rotator.render.words import DASH, clean, count, date, key_name

_MOMENTS = (
    "staged_at",
    "published_at",
    "activated_at",
    "retired_at",
    "removed_at",
    "revoked_at",
    "destroyed_at",
)


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


def audit_text(report: AuditReport) -> list[Block]:
    """One line a record, then what is known of the chain."""
    return [grid([_record(record) for record in report.records], by=0, right=(0,)), _chain(report)]


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


def _record(record: AuditLine) -> list[Cell]:
    facts = "  ".join(
        f"{name}={clean(str(value))}" for name, value in record.facts.items() if value is not None
    )
    at = say(format_moment(record.at), Style.PAST)
    return [str(record.number), at, record.issuer, say(record.event, Style.STRONG), facts]


def _chain(report: AuditReport) -> Block:
    total = count(len(report.records), "record")
    if report.broken_at is not None:
        return line(say(f"chain broken at record {report.broken_at}", Style.BAD), f" of {total}")
    if report.checked:
        return line(say("chain whole", Style.GOOD), f": {total}")
    return line(f"{total}; check the chain: rotator audit --verify")
