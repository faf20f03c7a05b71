"""The log as people read it, and what was proven of it."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from rotator.app.reports import AuditLine, AuditReport
from rotator.domain.audit_proof import Proof
from rotator.domain.times import format_moment
from rotator.render.text.screen import Block, Cell, Style, grid, line, say
from rotator.render.words import DASH, clean, count, full

_SIGNED = "jws"
"""Of a checkpoint the table says that it is there; `--checkpoint-out` and `--json` have it whole."""


def audit_text(report: AuditReport, now: datetime, zone: tzinfo | None) -> list[Block]:
    """One line a record, then what is known of the log."""
    records = grid([_record(record) for record in report.records], by=0, right=(0,))
    if report.proof is None:
        total = count(len(report.records), "record")
        return [records, line(f"{total}; prove the log: rotator audit --verify")]
    return [records, *_proof(report.proof, now, zone)]


def _record(record: AuditLine) -> list[Cell]:
    facts = "  ".join(
        f"{name}={clean(str(value))}"
        for name, value in record.facts.items()
        if value is not None and name != _SIGNED
    )
    at = say(format_moment(record.at), Style.PAST)
    return [str(record.number), at, record.issuer or DASH, say(record.event, Style.STRONG), facts]


def _proof(proof: Proof, now: datetime, zone: tzinfo | None) -> Iterator[Block]:
    if proof.broken_at is None:
        yield line(say("chain whole", Style.GOOD), f": {_extent(proof)}")
    if proof.checkpointed_at is not None:
        yield from _checkpoints(proof, now, zone)
    if proof.compared is not None:
        there = count(proof.compared, "record")
        yield line(f"of what was kept, {there} still there as they were")
    for fault in proof.faults:
        yield line(say(fault, Style.BAD))


def _extent(proof: Proof) -> str:
    if proof.first <= 1:
        return count(proof.last, "record")
    return f"records {proof.first}{DASH}{proof.last}; nothing is known of those before"


def _checkpoints(proof: Proof, now: datetime, zone: tzinfo | None) -> Iterator[Block]:
    how = "signed" if proof.signatures else "signatures not verified"
    at = full(proof.checkpointed_at, now, zone) if proof.checkpointed_at else DASH
    behind = proof.last - (proof.covered or 0) - 1
    yield line(
        f"{count(proof.checkpoints, 'checkpoint')}, {how}; the newest covers records up to {proof.covered}: {at}"
    )
    if behind > 0:
        yield line(f"{count(behind, 'record')} behind it that no checkpoint covers yet")
