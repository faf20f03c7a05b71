"""What a store keeps: text with a checksum that says whose it is; anything else is damage."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rotator.domain.audit import AuditEntry
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.domain.stored import checksum, restored, restored_entry, restored_state, text_of
from rotator.errors import StateDamaged

STATE = IssuerState(issuer="accounts", lineage="l", serial=7)
TEXT = text_of(STATE)
SUM = checksum("accounts", TEXT)
ENTRY = AuditEntry(datetime(2026, 1, 1, tzinfo=UTC), "accounts", "begun", {"step": "generate"})


def test_what_was_kept_is_restored():
    assert restored_state(TEXT, SUM, "accounts", 7) == STATE
    assert " " not in TEXT
    seen = Evidence(issuer="accounts")
    text = text_of(seen)
    assert restored(Evidence, text, checksum("accounts", text), "accounts", "evidence") == seen
    assert restored_entry(3, text_of(ENTRY)) == ENTRY


@pytest.mark.parametrize(
    ("text", "written", "issuer", "serial", "words"),
    [
        (TEXT, SUM, "payments", 7, "its checksum differs"),
        (TEXT + " ", SUM, "accounts", 7, "its checksum differs"),
        (None, SUM, "accounts", 7, "its checksum differs"),
        (TEXT, None, "accounts", 7, "its checksum differs"),
        ("[]", checksum("accounts", "[]"), "accounts", 7, "cannot be read"),
        ("[" * 100_000, checksum("accounts", "[" * 100_000), "accounts", 7, "cannot be read"),
        (TEXT, SUM, "accounts", 8, "another issuer or another time"),
    ],
)
def test_anything_else_is_damage(text, written, issuer, serial, words):
    with pytest.raises(StateDamaged) as damage:
        restored_state(text, written, issuer, serial)
    assert words in f"{damage.value.message}: {damage.value.detail}"


def test_the_state_of_another_issuer_is_no_state():
    text = text_of(replace(STATE, issuer="payments"))
    with pytest.raises(StateDamaged, match="another issuer"):
        restored_state(text, checksum("accounts", text), "accounts", 7)


@pytest.mark.parametrize(
    ("text", "detail"),
    [("junk", ""), (json.dumps({"at": 1}), "$: member 'issuer' is missing"), ("[" * 100_000, "")],
)
def test_a_log_entry_that_cannot_be_read(text, detail):
    with pytest.raises(StateDamaged, match="entry 3 of the audit log") as damage:
        restored_entry(3, text)
    assert damage.value.detail == detail


def test_a_state_of_before_kms_loads_with_nothing_unanswered():
    """Members that were added later are missing in what an older version saved."""
    old = json.loads(TEXT)
    old["regions"] = {"us-east-1": {"jwks_location": "j", "signing_location": "s"}}
    del old["unanswered"]
    text = json.dumps(old)
    state = restored_state(text, checksum("accounts", text), "accounts", 7)
    assert state.unanswered == ()
    assert state.record("us-east-1").alias_arn is None
    assert replace(state, regions={}) == STATE
