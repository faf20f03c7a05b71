"""Every document that `--json` prints is what the contract says, for every scenario."""

import json

import pytest

from rotator.app.reports import AuditLine, AuditReport, HistoryReport
from rotator.errors import ConfigError, all_codes
from rotator.render import json_out
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
    report = HistoryReport(
        at=scenarios.NOW, issuers={"accounts": (scenarios.key_status(scenarios.gone_key()),)}
    )
    document = json_out.history_document(report)
    valid("history", document)
    assert document["issuers"][0]["keys"][0]["kid"] == scenarios.GONE


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
    document = json_out.audit_document(
        AuditReport(records=(line,), checked=checked, broken_at=broken_at)
    )
    valid("audit", document)
    assert document["chain"] == chain


def test_every_error() -> None:
    for cls in all_codes().values():
        valid("error", json_out.error_document(cls("what happened").diagnostics()))
    error = json_out.error_document(ConfigError("a", detail="b", hint="c").diagnostics())["error"]
    assert list(error) == ["code", "message", "detail", "hint", "runbook"]


def test_what_is_printed_is_one_document_of_ascii() -> None:
    text = json_out.to_text(json_out.plan_document(scenarios.foreign()))
    assert text.isascii()
    assert "\u202e" in json.loads(text)["issuers"][0]["waiting"][0]["reason"]
