"""Every document that `--json` prints is what the contract says, for every scenario."""

import json
from dataclasses import replace

import pytest

from rotator.app.history import Story
from rotator.app.reports import AuditLine, AuditReport
from rotator.domain.audit_proof import Proof
from rotator.domain.state import Revocation
from rotator.errors import ConfigError, all_codes
from rotator.render import json_out
from rotator.render.history_json import history_document
from tests.render import scenarios
from tests.render.schemas import valid


@pytest.mark.parametrize("name", scenarios.PLANS)
def test_plan(name: str) -> None:
    valid("plan", json_out.plan_document(scenarios.PLANS[name]()))


@pytest.mark.parametrize("name", scenarios.STATUSES)
def test_status(name: str) -> None:
    valid("status", json_out.status_document(scenarios.STATUSES[name]()))


def test_status_says_whether_it_is_held() -> None:
    held = json_out.status_document(scenarios.status_held())["issuers"][0]
    assert (held["held"], held["hold"]["reason"]) == (True, "freeze for the launch")
    assert json_out.status_document(scenarios.status_steady())["issuers"][0]["held"] is False


@pytest.mark.parametrize("name", scenarios.VERIFIES)
def test_verify(name: str) -> None:
    valid("verify", json_out.verify_document(scenarios.VERIFIES[name]()))


def test_verify_keeps_the_units_of_the_members_names() -> None:
    check = json_out.verify_document(scenarios.verify_open())["regions"][0]["checks"][1]
    assert (check["age_s"], check["max_age_s"], check["latency_ms"], check["clock_offset_s"]) == (
        42,
        300,
        12,
        None,
    )


def test_history() -> None:
    event = AuditLine(
        number=3, at=scenarios.NOW, issuer="accounts", event="removed_at", facts={}, digest="aa"
    )
    revocation = Revocation(
        kid=scenarios.GONE, cold=True, reason="laptop stolen", owner="ann", at=scenarios.NOW
    )
    told = Story("accounts", scenarios.key_status(scenarios.gone_key()), revocation, (event,))
    quiet = replace(told, revocation=None, events=())
    document = history_document([told, quiet], ["accounts", "payments"], scenarios.NOW)
    valid("history", document)
    first, second = document["issuers"][0]["keys"]
    assert (first["kid"], first["jwk"]["kid"]) == (scenarios.GONE, scenarios.GONE)
    assert (first["revoked"]["reason"], first["revoked"]["owner"]) == ("laptop stolen", "ann")
    assert first["events"][0]["event"] == "removed_at"
    assert (second["revoked"], second["events"]) == (None, [])
    assert document["issuers"][1] == {"issuer": "payments", "keys": []}


def test_apply() -> None:
    document = json_out.apply_document(scenarios.applied())
    valid("apply", document)
    assert [result["done"] for result in document["results"]] == [True, True, False]
    assert document["summary"] == {"done": 2, "failed": 1}
    valid("apply", json_out.apply_document(scenarios.applied_nothing()))


@pytest.mark.parametrize(
    ("checked", "broken_at", "chain"),
    [(False, None, "unchecked"), (True, None, "whole"), (True, 1, "broken")],
)
def test_audit(checked: bool, broken_at: int | None, chain: str) -> None:
    line = AuditLine(
        number=1,
        at=scenarios.NOW,
        issuer="accounts",
        event="switch",
        facts={"kid": None, "n": 1},
        digest="aa",
    )
    proof = Proof(first=1, last=1, broken_at=broken_at) if checked else None
    document = json_out.audit_document(
        AuditReport(records=(line,), checked=checked, broken_at=broken_at, proof=proof)
    )
    valid("audit", document)
    assert document["chain"] == chain
    assert (document["proof"] is not None) == checked


def test_every_error() -> None:
    for cls in all_codes().values():
        valid("error", json_out.error_document(cls("what happened").diagnostics()))
    error = json_out.error_document(ConfigError("a", detail="b", hint="c").diagnostics())["error"]
    assert list(error) == ["code", "message", "detail", "hint", "runbook"]


def test_what_is_printed_is_one_document_of_ascii() -> None:
    text = json_out.to_text(json_out.plan_document(scenarios.foreign()))
    assert text.isascii()
    assert "\u202e" in json.loads(text)["issuers"][0]["waiting"][0]["reason"]
