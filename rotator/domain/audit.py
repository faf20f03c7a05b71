"""The audit log as a chain: each record carries the hash of the one before, so nothing in it changes unseen."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rotator.domain.codec import encode

START = "0" * 64
"""What stands before the first record."""

Fact = str | int | float | bool | None
"""What a fact of a logged entry can be: a JSON scalar."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log before it is chained: what happened, to whom, and the facts. Facts are JSON scalars."""

    at: datetime
    issuer: str
    event: str
    facts: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A logged entry: its number from 1, the hash before it and its own (SHA-256, hex)."""

    number: int
    entry: AuditEntry
    previous: str
    digest: str


def chained(number: int, previous: str, entry: AuditEntry) -> AuditRecord:
    """The record of `entry` behind the one whose digest is `previous`."""
    return AuditRecord(number, entry, previous, digest_of(number, previous, entry))


def digest_of(number: int, previous: str, entry: AuditEntry) -> str:
    """SHA-256, hex, over the canonical JSON of number, previous and entry: sorted, no white space, ASCII."""
    link = {"number": number, "previous": previous, "entry": encode(entry)}
    text = json.dumps(link, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def verify_chain(records: Iterable[AuditRecord]) -> int | None:
    """The number of the first record that is not what was written behind its predecessor, None when all are.

    A record that is missing shows at the next one; records missing at the very end leave a chain that is whole.
    """
    previous = START
    for expected, record in enumerate(records, start=1):
        if record != chained(expected, previous, record.entry):
            return record.number
        previous = record.digest
    return None
