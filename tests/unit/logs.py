"""Logs and checkpoints as small as they can be."""

from datetime import UTC, datetime, timedelta

from rotator.domain.audit import START, AuditEntry, AuditRecord, chained
from rotator.domain.audit_export import Link, link_of
from rotator.domain.checkpoints import Checkpoint, entry_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KID = "k-1"
GOOD, FORGED = b"good", b"forged"


def records(*entries: AuditEntry) -> list[AuditRecord]:
    """Entries, chained."""
    found, previous = list[AuditRecord](), START
    for number, one in enumerate(entries, start=1):
        found.append(chained(number, previous, one))
        previous = found[-1].digest
    return found


def log(*entries: AuditEntry) -> list[Link]:
    """Entries, chained and as links."""
    return [link_of(record) for record in records(*entries)]


def said(issuer: str, event: str, days: int = 0) -> AuditEntry:
    """An entry `days` after the first."""
    return AuditEntry(NOW + days * DAY, issuer, event, {"kid": "a", "n": 1, "nothing": None})


def checkpoint_of(link: Link, signature: bytes = GOOD, digest: str | None = None) -> AuditEntry:
    """A checkpoint over a link, made a day later."""
    return entry_of(Checkpoint(link.number, digest or link.digest, NOW + DAY), KID, signature)


def with_checkpoint(signature: bytes = GOOD, digest: str | None = None) -> list[Link]:
    """Two records, a checkpoint over them, and one record more."""
    first = [said("accounts", "a"), said("payments", "b")]
    return log(*first, checkpoint_of(log(*first)[-1], signature, digest), said("accounts", "c", 2))
