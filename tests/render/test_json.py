"""Every document that `--json` prints is what the contract says, for every scenario."""

import json
from xml.etree.ElementTree import fromstring

import pytest

from rotator.app.reports import AuditLine, AuditReport, HistoryReport
from rotator.domain.evidence import CheckKind, Verdict
from rotator.errors import ConfigError, all_codes
from rotator.render import json_out
from rotator.render.junit import junit
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


def test_junit_has_a_case_for_each_region_and_check() -> None:
    root = fromstring(junit(scenarios.verify_closed()))  # noqa: S314  (our own text)
    cases = root.findall("testsuite/testcase")
    assert len(cases) == 2 + 2 + 1 + 1
    assert [len(root.findall(f"testsuite/testcase/{kind}")) for kind in ("failure", "error")] == [
        2,
        1,
    ]
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "1", "1")


def test_junit_of_hostile_text_is_still_xml() -> None:
    bad = scenarios.check(CheckKind.HTTP, "x", Verdict.FAIL, "\x00]]>&<\u202e\ud800")
    report = scenarios.verify_open()
    region = type(report.regions[0])(issuer="a", region="b", checks=(bad,))
    fromstring(junit(type(report)(at=report.at, regions=(region,))).encode())  # noqa: S314
