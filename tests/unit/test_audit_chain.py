"""The chain of the audit log: whatever is changed, dropped, moved or slipped in shows."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rotator.domain.audit import START, AuditEntry, AuditRecord, chained, digest_of, verify_chain

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def chain(length: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for number in range(1, length + 1):
        previous = records[-1].digest if records else START
        entry = AuditEntry(NOW, "accounts", "happened", {"n": number})
        records.append(chained(number, previous, entry))
    return records


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_chain_is_whole_as_written(length: int) -> None:
    assert verify_chain(chain(length)) is None


def test_the_digest_is_over_canonical_json() -> None:
    entry = AuditEntry(NOW, "accounts", "gedreht ↻", {"b": 1.5, "a": None})
    canonical = (
        '{"entry":{"at":"2026-01-01T00:00:00Z","event":"gedreht \\u21bb","facts":{"a":null,"b":1.5},'
        f'"issuer":"accounts"}},"number":1,"previous":"{"0" * 64}"}}'
    )
    assert digest_of(1, START, entry) == hashlib.sha256(canonical.encode()).hexdigest()


def altered(records: list[AuditRecord], at: int, **changes: object) -> list[AuditRecord]:
    records[at] = replace(records[at], **changes)  # type: ignore[arg-type]
    return records


def rewritten(records: list[AuditRecord], at: int) -> list[AuditRecord]:
    """An entry changed by someone who knows how digests are made, but leaves the rest alone."""
    old = records[at]
    records[at] = chained(old.number, old.previous, replace(old.entry, event="something else"))
    return records


@pytest.mark.parametrize(
    ("spoil", "first"),
    [
        (lambda r: altered(r, 2, entry=replace(r[2].entry, event="nothing")), 3),
        (lambda r: altered(r, 2, entry=replace(r[2].entry, facts={"n": 4})), 3),
        (lambda r: altered(r, 2, digest="0" * 64), 3),
        (lambda r: altered(r, 2, previous="0" * 64), 3),
        (lambda r: altered(r, 2, number=9), 9),
        (lambda r: rewritten(r, 2), 4),
        (lambda r: r[1:], 2),
        (lambda r: r[:2] + r[3:], 4),
        (lambda r: [r[0], r[2], r[1], *r[3:]], 3),
        (lambda r: [*r[:3], r[2], *r[3:]], 3),
        (lambda r: [*r, r[0]], 1),
    ],
    ids=[
        "event altered",
        "fact altered",
        "digest altered",
        "previous altered",
        "number altered",
        "rewritten",
        "first missing",
        "one missing",
        "reordered",
        "doubled",
        "one slipped in",
    ],
)
def test_the_first_broken_record_is_named(
    spoil: Callable[[list[AuditRecord]], list[AuditRecord]], first: int
) -> None:
    assert verify_chain(spoil(chain(5))) == first


def test_a_fact_that_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest_of(1, START, AuditEntry(NOW, "accounts", "happened", {"n": float("nan")}))
